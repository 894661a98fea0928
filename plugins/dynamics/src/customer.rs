//! The customer: account and contact, found or made when an opportunity is, and read when a referral is made.

use crosswalk_sdk::{
    contract::Address,
    cosell::{size, text::fitted},
    prelude::*,
};

use crate::{Account, Contact, columns::lengths};

/// A text cut to what the column holds; not spoken of where there is none.
pub(crate) fn part(text: Option<&str>, characters: i32) -> Field<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map_or(Field::Unset, |text| fitted(text, characters).into())
}

/// The account with the customer's name and postal code, or a new one with its address; none without a name.
pub fn account(referral: &Referral) -> Option<Ref<Account>> {
    let name = referral.customer.name.as_deref().map(str::trim).filter(|name| !name.is_empty())?;
    let address = referral.customer.address.as_ref();
    let of = |of: fn(&Address) -> &Option<String>, characters| {
        part(address.and_then(|address| of(address).as_deref()), characters)
    };
    let matching = Account {
        name: fitted(name, lengths::ACCOUNT).into(),
        postal_code: of(|address| &address.postal_code, lengths::POSTAL_CODE),
        ..Account::default()
    };
    let extra = Account {
        line1: of(|address| &address.line1, lengths::LINE),
        line2: of(|address| &address.line2, lengths::LINE),
        city: of(|address| &address.city, lengths::CITY),
        state: of(|address| &address.state, lengths::STATE),
        country: of(|address| &address.country, lengths::CITY),
        employees: employees(referral),
        ..Account::default()
    };
    Some(Ref::find_or_create(matching, extra))
}

/// The fewest employees that the customer's size stands for.
pub(crate) fn employees(referral: &Referral) -> Field<i32> {
    referral.customer.size.as_deref().and_then(size::employees).map_or(Field::Unset, Field::Set)
}

/// Partner Center's word for the number of the account's employees.
pub fn size(account: &Account) -> Field<String> {
    account.employees.get().and_then(|employees| size::word(*employees)).map_or(Field::Unset, Field::from)
}

/// The contact with the first customer contact's e-mail address, or a new one; none without an address, because two
/// people may have one name.
pub fn contact(referral: &Referral, account: Option<&Ref<Account>>) -> Option<Ref<Contact>> {
    let member = referral.customer.team.first()?;
    let matching = Contact { email: email(member)?.into(), ..Contact::default() };
    let extra = Contact {
        first_name: part(member.first_name.as_deref(), lengths::PERSON),
        last_name: part(member.last_name.as_deref(), lengths::PERSON),
        phone: part(member.phone_number.as_deref(), lengths::PHONE),
        title: part(member.title.as_deref(), lengths::TITLE),
        works_for: account.cloned().map_or(Field::Unset, Field::Set),
        ..Contact::default()
    };
    Some(Ref::find_or_create(matching, extra))
}

/// A person's e-mail address; none where it does not fit, because half an address is another one.
pub(crate) fn email(member: &Member) -> Option<&str> {
    let email = member.email.as_deref().map(str::trim).filter(|email| !email.is_empty())?;
    let room = usize::try_from(lengths::EMAIL).unwrap_or_default();
    if email.chars().count() > room { None } else { Some(email) }
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
