//! Writes down an object in few words; [`super::catalogue`] reads like the table that it is.

use super::schema::{Choice, Field, Kind, Object, Origin, Picklist, Reference};

/// Builds one object. Every call that adds a field is about that field until the next one.
pub(crate) struct ObjectBuilder(Object);

impl ObjectBuilder {
    /// An object with an id and the stamps that every object has.
    pub(crate) fn new(name: &str, prefix: &[u8; 3]) -> Self {
        let object = Object {
            name: name.to_owned(),
            label: spaced(name),
            plural: plural(&spaced(name)),
            prefix: *prefix,
            fields: Vec::new(),
            origin: Origin::Standard,
            tooling: false,
            writable: true,
            business: false,
            multi_currency: false,
        };
        Self(object).field("Id", Kind::Id).length(18).read_only().required().label("ID")
    }

    /// A record that people own, change and delete.
    pub(crate) fn business(mut self) -> Self {
        self.0.business = true;
        self.flag("IsDeleted").read_only()
    }

    /// Its owner, a user.
    pub(crate) fn owned(self) -> Self {
        self.reference("OwnerId", "User", "Owner", None).required().defaulted().label("Owner ID")
    }

    /// The record that it was merged into.
    pub(crate) fn mergeable(self) -> Self {
        let to = self.0.name.clone();
        self.reference("MasterRecordId", &to, "MasterRecord", None).read_only()
    }

    /// Clients may read it only.
    pub(crate) fn setup(mut self) -> Self {
        self.0.writable = false;
        for field in &mut self.0.fields {
            (field.createable, field.updateable) = (false, false);
        }
        self
    }

    /// Part of the Tooling API.
    pub(crate) fn tooling(mut self) -> Self {
        self.0.tooling = true;
        self
    }

    /// Only in organisations with several currencies.
    pub(crate) fn multi_currency(mut self) -> Self {
        self.0.multi_currency = true;
        self
    }

    /// Where the object comes from, with its fields.
    pub(crate) fn from(mut self, origin: Origin, label: &str) -> Self {
        self.0.origin = origin;
        label.clone_into(&mut self.0.label);
        self.0.plural = plural(label);
        self
    }

    /// Any field.
    pub(crate) fn field(mut self, name: &str, kind: Kind) -> Self {
        self.0.fields.push(field(name, kind));
        self
    }

    /// One line of text.
    pub(crate) fn text(self, name: &str, length: usize) -> Self {
        self.field(name, Kind::Text).length(length)
    }

    /// Several lines of text.
    pub(crate) fn area(self, name: &str, length: usize) -> Self {
        self.field(name, Kind::TextArea).length(length)
    }

    /// A checkbox.
    pub(crate) fn flag(self, name: &str) -> Self {
        self.field(name, Kind::Flag).required().defaulted()
    }

    /// Money, whole or with two digits after the point.
    pub(crate) fn currency(self, name: &str, scale: u32) -> Self {
        self.field(name, Kind::Currency).digits(18, scale)
    }

    /// A whole number.
    pub(crate) fn integer(self, name: &str) -> Self {
        self.field(name, Kind::Integer).digits(8, 0)
    }

    /// A date.
    pub(crate) fn date(self, name: &str) -> Self {
        self.field(name, Kind::Date)
    }

    /// A moment.
    pub(crate) fn instant(self, name: &str) -> Self {
        self.field(name, Kind::Instant)
    }

