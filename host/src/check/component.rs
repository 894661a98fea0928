//! A component as the laws ask it: each question a call in a fresh instance, each answer as plain data.

use std::sync::Arc;

use crosswalk_engine::{
    mapping::{
        Conflict, CrmDraft, EntityUse, FieldUse, Manifest, Mapper, Outcome, Record, Refusal, Related, Report,
        Resolution,
    },
    referral::Referral,
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use crosswalk_laws::{
    Law, Used,
    model::{self, Failure, Json, Mapping},
};
use crosswalk_runtime::{Code, Lookup, LookupAnswer, LookupFailure, PassContext, PassMapper, Plugin};
use jiff::Timestamp;

/// The tenant that a plugin sees. A recorded pair's own stays out of it.
const TENANT: &str = "check";

/// A plugin, asked through its sandbox.
pub(super) struct Component {
    plugin: Plugin,
    manifest: model::Manifest,
    crm: Arc<Crm>,
    used: Option<Used>,
}

impl Component {
    pub(super) fn new(plugin: &Plugin, lookups: Vec<LookupAnswer>) -> Self {
        let crm = Crm { entities: plugin.manifest().lookups.clone(), answers: lookups };
        Self { plugin: plugin.clone(), manifest: manifest(plugin.manifest()), crm: Arc::new(crm), used: None }
    }

    /// A record as this plugin would read it: what is not recorded is empty. None if it links no such entity.
    pub(super) fn seen(&self, record: &Record) -> Option<model::Record> {
        self.manifest.primary(&record.key.entity)?;
        let nothing =
            model::Draft { entity: record.key.entity.clone(), fields: Vec::new(), companions: Vec::new() };
        Some(crosswalk_laws::written(&self.manifest, Some(&plain_record(record)), &nothing))
    }

    /// One call, and what it used.
    fn ask<T>(
        &mut self,
        now: Timestamp,
        ask: impl Fn(&mut PassMapper) -> Result<T, Refusal>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<T, Failure> {
        let mut mapper = self.plugin.mapper(PassContext {
            tenant: TENANT.to_owned(),
            now,
            lookups: Some(Box::new(MadeUp(Arc::clone(&self.crm)))),
        });
        let answer = ask(&mut mapper);
        let (usage, limits) = (mapper.finish(), self.plugin.limits());
        self.used = Some(Used {
            fuel: share(usage.fuel as f64, limits.plugin_fuel_per_call_max as f64),
            memory: share(usage.memory_bytes as f64, limits.plugin_memory_bytes_max as f64),
            output: share(
                answer.as_ref().map(bytes).unwrap_or_default() as f64,
                limits.plugin_output_bytes_max as f64,
            ),
        });
        answer.map_err(failure)
    }
}

fn share(used: f64, most: f64) -> f64 {
    if most > 0.0 { used / most } else { 0.0 }
}

impl Mapping for Component {
    fn manifest(&self) -> &model::Manifest {
        &self.manifest
    }

    fn to_crm(
        &mut self,
        referral: &Json,
        record: Option<&model::Record>,
        now: Timestamp,
    ) -> Result<model::Outcome<model::Draft>, Failure> {
        let (referral, record) = (Referral(referral.clone()), record.map(engine_record));
        let ask = |mapper: &mut PassMapper| mapper.to_crm(&referral, record.as_ref());
        let answer = self.ask(now, ask, |outcome| match outcome {
            Outcome::Hold(draft) => draft_bytes(draft),
            Outcome::Skip(reason) => reason.len(),
        })?;
        Ok(match answer {
            Outcome::Hold(draft) => model::Outcome::Hold(plain_draft(&draft)),
            Outcome::Skip(reason) => model::Outcome::Skip(reason),
        })
    }

    fn to_referral(
        &mut self,
        record: &model::Record,
        referral: Option<&Json>,
        now: Timestamp,
    ) -> Result<model::Outcome<Vec<(String, model::Value)>>, Failure> {
        let (record, referral) = (engine_record(record), referral.cloned().map(Referral));
        let ask = |mapper: &mut PassMapper| mapper.to_referral(&record, referral.as_ref());
        let answer = self.ask(now, ask, |outcome| match outcome {
            Outcome::Hold(fields) => fields_bytes(fields),
            Outcome::Skip(reason) => reason.len(),
        })?;
        Ok(match answer {
            Outcome::Hold(fields) => model::Outcome::Hold(named(&fields)),
            Outcome::Skip(reason) => model::Outcome::Skip(reason),
        })
    }

    fn resolve(
        &mut self,
        conflicts: &[model::Conflict],
        now: Timestamp,
    ) -> Result<Vec<model::Resolution>, Failure> {
        let conflicts: Vec<Conflict> = conflicts.iter().map(engine_conflict).collect();
        let resolved = self.ask(now, |mapper| mapper.resolve(&conflicts), |answers| answers.len())?;
        let plain = |resolution: &Resolution| match resolution {
            Resolution::PartnerCenter => model::Resolution::PartnerCenter,
            Resolution::Crm => model::Resolution::Crm,
            Resolution::Value(value) => model::Resolution::Value(plain_value(value)),
            Resolution::Park(why) => model::Resolution::Park(why.clone()),
        };
        Ok(resolved.iter().map(plain).collect())
    }

    fn report(
        &mut self,
        record: &model::Record,
        failed: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<(String, model::Value)>, Failure> {
        let record = engine_record(record);
        let message = failed.unwrap_or("both sides agree").to_owned();
        let report = Report { failed: failed.map(str::to_owned), message };
        let shown = self.ask(now, |mapper| mapper.report(&record, &report), fields_bytes)?;
        Ok(named(&shown))
    }

    fn used(&self) -> Option<Used> {
        self.used
    }
}

/// A refusal in the plugin's own words is legal; anything else is what the runtime caught, or could not ask.
fn failure(refusal: Refusal) -> Failure {
    let Refusal { code, field, message, .. } = refusal;
    let law = match Code::parse(&code) {
        Some(Code::Rejected | Code::RetryAsked) => return Failure::Refused { field, message },
        // Fuel ends an endless loop first, so that time runs out only where the machine is overloaded.
        Some(Code::HostCannotRun | Code::TimeSpent) => return Failure::NotAsked(message),
        Some(Code::FieldNotDeclared | Code::EntityNotDeclared) => Law::Declared,
        Some(Code::ResolutionsMissing) => Law::Resolving,
        Some(
            Code::FuelSpent | Code::MemorySpent | Code::TableSpent | Code::StackSpent | Code::OutputTooLarge,
        ) => Law::Bounded,
        _ => Law::Total,
    };
    Failure::Caught { law, field, message: format!("{message} ({code})") }
}

/// What lookups may ask for, and what passes once found.
struct Crm {
    entities: Vec<EntityUse>,
    answers: Vec<LookupAnswer>,
}

/// What a pass once found; where nobody looked, records that are made up, so that a mapping that looks things up is
/// asked about more than refusing.
struct MadeUp(Arc<Crm>);

impl Lookup for MadeUp {
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure> {
        let Crm { entities, answers } = &*self.0;
        let asked = |known: &&LookupAnswer| {
            known.entity == entity && known.limit == limit && known.matching == *matching
        };
        if let Some(known) = answers.iter().find(asked) {
            return known.answer.clone();
        }
        let Some(used) = entities.iter().find(|used| used.entity == entity) else { return Ok(Vec::new()) };
        let matching = matching.iter().map(|(name, value)| (name.clone(), plain_value(value))).collect();
        let found = crosswalk_laws::found(&plain_use(used), &matching, limit);
        Ok(found.iter().map(|(key, fields)| (engine_key(key), engine_fields(fields))).collect())
    }
}

/// A manifest as the laws see it.
pub(super) fn manifest(manifest: &Manifest) -> model::Manifest {
    model::Manifest {
        name: manifest.name.clone(),
        entities: manifest.entities.iter().map(plain_use).collect(),
    }
}

fn plain_use(used: &EntityUse) -> model::EntityUse {
    model::EntityUse {
        entity: used.entity.clone(),
        via: used.via.clone(),
        fields: used.fields.iter().map(plain_field).collect(),
    }
}

fn plain_field(field: &FieldUse) -> model::FieldUse {
    model::FieldUse {
        name: field.name.clone(),
        kind: match &field.kind {
            Kind::Text => model::Kind::Text,
            Kind::Flag => model::Kind::Flag,
            Kind::Integer => model::Kind::Integer,
            Kind::Decimal => model::Kind::Decimal,
            Kind::Date => model::Kind::Date,
            Kind::Instant => model::Kind::Instant,
            Kind::Texts => model::Kind::Texts,
            Kind::Reference(entity) => model::Kind::Reference(entity.clone()),
            Kind::Json => model::Kind::Json,
        },
        reads: field.reads,
        writes: field.writes,
        owned: field.owned,
        choices: field.choices.iter().map(|choice| plain_value(&choice.value)).collect(),
        length: field.length,
    }
}

fn plain_value(value: &Value) -> model::Value {
    match value {
        Value::Empty => model::Value::Empty,
        Value::Text(text) => model::Value::Text(text.clone()),
        Value::Flag(flag) => model::Value::Flag(*flag),
        Value::Integer(number) => model::Value::Integer(*number),
        Value::Decimal(number) => model::Value::Decimal(number.to_string()),
        Value::Date(date) => model::Value::Date(date.to_string()),
        Value::Instant(instant) => model::Value::Instant(instant.to_string()),
        Value::Texts(texts) => model::Value::Texts(texts.clone()),
        Value::Reference(Reference::Existing(key)) => model::Value::Existing(plain_key(key)),
        Value::Reference(Reference::Companion(alias)) => model::Value::Companion(alias.clone()),
        Value::Json(json) => model::Value::Json(json.clone()),
    }
}

/// As the CRM would give it. A text that is no number or time stays one.
fn engine_value(value: &model::Value) -> Value {
    let text = |text: &String| Value::Text(text.clone());
    match value {
        model::Value::Empty => Value::Empty,
        model::Value::Text(given) => text(given),
        model::Value::Flag(flag) => Value::Flag(*flag),
        model::Value::Integer(number) => Value::Integer(*number),
        model::Value::Decimal(given) => given.parse().map_or_else(|_| text(given), Value::Decimal),
        model::Value::Date(given) => given.parse().map_or_else(|_| text(given), Value::Date),
        model::Value::Instant(given) => given.parse().map_or_else(|_| text(given), Value::Instant),
        model::Value::Texts(texts) => Value::Texts(texts.clone()),
        model::Value::Existing(key) => Value::Reference(Reference::Existing(engine_key(key))),
        model::Value::Companion(alias) => Value::Reference(Reference::Companion(alias.clone())),
        model::Value::Json(json) => Value::Json(json.clone()),
    }
}

fn plain_key(key: &RecordKey) -> model::Key {
    model::Key { entity: key.entity.clone(), id: key.id.clone() }
}

fn engine_key(key: &model::Key) -> RecordKey {
    RecordKey { entity: key.entity.clone(), id: key.id.clone() }
}

fn named(fields: &Fields) -> Vec<(String, model::Value)> {
    fields.iter().map(|(name, value)| (name.clone(), plain_value(value))).collect()
}

fn engine_fields(fields: &model::Fields) -> Fields {
    fields.iter().map(|(name, value)| (name.clone(), engine_value(value))).collect()
}

fn plain_record(record: &Record) -> model::Record {
    let related = record.related.iter().map(|related| model::Related {
        via: related.via.clone(),
        key: plain_key(&related.key),
        fields: named(&related.fields).into_iter().collect(),
    });
    model::Record {
        key: plain_key(&record.key),
        fields: named(&record.fields).into_iter().collect(),
        related: related.collect(),
    }
}

/// A record as the engine has it.
pub(super) fn engine_record(record: &model::Record) -> Record {
    let related = record.related.iter().map(|related| Related {
        via: related.via.clone(),
        key: engine_key(&related.key),
        fields: engine_fields(&related.fields),
    });
    Record { key: engine_key(&record.key), fields: engine_fields(&record.fields), related: related.collect() }
}

fn plain_draft(draft: &CrmDraft) -> model::Draft {
    let companions = draft.companions.iter().map(|companion| model::Companion {
        alias: companion.alias.clone(),
        entity: companion.entity.clone(),
        matching: named(&companion.matching),
        fields: named(&companion.fields),
    });
    model::Draft {
        entity: draft.entity.clone(),
        fields: named(&draft.fields),
        companions: companions.collect(),
    }
}

fn engine_conflict(conflict: &model::Conflict) -> Conflict {
    Conflict {
        field: conflict.field.clone(),
        base: conflict.base.as_ref().map(engine_value),
        partner_center: engine_value(&conflict.partner_center),
        crm: engine_value(&conflict.crm),
        partner_center_changed: None,
        crm_changed: None,
    }
}

/// Roughly what an answer takes when it is handed over: its names and texts.
fn draft_bytes(draft: &CrmDraft) -> usize {
    let companions = draft
        .companions
        .iter()
        .map(|companion| fields_bytes(&companion.matching) + fields_bytes(&companion.fields));
    fields_bytes(&draft.fields) + companions.sum::<usize>()
}

fn fields_bytes(fields: &Fields) -> usize {
    let bytes = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Texts(texts) => texts.iter().map(String::len).sum(),
        Value::Json(json) => json.to_string().len(),
        _ => std::mem::size_of::<Value>(),
    };
    fields.iter().map(|(name, value)| name.len() + bytes(value)).sum()
}
