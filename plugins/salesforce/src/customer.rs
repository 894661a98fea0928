//! The customer: account and contact, found or made when an opportunity is, and read when a referral is made.

use crosswalk_sdk::{
    contract::Address,
    cosell::{size, text::fitted},
    prelude::*,
};

use crate::{Account, Contact, columns::lengths};

/// A text cut to what the field holds; not spoken of where there is none.
pub(crate) fn part(text: Option<&str>, characters: i32) -> Field<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map_or(Field::Unset, |text| fitted(text, characters).into())
}

/// What means nothing when it is cut: not spoken of where it does not fit.
pub(crate) fn whole(text: Option<&str>, characters: i32) -> Field<String> {
    let cut = part(text, characters);
    if text.map(str::trim) == cut.get().map(String::as_str) { cut } else { Field::Unset }
}

/// The account with the customer's name and postal code, or a new one with its address; none without a name.
pub fn account(referral: &Referral) -> Option<Ref<Account>> {
    let name = referral.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty())?;
    let address = referral.customer.address.as_ref();
    let of = |of: fn(&Address) -> &Option<String>, characters| {
        part(address.and_then(|address| of(address).as_deref()), characters)
    };
    let matching = Account {
        name: fitted(name, lengths::COMPANY).into(),
        postal_code: whole(address.and_then(|address| address.postal_code.as_deref()), lengths::POSTAL_CODE),
        ..Account::default()
    };
    let extra = Account {
        street: part(address.and_then(street).as_deref(), lengths::STREET),
        city: of(|address| &address.city, lengths::CITY),
        state: of(|address| &address.state, lengths::STATE),
        country: of(|address| &address.country, lengths::STATE),
        employees: employees(referral),
        ..Account::default()
    };
    Some(Ref::find_or_create(matching, extra))
}

/// Salesforce holds both lines of an address in one field.
pub(crate) fn street(address: &Address) -> Option<String> {
    let lines = [&address.line1, &address.line2].into_iter().flatten();
    let lines: Vec<&str> = lines.map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

/// The fewest employees that the customer's size stands for.
pub(crate) fn employees(referral: &Referral) -> Field<i32> {
    referral.customer.size.as_deref().and_then(size::employees).map_or(Field::Unset, Field::Set)
}

/// Partner Center's word for the number of the account's employees.
pub fn size(account: &Account) -> Field<String> {
    account.employees.get().and_then(|employees| size::word(*employees)).map_or(Field::Unset, Field::from)
}

/// The contact with the e-mail address of the customer's first contact who has one, or a new one; none without an
/// address, because two people may have one name.
pub fn contact(referral: &Referral, account: Option<&Ref<Account>>) -> Option<Ref<Contact>> {
    let (member, email) = referral.customer.team.iter().find_map(|member| Some((member, email(member)?)))?;
    let matching = Contact { email: email.into(), ..Contact::default() };
    let extra = Contact {
        first_name: part(member.first_name.as_deref(), lengths::FIRST_NAME),
        last_name: last_name(member).map_or_else(|| email.into(), Field::Set),
        phone: whole(member.phone_number.as_deref(), lengths::PHONE),
        title: part(member.title.as_deref(), lengths::TITLE),
        works_for: account.cloned().map_or(Field::Unset, Field::Set),
        ..Contact::default()
    };
    Some(Ref::find_or_create(matching, extra))
}

/// The e-mail address, if there is one that Salesforce takes: it refuses the whole record for another.
pub(crate) fn email(member: &Member) -> Option<&str> {
    let email = member.email.as_deref()?.trim();
    let (name, domain) = email.split_once('@')?;
    let is_one = !name.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace);
    (is_one && fitted(email, lengths::EMAIL) == email).then_some(email)
}

/// Salesforce demands a last name of every person.
pub(crate) fn last_name(member: &Member) -> Option<String> {
    let names = [&member.last_name, &member.first_name, &member.email].into_iter().flatten();
    names.map(|name| name.trim()).find(|name| !name.is_empty()).map(|name| fitted(name, lengths::LAST_NAME))
}

/// The primary contact as a member of the customer's team.
pub fn member(contact: &Contact) -> Member {
    Member {
        first_name: contact.first_name.clone().value(),
        last_name: contact.last_name.clone().value(),
        email: contact.email.clone().value(),
        phone_number: contact.phone.clone().value(),
        title: contact.title.clone().value(),
        more: Vec::new(),
    }
}

/// The account's address. What stands below the first line of the street is the second line.
pub fn address(account: &Account) -> DraftAddress {
    let mut lines = account.street.text().lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next();
    let rest: Vec<&str> = lines.collect();
    let said = |text: Option<&str>| text.map_or(Field::Unset, Field::from);
    DraftAddress {
        line1: said(first),
        line2: said(Some(rest.join(", ").as_str()).filter(|rest| !rest.is_empty())),
        city: account.city.clone().or_unset(),
        state: account.state.clone().or_unset(),
        postal_code: account.postal_code.clone().or_unset(),
        country: account.country.clone().or_unset(),
    }
}