    /// A choice that takes other values too, as Salesforce's own picklists do.
    pub(crate) fn picklist(self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| choice(value, value)).collect();
        self.field(name, Kind::Picklist(Picklist { values, restricted: false })).length(255)
    }

    /// A reference; `children` is the name of the way back.
    pub(crate) fn reference(self, name: &str, to: &str, relationship: &str, children: Option<&str>) -> Self {
        let reference = Reference {
            to: vec![to.to_owned()],
            relationship: relationship.to_owned(),
            children: children.map(str::to_owned),
            cascade: false,
        };
        self.field(name, Kind::Reference(reference)).length(18)
    }

    /// The reference may lead to these objects too.
    pub(crate) fn also_to(self, objects: &[&str]) -> Self {
        self.last(|field| {
            if let Kind::Reference(reference) = &mut field.kind {
                reference.to.extend(objects.iter().map(|object| (*object).to_owned()));
            }
        })
    }

    /// An address of street, city, state, postal code and country, with the parts and the whole.
    pub(crate) fn address(self, prefix: &str) -> Self {
        self.area(&format!("{prefix}Street"), 255)
            .text(&format!("{prefix}City"), 40)
            .text(&format!("{prefix}State"), 80)
            .text(&format!("{prefix}PostalCode"), 20)
            .text(&format!("{prefix}Country"), 80)
            .field(&format!("{prefix}Address"), Kind::Address(prefix.to_owned()))
            .read_only()
    }

    /// The currency of the record.
    pub(crate) fn currency_code(self) -> Self {
        let this = self.picklist("CurrencyIsoCode", super::baseline::CURRENCY_CODES).length(3).defaulted();
        this.restricted().only_in_several_currencies()
    }

    /// A field of organisations with several currencies.
    pub(crate) fn only_in_several_currencies(self) -> Self {
        self.last(|field| field.multi_currency = true)
    }

    /// A picklist that refuses other values.
    pub(crate) fn restricted(self) -> Self {
        self.last(|field| {
            if let Kind::Picklist(picklist) = &mut field.kind {
                picklist.restricted = true;
            }
        })
    }

    /// Who made it and who changed it last, and when.
    pub(crate) fn audit(self) -> Self {
        let stamp = |this: Self, name: &str| this.instant(name).read_only().required();
        let user = |this: Self, name: &str, relationship: &str| {
            this.reference(name, "User", relationship, None).read_only().required()
        };
        let this = user(stamp(self, "CreatedDate"), "CreatedById", "CreatedBy");
        let this = user(stamp(this, "LastModifiedDate"), "LastModifiedById", "LastModifiedBy");
        stamp(this, "SystemModstamp")
    }

    /// Longest text.
    pub(crate) fn length(self, length: usize) -> Self {
        self.last(|field| field.length = length)
    }

    /// Digits in all and after the point.
    pub(crate) fn digits(self, precision: u32, scale: u32) -> Self {
        self.last(|field| (field.precision, field.scale) = (precision, scale))
    }

    /// A record cannot be without it.
    pub(crate) fn required(self) -> Self {
        self.last(|field| field.nillable = false)
    }

    /// A new record gets a value by itself.
    pub(crate) fn defaulted(self) -> Self {
        self.last(|field| field.defaulted = true)
    }

    /// Only Salesforce writes it.
    pub(crate) fn read_only(self) -> Self {
        self.last(|field| (field.createable, field.updateable) = (false, false))
    }

    /// Given in a create and fixed from then on.
    pub(crate) fn create_only(self) -> Self {
        self.last(|field| field.updateable = false)
    }

    /// Computed from other fields.
    pub(crate) fn calculated(self) -> Self {
        self.read_only().last(|field| field.calculated = true)
    }

    /// The object's name.
    pub(crate) fn names(self) -> Self {
        self.last(|field| field.name_field = true)
    }

    /// The record goes when the one that it refers to goes.
    pub(crate) fn cascade(self) -> Self {
        self.last(|field| {
            if let Kind::Reference(reference) = &mut field.kind {
                reference.cascade = true;
            }
        })
    }

    /// Shows another label than the name with spaces.
    pub(crate) fn label(self, label: &str) -> Self {
        self.last(|field| label.clone_into(&mut field.label))
    }

    /// The choice that a new record gets.
    pub(crate) fn default_choice(self, value: &str) -> Self {
        self.defaulted().last(|field| {
            if let Kind::Picklist(picklist) = &mut field.kind {
                for choice in &mut picklist.values {
                    choice.default = choice.value == value;
                }
            }
        })
    }

    /// The object.
    pub(crate) fn build(self) -> Object {
        self.0
    }

    fn last(mut self, change: impl FnOnce(&mut Field)) -> Self {
        if let Some(field) = self.0.fields.last_mut() {
            change(field);
        }
        self
    }
}

/// A field with the usual rights: readable, writable, optional.
pub(crate) fn field(name: &str, kind: Kind) -> Field {
    let origin = if name.ends_with("__c") { Origin::Package } else { Origin::Standard };
    Field {
        name: name.to_owned(),
        label: spaced(name),
        kind,
        length: 0,
        precision: 0,
        scale: 0,
        nillable: true,
        defaulted: false,
        createable: true,
        updateable: true,
        external_id: false,
        unique: false,
        case_sensitive: false,
        calculated: false,
        name_field: false,
        origin,
        multi_currency: false,
        id: None,
    }
}

/// A choice that can be chosen.
pub(crate) fn choice(value: &str, label: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), active: true, default: false }
}

/// `CloseDate` as `Close Date`, `Sync_With__c` as `Sync With`.
fn spaced(name: &str) -> String {
    let bare = name.trim_end_matches("__c").replace('_', " ");
    let mut out = String::with_capacity(bare.len() + 4);
    let mut before_is_small = false;
    for character in bare.chars() {
        if character.is_uppercase() && before_is_small {
            out.push(' ');
        }
        before_is_small = character.is_lowercase();
        out.push(character);
    }
    out
}

fn plural(label: &str) -> String {
    match label.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{label}s"),
    }
}
