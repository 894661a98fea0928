//! Lists of people: the customer's contacts, and the partner's sales team.

use crate::contract::Member;

/// The list with this person in it, and nobody dropped. Who is known by the e-mail address gets the parts that the
/// person has; without an address the list stays as it is.
pub fn joined(known: &[Member], person: &Member) -> Vec<Member> {
    let mut members = known.to_vec();
    let Some(email) = person.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) else {
        return members;
    };
    let same = |member: &&mut Member| {
        member.email.as_deref().is_some_and(|known| known.trim().eq_ignore_ascii_case(email))
    };
    match members.iter_mut().find(same) {
        Some(member) => refresh(member, person),
        None => members.push(person.clone()),
    }
    members
}

fn refresh(member: &mut Member, person: &Member) {
    let parts = [
        (&mut member.first_name, &person.first_name),
        (&mut member.last_name, &person.last_name),
        (&mut member.phone_number, &person.phone_number),
        (&mut member.title, &person.title),
    ];
    for (held, said) in parts {
        if said.as_deref().is_some_and(|said| !said.trim().is_empty()) {
            held.clone_from(said);
        }
    }
}
