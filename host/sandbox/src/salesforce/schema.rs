//! The shape of an object: its fields, what may be written into them, and where references lead.
//!
//! The shapes themselves are in [`super::catalogue`]; the Tooling and Metadata APIs may add fields and objects.

use super::record_id::RecordId;

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// API name, `Opportunity`.
    pub(crate) name: String,
    /// The label.
    pub(crate) label: String,
    /// The label of many.
    pub(crate) plural: String,
    /// The first three characters of its records' ids.
    pub(crate) prefix: [u8; 3],
    /// Its fields, in the order in which they are described.
    pub(crate) fields: Vec<Field>,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Belongs to the Tooling API and not to the data API.
    pub(crate) tooling: bool,
    /// Whether clients may create, change and delete records.
    pub(crate) writable: bool,
    /// Whether it is a customer's business record: has an owner, a recycle bin and change lists.
    pub(crate) business: bool,
    /// There only in organisations with several currencies.
    pub(crate) multi_currency: bool,
}

/// Where an object or field comes from, which decides who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Salesforce's own.
    Standard,
    /// Installed with the co-sell package, permissions included.
    Package,
    /// Made through an API; invisible until a permission set grants it.
    Added,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// API name.
    pub(crate) name: String,
    /// The label.
    pub(crate) label: String,
    /// The type.
    pub(crate) kind: Kind,
    /// Longest text, in characters; 0 for types that are no text.
    pub(crate) length: usize,
    /// Digits in all, for numbers.
    pub(crate) precision: u32,
    /// Digits after the point, for numbers.
    pub(crate) scale: u32,
    /// A record may lack it.
    pub(crate) nillable: bool,
    /// The organisation gives a new record a value if the client does not.
    pub(crate) defaulted: bool,
    /// May be given in a create.
    pub(crate) createable: bool,
    /// May be given in an update.
    pub(crate) updateable: bool,
    /// Records can be found and upserted by it.
    pub(crate) external_id: bool,
    /// No two records share a value.
    pub(crate) unique: bool,
    /// Whether `A` and `a` differ for `unique` and for the external id.
    pub(crate) case_sensitive: bool,
    /// Computed by Salesforce from other fields.
    pub(crate) calculated: bool,
    /// The object's name field.
    pub(crate) name_field: bool,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// There only in organisations with several currencies.
    pub(crate) multi_currency: bool,
    /// The metadata id, for fields made through an API.
    pub(crate) id: Option<RecordId>,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The record's own id.
    Id,
    /// One line of text.
    Text,
    /// A name that counts up by itself.
    AutoNumber,
    /// Several lines of text; more than 255 characters cannot be filtered.
    TextArea,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A web address.
    Url,
    /// One choice.
    Picklist(Picklist),
    /// Several choices, joined with `;`.
    MultiPicklist(Picklist),
    /// A reference to a record of another object.
    Reference(Reference),
    /// Money in the record's currency.
    Currency,
    /// A number.
    Double,
    /// A whole number.
    Integer,
    /// A percentage.
    Percent,
    /// A checkbox.
    Flag,
    /// A date.
    Date,
    /// A moment.
    Instant,
    /// The parts of an address, read together; the text is what their names begin with.
    Address(String),
}

/// The choices of a picklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picklist {
    /// The choices.
    pub(crate) values: Vec<Choice>,
    /// Whether other values are refused.
    pub(crate) restricted: bool,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What is stored.
    pub(crate) value: String,
    /// What people see.
    pub(crate) label: String,
    /// Whether it can still be chosen.
    pub(crate) active: bool,
    /// Whether a new record gets it.
    pub(crate) default: bool,
}

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The objects that it may lead to, the usual one first.
    pub(crate) to: Vec<String>,
    /// The name for paths in queries, `Account`.
    pub(crate) relationship: String,
    /// The name of the way back, for sub-queries of the other object; none where there is no way back.
    pub(crate) children: Option<String>,
    /// Whether this record goes when the other one goes.
    pub(crate) cascade: bool,
}

impl Object {
    /// A field by name, in any case.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The reference field whose relationship has this name, in any case.
    pub(crate) fn relationship(&self, name: &str) -> Option<(&Field, &Reference)> {
        self.fields.iter().find_map(|field| match &field.kind {
            Kind::Reference(reference) if reference.relationship.eq_ignore_ascii_case(name) => {
                Some((field, reference))
            }
            _ => None,
        })
    }

    /// The reference fields with where they lead.
    pub(crate) fn references(&self) -> impl Iterator<Item = (&Field, &Reference)> {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Reference(reference) => Some((field, reference)),
            _ => None,
        })
    }

    /// Whether it was not there when Salesforce shipped.
    pub(crate) fn custom(&self) -> bool {
        self.origin != Origin::Standard
    }
}

impl Field {
    /// Whether it was not there when Salesforce shipped.
    pub(crate) fn custom(&self) -> bool {
        self.origin != Origin::Standard
    }

    /// Whether it can stand in a WHERE: long texts and addresses cannot.
    pub(crate) fn filterable(&self) -> bool {
        match self.kind {
            Kind::TextArea => self.length <= 255,
            Kind::Address(_) => false,
            _ => true,
        }
    }

    /// Whether it can stand in an ORDER BY.
    pub(crate) fn sortable(&self) -> bool {
        self.filterable() && !matches!(self.kind, Kind::MultiPicklist(_))
    }

    /// Whether records are looked up by it often enough to keep an index.
    pub(crate) fn indexed(&self) -> bool {
        self.external_id || self.unique || matches!(self.kind, Kind::Reference(_))
    }

    /// The choices, if it is a picklist.
    pub(crate) fn picklist(&self) -> Option<&Picklist> {
        match &self.kind {
            Kind::Picklist(picklist) | Kind::MultiPicklist(picklist) => Some(picklist),
            _ => None,
        }
    }

    /// Whether a create without it is refused.
    pub(crate) fn required(&self) -> bool {
        !self.nillable && !self.defaulted && self.createable && self.kind != Kind::Flag
    }

    /// The name of the type in a description.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Id => "id",
            Kind::Text | Kind::AutoNumber => "string",
            Kind::TextArea => "textarea",
            Kind::Email => "email",
            Kind::Phone => "phone",
            Kind::Url => "url",
            Kind::Picklist(_) => "picklist",
            Kind::MultiPicklist(_) => "multipicklist",
            Kind::Reference(_) => "reference",
            Kind::Currency => "currency",
            Kind::Double => "double",
            Kind::Integer => "int",
            Kind::Percent => "percent",
            Kind::Flag => "boolean",
            Kind::Date => "date",
            Kind::Instant => "datetime",
            Kind::Address(_) => "address",
        }
    }

    /// The name of the type in SOAP.
    pub(crate) fn soap_type(&self) -> &'static str {
        match self.kind {
            Kind::Id | Kind::Reference(_) => "tns:ID",
            Kind::Currency | Kind::Double | Kind::Percent => "xsd:double",
            Kind::Integer => "xsd:int",
            Kind::Flag => "xsd:boolean",
            Kind::Date => "xsd:date",
            Kind::Instant => "xsd:dateTime",
            Kind::Address(_) => "urn:address",
            _ => "xsd:string",
        }
    }
}
