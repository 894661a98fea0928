//! The objects that describe the organisation itself: users, permissions, stages, currencies, and what the Tooling API
//! shows of the schema.

use super::{
    builder::ObjectBuilder,
    schema::{Kind, Object},
};

/// Every set-up object.
pub(crate) fn objects() -> Vec<Object> {
    vec![
        user(),
        profile(),
        organization(),
        stage(),
        lead_status(),
        currency_type(),
        permission_set(),
        permission_set_assignment(),
        field_permissions(),
        object_permissions(),
        custom_field(),
        custom_object(),
    ]
}

fn user() -> Object {
    ObjectBuilder::new("User", b"005")
        .text("Username", 80)
        .required()
        .text("LastName", 80)
        .required()
        .text("FirstName", 40)
        .text("Name", 121)
        .required()
        .names()
        .calculated()
        .text("Alias", 8)
        .field("Email", Kind::Email)
        .length(128)
        .required()
        .field("Phone", Kind::Phone)
        .length(40)
        .text("Title", 80)
        .text("CompanyName", 80)
        .picklist("UserType", &["Standard"])
        .read_only()
        .flag("IsActive")
        .text("TimeZoneSidKey", 40)
        .text("LocaleSidKey", 40)
        .text("LanguageLocaleKey", 40)
        .reference("ProfileId", "Profile", "Profile", Some("Users"))
        .picklist("DefaultCurrencyIsoCode", super::baseline::CURRENCY_CODES)
        .length(3)
        .only_in_several_currencies()
        .audit()
        .build()
}

fn profile() -> Object {
    ObjectBuilder::new("Profile", b"00e").text("Name", 255).required().names().audit().setup().build()
}

fn organization() -> Object {
    ObjectBuilder::new("Organization", b"00D")
        .text("Name", 80)
        .names()
        .picklist("OrganizationType", &["Enterprise Edition"])
        .text("InstanceName", 5)
        .flag("IsSandbox")
        .text("LanguageLocaleKey", 40)
        .text("TimeZoneSidKey", 40)
        .text("NamespacePrefix", 15)
        .audit()
        .setup()
        .build()
}

fn stage() -> Object {
    ObjectBuilder::new("OpportunityStage", b"01J")
        .text("MasterLabel", 255)
        .names()
        .text("ApiName", 255)
        .flag("IsActive")
        .integer("SortOrder")
        .flag("IsClosed")
        .flag("IsWon")
        .picklist("ForecastCategory", &["Omitted", "Pipeline", "BestCase", "Forecast", "Closed"])
        .picklist("ForecastCategoryName", &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"])
        .field("DefaultProbability", Kind::Percent)
        .digits(3, 0)
        .text("Description", 255)
        .audit()
        .setup()
        .build()
}

fn lead_status() -> Object {
    ObjectBuilder::new("LeadStatus", b"01K")
        .text("MasterLabel", 255)
        .names()
        .text("ApiName", 255)
        .integer("SortOrder")
        .flag("IsDefault")
        .flag("IsConverted")
        .audit()
        .setup()
        .build()
}

fn currency_type() -> Object {
    ObjectBuilder::new("CurrencyType", b"01L")
        .multi_currency()
        .picklist("IsoCode", super::baseline::CURRENCY_CODES)
        .length(3)
        .field("ConversionRate", Kind::Double)
        .digits(18, 6)
        .integer("DecimalPlaces")
        .flag("IsActive")
        .flag("IsCorporate")
        .audit()
        .setup()
        .build()
}

fn permission_set() -> Object {
    ObjectBuilder::new("PermissionSet", b"0PS")
        .text("Name", 80)
        .required()
        .names()
        .text("Label", 80)
        .required()
        .text("Description", 255)
        .reference("ProfileId", "Profile", "Profile", None)
        .read_only()
        .flag("IsOwnedByProfile")
        .read_only()
        .flag("IsCustom")
        .read_only()
        .audit()
        .build()
}

fn permission_set_assignment() -> Object {
    ObjectBuilder::new("PermissionSetAssignment", b"0Pa")
        .reference("PermissionSetId", "PermissionSet", "PermissionSet", Some("Assignments"))
        .required()
        .create_only()
        .cascade()
        .reference("AssigneeId", "User", "Assignee", Some("PermissionSetAssignments"))
        .required()
        .create_only()
        .audit()
        .build()
}

fn field_permissions() -> Object {
    ObjectBuilder::new("FieldPermissions", b"01k")
        .reference("ParentId", "PermissionSet", "Parent", Some("FieldPerms"))
        .required()
        .create_only()
        .cascade()
        .picklist("SobjectType", &[])
        .required()
        .create_only()
        .picklist("Field", &[])
        .required()
        .create_only()
        .flag("PermissionsRead")
        .flag("PermissionsEdit")
        .audit()
        .build()
}

fn object_permissions() -> Object {
    let flags = [
        "PermissionsCreate",
        "PermissionsRead",
        "PermissionsEdit",
        "PermissionsDelete",
        "PermissionsViewAllRecords",
        "PermissionsModifyAllRecords",
    ];
    let builder = ObjectBuilder::new("ObjectPermissions", b"110")
        .reference("ParentId", "PermissionSet", "Parent", Some("ObjectPerms"))
        .required()
        .create_only()
        .cascade()
        .picklist("SobjectType", &[])
        .required()
        .create_only();
    flags.into_iter().fold(builder, ObjectBuilder::flag).audit().build()
}

fn custom_field() -> Object {
    ObjectBuilder::new("CustomField", b"00N")
        .tooling()
        .text("DeveloperName", 80)
        .names()
        .text("NamespacePrefix", 15)
        .text("TableEnumOrId", 255)
        .text("FullName", 255)
        .audit()
        .setup()
        .build()
}

fn custom_object() -> Object {
    ObjectBuilder::new("CustomObject", b"01I")
        .tooling()
        .text("DeveloperName", 80)
        .names()
        .text("NamespacePrefix", 15)
        .audit()
        .setup()
        .build()
}
