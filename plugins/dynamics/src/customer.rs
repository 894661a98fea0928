//! The customer: account and contact, found or made when an opportunity is, and read when a referral is made.

use crosswalk_sdk::prelude::*;

use crate::{Account, Contact};

/// The account with the customer's name and postal code, or a new one with its address; none without a name.
pub fn account(referral: &Referral) -> Option<Ref<Account>> {
    let name = referral.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty())?;
    let address = referral.customer.address.as_ref();
    let part = |part: Option<&String>| {
        part.filter(|text| !text.is_empty()).map_or(Field::Unset, |text| text.clone().into())
    };
    let matching = Account {
        name: name.into(),
        postal_code: part(address.and_then(|address| address.postal_code.as_ref())),
        ..Account::default()
    };
    let extra = Account {
        line1: part(address.and_then(|address| address.line1.as_ref())),
        line2: part(address.and_then(|address| address.line2.as_ref())),
        city: part(address.and_then(|address| address.city.as_ref())),
        state: part(address.and_then(|address| address.state.as_ref())),
        country: part(address.and_then(|address| address.country.as_ref())),
        ..Account::default()
    };
    Some(Ref::find_or_create(matching, extra))
}

/// The contact with the first customer contact's e-mail address, or a new one; none without an address, because two
/// people may have one name.
pub fn contact(referral: &Referral, account: Option<&Ref<Account>>) -> Option<Ref<Contact>> {
    let member = referral.customer.team.first()?;
    let email = member.email.as_deref().filter(|email| !email.is_empty())?;
    let part = |part: &Option<String>| part.clone().map_or(Field::Unset, Field::Set);
    let matching = Contact { email: email.into(), ..Contact::default() };
    let extra = Contact {
        first_name: part(&member.first_name),
        last_name: part(&member.last_name),
        phone: part(&member.phone_number),
        title: part(&member.title),
        works_for: account.cloned().map_or(Field::Unset, Field::Set),
        ..Contact::default()
    };
    Some(Ref::find_or_create(matching, extra))
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

/// The account's address.
pub fn address(account: &Account) -> DraftAddress {
    DraftAddress {
        line1: account.line1.clone().or_unset(),
        line2: account.line2.clone().or_unset(),
        city: account.city.clone().or_unset(),
        state: account.state.clone().or_unset(),
        postal_code: account.postal_code.clone().or_unset(),
        country: account.country.clone().or_unset(),
    }
}
