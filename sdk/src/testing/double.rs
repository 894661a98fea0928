//! The host's double: settings, lookups and the log of one thread.

use std::{cell::RefCell, collections::BTreeMap};

use crosswalk_laws::model;

use crate::{
    Json, Record,
    contract::{Failure, Found, Level, NamedValue, RecordKey, Value},
    record::Writer,
    testing::{parse::value, plain},
};

#[derive(Default)]
struct Double {
    settings: BTreeMap<String, Value>,
    tables: BTreeMap<String, Vec<Found>>,
    /// Entities of which lookups find what is made up, unless there is a table.
    made_up: Vec<model::EntityUse>,
    log: Vec<(Level, String)>,
}

thread_local! {
    static DOUBLE: RefCell<Double> = RefCell::new(Double::default());
}

/// Takes back, when it is dropped, what was set.
#[derive(Debug)]
#[must_use = "the settings or records are taken back as soon as this is dropped: bind it to a name"]
pub struct Guard {
    undo: Undo,
}

#[derive(Debug)]
enum Undo {
    Settings(BTreeMap<String, Value>),
    Table(String),
    MadeUp(Vec<model::EntityUse>),
}

impl Drop for Guard {
    fn drop(&mut self) {
        DOUBLE.with_borrow_mut(|double| match &mut self.undo {
            Undo::Settings(before) => double.settings = std::mem::take(before),
            Undo::Table(entity) => {
                double.tables.remove(entity);
            }
            Undo::MadeUp(before) => double.made_up = std::mem::take(before),
        });
    }
}

/// The tenant's settings on this thread, until the guard is dropped: `let _settings = settings(json!({ .. }));`
///
/// What is not among them has its default.
pub fn settings(object: Json) -> Guard {
    let given = object.as_object().cloned().unwrap_or_default();
    let given = given.into_iter().map(|(name, json)| (name, value(&json))).collect();
    DOUBLE.with_borrow_mut(|double| Guard {
        undo: Undo::Settings(std::mem::replace(&mut double.settings, given)),
    })
}

/// Records that lookups of their entity find on this thread, oldest first, until the guard is dropped.
pub fn lookup<R: Record>(records: Vec<R>) -> Guard {
    let found = records.into_iter().enumerate().map(|(at, record)| {
        let mut writer = Writer::of_what_is_held();
        record.write(&mut writer);
        let key = RecordKey { entity: R::ENTITY.to_owned(), id: format!("{}-{}", R::ENTITY, at + 1) };
        Found { key, fields: writer.into_fields().unwrap_or_default(), more: Vec::new() }
    });
    DOUBLE.with_borrow_mut(|double| double.tables.insert(R::ENTITY.to_owned(), found.collect()));
    Guard { undo: Undo::Table(R::ENTITY.to_owned()) }
}

/// Lookups of these entities find what is made up on this thread, until the guard is dropped.
pub(crate) fn made_up(entities: Vec<model::EntityUse>) -> Guard {
    DOUBLE.with_borrow_mut(|double| Guard {
        undo: Undo::MadeUp(std::mem::replace(&mut double.made_up, entities)),
    })
}

/// What was logged on this thread so far; it is forgotten then.
pub fn logged() -> Vec<(Level, String)> {
    DOUBLE.with_borrow_mut(|double| std::mem::take(&mut double.log))
}

pub(crate) fn setting(name: &str) -> Option<Value> {
    DOUBLE.with_borrow(|double| double.settings.get(name).cloned())
}

pub(crate) fn find(entity: &str, matching: &[NamedValue], limit: u32) -> Result<Vec<Found>, Failure> {
    DOUBLE.with_borrow(|double| {
        let Some(table) = double.tables.get(entity) else {
            let used = double.made_up.iter().find(|used| used.entity == entity);
            let used = used.ok_or_else(|| Failure::NotDeclared(entity.to_owned()))?;
            return Ok(imagined(used, matching, limit));
        };
        let fits = |found: &&Found| matching.iter().all(|wanted| found.fields.contains(wanted));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(table.iter().filter(fits).take(limit).cloned().collect())
    })
}

fn imagined(used: &model::EntityUse, matching: &[NamedValue], limit: u32) -> Vec<Found> {
    let found = crosswalk_laws::found(used, &plain::fields(matching), limit);
    let found = found.into_iter().map(|(key, fields)| Found {
        key: plain::contract_key(&key),
        fields: plain::contract_fields(&fields),
        more: Vec::new(),
    });
    found.collect()
}

pub(crate) fn log(level: Level, message: &str) {
    DOUBLE.with_borrow_mut(|double| double.log.push((level, message.to_owned())));
}
