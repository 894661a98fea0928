//! The partner's salesperson, whom Partner Center names to Microsoft.

use crosswalk_sdk::prelude::*;

use crate::{Opportunity, Salesforce, User};

/// The opportunity's owner; what is not known of it is taken from the settings.
pub fn member(linked: &Opportunity, settings: &Salesforce) -> Member {
    let owner = linked.owner.get().and_then(Ref::record);
    let part = |of: fn(&User) -> &Field<String>, otherwise: &String| {
        let own = owner.map(|owner| of(owner).text()).filter(|text| !text.is_empty());
        own.or(Some(otherwise.as_str()).filter(|text| !text.is_empty())).map(str::to_owned)
    };
    Member {
        first_name: part(|user| &user.first_name, &settings.sales_contact_first_name),
        last_name: part(|user| &user.last_name, &settings.sales_contact_last_name),
        email: part(|user| &user.email, &settings.sales_contact_email),
        phone_number: part(|user| &user.phone, &settings.sales_contact_phone),
        title: None,
        more: Vec::new(),
    }
}

/// Partner Center wants name, e-mail address and phone number, or nobody.
///
/// # Errors
/// Names the setting for the first part that is missing.
pub fn complete(member: &Member) -> Result<()> {
    let needed = [
        ("first_name", &member.first_name),
        ("last_name", &member.last_name),
        ("email", &member.email),
        ("phone", &member.phone_number),
    ];
    for (part, text) in needed {
        ensure!(
            text.is_some(), "OwnerId",
            "Microsoft's help is asked for, and the {} of the deal's salesperson is not known", part.replace('_', " ");
            help = "set `sales_contact_{}` in the plugin's settings, or enter it at the owner's user", part
        );
    }
    Ok(())
}
