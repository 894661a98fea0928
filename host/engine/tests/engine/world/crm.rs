//! The CRM's part of the world: what it does with a write, a create and a conversion.

use crosswalk_engine::{
    pass::{Seen, Side},
    value::{Fields, RecordKey},
};

use super::{
    Row, World,
    mapping::{self, REFERRAL_KEY, STAMP, plain, texts},
    row_key,
};

impl World {
    pub(super) fn write_row(&mut self, id: &str, fields: &Fields, version: &str) -> Seen {
        *self.attempts.entry(Side::Crm).or_default() += 1;
        if self.rows[id].version.to_string() != version {
            return Seen::Stale;
        }
        if let Some(refused) = self.refusal(fields.keys().cloned()) {
            return refused;
        }
        let before = self.rows[id].fields.clone();
        let row = self.rows.get_mut(id).expect("it was read");
        row.fields.extend(texts(fields));
        if let Some((trigger, target)) = self.automation
            && fields.contains_key(trigger)
        {
            row.fields.insert(target.into(), format!("{}!", plain(&fields[trigger])));
        }
        row.version += 1;
        let is_mapped = |(name, _): &(String, String)| name != STAMP && name != REFERRAL_KEY;
        let written = texts(fields).into_iter().filter(is_mapped).collect();
        self.oracle.wrote_record(&before, &written, &self.plugin, &self.entries);
        Seen::Written { version: self.rows[id].version.to_string(), key: None }
    }

    /// The CRM's own conversion: a new record takes over what both entities have, in the stage that is usual here.
    pub(super) fn convert(&mut self, key: &RecordKey, to: &str, version: &str) -> Seen {
        *self.attempts.entry(Side::Crm).or_default() += 1;
        if self.rows[&key.id].version.to_string() != version || self.rows[&key.id].successor.is_some() {
            return Seen::Stale;
        }
        if let Some(refused) = self.refusal([format!("convert to {to}")].into_iter()) {
            return refused;
        }
        let new = self.qualify(&key.id, "hold");
        self.oracle.made_record(&self.rows[&new.id].fields);
        let version = self.rows[&new.id].version.to_string();
        Seen::Written { version, key: Some(new) }
    }

    /// A lead becomes an opportunity in this stage, by whoever does it.
    pub(crate) fn qualify(&mut self, id: &str, stage: &str) -> RecordKey {
        let mut fields = self.rows[id].fields.clone();
        fields.insert(REFERRAL_KEY.into(), String::new());
        fields.insert(STAMP.into(), String::new());
        if let Some(item) = self.plugin.items.iter().find(|item| matches!(item, mapping::Item::Stage(_))) {
            fields.insert(item.fields()[0].into(), stage.into());
        }
        for item in self.plugin.items.iter().filter(|item| matches!(item, mapping::Item::OfDeals(..))) {
            fields.insert(item.fields()[0].into(), "default".into());
        }
        let new = row_key(&format!("row-{}", self.rows.len() + 1));
        self.rows.insert(new.id.clone(), Row { fields, ..Row::default() });
        self.succeed(id, &new);
        new
    }

    /// From now on a record lives on as another one.
    pub(crate) fn succeed(&mut self, id: &str, by: &RecordKey) {
        let row = self.rows.get_mut(id).expect("the row exists");
        row.successor = Some(by.clone());
        row.version += 1;
        self.oracle.succeeded();
        self.trace.push(format!("{id} lives on as {}", by.id));
    }

    pub(super) fn create_row(&mut self, entity: &str, referral: &str, fields: &Fields) -> Seen {
        *self.attempts.entry(Side::Crm).or_default() += 1;
        let entity = ["lead", "opportunity"].into_iter().find(|it| *it == entity).expect("it is declared");
        let carries = |row: &Row| row.fields.get(REFERRAL_KEY).is_some_and(|key| key == referral);
        if self.rows.values().any(|row| row.entity == entity && carries(row)) {
            return Seen::Stale;
        }
        if let Some(refused) = self.refusal(fields.keys().cloned()) {
            return refused;
        }
        let id = format!("row-{}", self.rows.len() + 1);
        let mut row = Row { entity, ..Row::default() };
        for field in &self.plugin.manifest().entities[0].fields {
            row.fields.insert(field.name.clone(), String::new());
        }
        row.fields.extend(texts(fields));
        row.fields.insert(REFERRAL_KEY.into(), referral.into());
        self.oracle.made_record(&row.fields);
        self.oracle.delivered();
        self.rows.insert(id.clone(), row);
        Seen::Written { version: "1".into(), key: Some(RecordKey { entity: entity.into(), id }) }
    }
}
