//! Both systems and the journal as small models, and a driver that can be stopped between any two actions.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::{
    link::{Asked, Entry, IntendedWrite, LinkState, Owed},
    mapping::{Record, Resolution},
    pass::{
        Action, AuditLine, Commit, EntryChange, Limits, Pair, Pass, Seen, Side, Start, Subject,
        SystemRefusal, Verdict, Versioned,
    },
    referral::Referral,
    rules::Rules,
    undo::History,
    value::{Fields, RecordKey},
};
use jiff::Timestamp;
use serde_json::json;

mod crm;
pub(crate) mod mapping;
pub(crate) mod oracle;
pub(crate) mod rng;

use mapping::{Plugin, REFERRAL_KEY, Texts, leaves, plain, texts, value, values};
use oracle::Oracle;

/// A referral as Partner Center has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deal {
    pub(crate) texts: Texts,
    pub(crate) version: u64,
    /// Passes that must go by before the list shows it.
    pub(crate) hidden_for: usize,
}

/// A record as the CRM has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) entity: &'static str,
    pub(crate) fields: Texts,
    pub(crate) version: u64,
    /// The record that it lives on as.
    pub(crate) successor: Option<RecordKey>,
}

impl Default for Row {
    fn default() -> Row {
        Row { entity: "opportunity", fields: Texts::new(), version: 1, successor: None }
    }
}

/// What goes wrong with one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before the action.
    Crash,
    /// The process dies right after it.
    CrashAfter,
    /// The write lands, its answer is lost.
    ReplyLost,
    /// The write does not land, and nobody says so.
    NeverSent,
}

/// Everything there is, besides the engine.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) plugin: Plugin,
    pub(crate) deals: BTreeMap<String, Deal>,
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) pair: Pair,
    pub(crate) state: Option<LinkState>,
    /// What is remembered in other lanes.
    pub(crate) others: Vec<(Pair, LinkState)>,
    /// Every entry that was ever stored, and how it ended.
    pub(crate) entries: BTreeMap<String, (Entry, Option<String>)>,
    pub(crate) alarms: Vec<String>,
    pub(crate) audit: Vec<AuditLine>,
    /// The audit with the pass and the release of each line, and what was remembered before each pass.
    history: Vec<(u64, &'static str, AuditLine)>,
    befores: BTreeMap<u64, LinkState>,
    pub(crate) oracle: Oracle,
    pub(crate) now: i64,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    /// In every pass a person has just asked for another try.
    pub(crate) post_again: bool,
    /// Paths that Partner Center refuses, and fields that the CRM refuses.
    pub(crate) refuses: BTreeSet<&'static str>,
    /// Partner Center stores these in upper case.
    pub(crate) normalises: BTreeSet<&'static str>,
    /// The CRM's automation: in a write of the first field it sets the second to its value with `!`.
    pub(crate) automation: Option<(&'static str, &'static str)>,
    /// A new deal stays out of the list for so many looks.
    pub(crate) list_lag: usize,
    /// Writes that were tried (refused ones too), by side.
    pub(crate) attempts: BTreeMap<Side, usize>,
    passes: u64,
    pub(crate) trace: Vec<String>,
}

pub(crate) const DEAL: &str = "deal-1";
pub(crate) const ROW: &str = "row-1";

impl World {
    /// A pair whose sides were never seen together.
    pub(crate) fn new(plugin: Plugin) -> World {
        World {
            plugin,
            deals: BTreeMap::new(),
            rows: BTreeMap::new(),
            pair: Pair::default(),
            state: None,
            others: vec![],
            entries: BTreeMap::new(),
            alarms: vec![],
            audit: vec![],
            history: vec![],
            befores: BTreeMap::new(),
            oracle: Oracle::default(),
            now: 1_700_000_000,
            rules: Rules::default(),
            limits: Limits::default(),
            post_again: false,
            refuses: BTreeSet::new(),
            normalises: BTreeSet::new(),
            automation: None,
            list_lag: 0,
            attempts: BTreeMap::new(),
            passes: 0,
            trace: vec![],
        }
    }

    /// A linked pair that agrees: the referral holds these, and the record what the mapping makes of them.
    pub(crate) fn linked(plugin: Plugin, referral: &[(&str, &str)], record: &[(&str, &str)]) -> World {
        let mut world = World::new(plugin);
        let mut deal = Deal { version: 1, ..Deal::default() };
        for (path, text) in
            [("/id", DEAL), ("/externalReferenceId", ROW), ("/status", "Active"), ("/substatus", "Accepted")]
        {
            deal.texts.insert(path.into(), text.into());
        }
        deal.texts.extend(referral.iter().map(|(path, text)| ((*path).into(), (*text).into())));
        let mut row = Row { version: 1, ..Row::default() };
        for field in &world.plugin.manifest().entities[0].fields {
            row.fields.insert(field.name.clone(), String::new());
        }
        row.fields.insert(REFERRAL_KEY.into(), DEAL.into());
        row.fields.extend(world.plugin.wants_of_crm(&deal.texts, &row.fields));
        row.fields.extend(record.iter().map(|(field, text)| ((*field).into(), (*text).into())));
        world.deals.insert(DEAL.into(), deal);
        world.rows.insert(ROW.into(), row);
        world.pair = Pair { referral: Some(DEAL.into()), engagement: None, record: Some(row_key(ROW)) };
        let base = crosswalk_engine::link::Base {
            referral: Some(world.document(DEAL)),
            record: Some(world.record(ROW).fields),
        };
        world.state = Some(LinkState { base, reported: Some("synced".into()), ..LinkState::default() });
        world.oracle = Oracle::of(&world.deals[DEAL].texts, &world.rows[ROW].fields);
        world
    }

    /// The same, but the two were never seen together.
    pub(crate) fn adopted(plugin: Plugin, referral: &[(&str, &str)], record: &[(&str, &str)]) -> World {
        let mut world = World::linked(plugin, referral, record);
        world.state = None;
        // What only the CRM may say was never said by it: filling an empty field is no conflict, nor is its opposite.
        let edited_outward = world.deals[DEAL].texts.keys().cloned().collect();
        world.oracle = Oracle::default();
        world.oracle.edited_outward = edited_outward;
        world.oracle.adopted = true;
        world
    }

    pub(crate) fn edit_referral(&mut self, path: &str, text: &str) {
        let deal = self.deals.get_mut(DEAL).expect("the deal exists");
        let was = deal.texts.insert(path.into(), text.into()).unwrap_or_default();
        deal.version += 1;
        self.oracle.edits += 1;
        self.oracle.edited_outward.insert(path.into());
        self.trace.push(format!("person: referral {path} {was:?} -> {text:?}"));
    }

    pub(crate) fn edit_record(&mut self, field: &str, text: &str) {
        self.edit_row(ROW, field, text);
    }

    pub(crate) fn edit_row(&mut self, id: &str, field: &str, text: &str) {
        let row = self.rows.get_mut(id).expect("the row exists");
        let was = row.fields.insert(field.into(), text.into()).unwrap_or_default();
        row.version += 1;
        self.oracle.edits += 1;
        self.trace.push(format!("person: record {id} {field} {was:?} -> {text:?}"));
    }

    pub(crate) fn at(&self, path: &str) -> &str {
        self.deals[DEAL].texts.get(path).map_or("", String::as_str)
    }

    pub(crate) fn field(&self, field: &str) -> &str {
        self.rows[ROW].fields.get(field).map_or("", String::as_str)
    }

    /// What the pair's record holds, whichever it is now.
    pub(crate) fn held(&self, field: &str) -> &str {
        let key = self.pair.record.as_ref().expect("the pair has a record");
        self.rows[&key.id].fields.get(field).map_or("", String::as_str)
    }

    /// Entries that never happened are not among them.
    pub(crate) fn entries_on(&self, name: &str) -> Vec<&Entry> {
        let standing = |end: &Option<String>| end.as_deref() != Some("void");
        self.entries
            .values()
            .filter(|(entry, end)| entry.field == name && standing(end))
            .map(|(entry, _)| entry)
            .collect()
    }

    pub(crate) fn decide(&mut self, field: &str, decision: Resolution) {
        let state = self.state.as_mut().expect("there is a link");
        state.open.get_mut(field).unwrap_or_else(|| panic!("no open entry on {field}")).decision =
            Some(decision);
    }

    /// An operator undoes the wrong release; whether it is `known` what was remembered before it.
    pub(crate) fn undo(&mut self, known: bool) {
        let mut history = History::of("bad");
        for (pass, release, line) in &self.history {
            history.read(line, *pass, Some(release), true);
        }
        let before = |pass| self.befores.get(&pass).filter(|_| known).cloned();
        let restore = history.restores(before);
        self.trace.push(format!("operator: undo {restore:?}"));
        self.ask(Asked { restore, ..Asked::default() });
    }

    /// An operator has the present mapping's view of these written: of a CRM field Partner Center's, of a path the CRM's.
    pub(crate) fn project(&mut self, names: &[&str]) {
        let owed = |name: &&str| {
            let is_path = name.starts_with('/');
            ((*name).to_owned(), Owed { partner_center: !is_path, crm: is_path })
        };
        self.trace.push(format!("operator: project {names:?}"));
        self.ask(Asked { owed: names.iter().map(owed).collect(), ..Asked::default() });
    }

    fn ask(&mut self, asked: Asked) {
        self.state.as_mut().expect("there is a link").take_over(asked);
    }

    fn document(&self, id: &str) -> Referral {
        let fields: Fields = values(&self.deals[id].texts);
        Referral(json!({})).overlay(&fields.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    fn record(&self, id: &str) -> Record {
        let row = &self.rows[id];
        let key = RecordKey { entity: row.entity.into(), id: id.into() };
        Record { key, fields: values(&row.fields), related: vec![] }
    }

    /// A pass without interruptions.
    pub(crate) fn pass(&mut self) -> Verdict {
        self.pass_with(|_, _| None).expect("nothing interrupts it")
    }

    /// A pass on this subject, without interruptions.
    pub(crate) fn pass_on(&mut self, subject: Subject) -> Verdict {
        self.run(subject, |_, _| None).expect("nothing interrupts it")
    }

    /// A pass; before each action `meddle` may edit either side and let the action fail.
    pub(crate) fn pass_with(
        &mut self,
        meddle: impl FnMut(&mut World, &Action) -> Option<Fault>,
    ) -> Option<Verdict> {
        self.run(Subject::Record(row_key(ROW)), meddle)
    }

    pub(crate) fn run(
        &mut self,
        subject: Subject,
        mut meddle: impl FnMut(&mut World, &Action) -> Option<Fault>,
    ) -> Option<Verdict> {
        self.passes += 1;
        self.now += 30;
        self.oracle.looked = [false; 2];
        if matches!(self.intended(), Some(IntendedWrite::Referral { .. })) {
            self.oracle.folded();
        }
        let start = Start {
            id: format!("pass{}", self.passes),
            subject,
            pair: self.pair.clone(),
            state: self.state.clone(),
            manifest: self.plugin.manifest(),
            release: Some(self.plugin.release().to_owned()),
            now: Timestamp::from_second(self.now).unwrap(),
            limits: self.limits,
            post_again: self.post_again.then(|| Timestamp::from_second(self.now).unwrap()),
            rules: self.rules,
        };
        if let Some(state) = &self.state {
            self.befores.insert(self.passes, state.clone());
        }
        self.plugin.dated = self.plugin.dated.map(|_| self.passes);
        let mut plugin = self.plugin.clone();
        let (mut pass, mut action) = Pass::begin(start);
        self.trace.push(format!("pass {} begins", self.passes));
        let verdict = loop {
            let fault = meddle(self, &action);
            if fault == Some(Fault::Crash) {
                break None;
            }
            if let Action::Store(commit) | Action::Finish { commit, .. } = &action
                && !self.gather(commit)
            {
                self.trace.push("a side belongs to another link".into());
                break None;
            }
            if let Action::Finish { commit, verdict } = action {
                self.store(commit);
                self.oracle.finished(&verdict);
                self.trace.push(format!("{verdict:?}"));
                break Some(verdict);
            }
            let seen = self.carry_out(action, fault);
            if fault == Some(Fault::CrashAfter) {
                break None;
            }
            action = pass.next(seen, &mut plugin).expect("the driver answers in step");
        };
        self.plugin.calls = plugin.calls;
        verdict
    }

    fn carry_out(&mut self, action: Action, fault: Option<Fault>) -> Seen {
        let is_write = matches!(
            action,
            Action::WriteRecord { .. }
                | Action::WriteReferral { .. }
                | Action::CreateRecord { .. }
                | Action::ConvertRecord { .. }
                | Action::PostReferral(_)
        );
        if is_write {
            self.trace.push(format!("{action:?} {fault:?}"));
            if fault == Some(Fault::NeverSent) {
                return Seen::Unknown("connection refused".into());
            }
        }
        let seen = self.answer(action);
        let lost = is_write && fault == Some(Fault::ReplyLost);
        if lost { Seen::Unknown("timeout".into()) } else { seen }
    }

    fn answer(&mut self, action: Action) -> Seen {
        match action {
            Action::ReadReferral(id) => Seen::Referral(self.read_deal(&id)),
            Action::ReadRecord(key) => match self.row(&key).and_then(|row| row.successor.clone()) {
                Some(successor) => Seen::Succeeded(successor),
                None => Seen::Record(self.row(&key).is_some().then(|| self.read_row(&key.id)).flatten()),
            },
            Action::FindRecord { entity, referral } => {
                let carries =
                    |row: &Row| row.fields.get(REFERRAL_KEY) == Some(&referral) && row.entity == entity;
                let id = self.rows.iter().find(|(_, row)| carries(row)).map(|(id, _)| id.clone());
                Seen::Record(id.and_then(|id| self.read_row(&id)))
            }
            Action::FindReferrals { external_reference, engagement, .. } => {
                self.list(external_reference.as_deref(), engagement.as_deref())
            }
            Action::FindCompanions(_) => Seen::Companions(BTreeMap::new()),
            Action::FindPredecessor(key) => {
                let lived_on = |row: &Row| row.successor.as_ref() == Some(&key);
                let found = self.rows.iter().find(|(_, row)| lived_on(row));
                Seen::Predecessor(
                    found.map(|(id, row)| RecordKey { entity: row.entity.into(), id: id.clone() }),
                )
            }
            Action::Store(commit) => {
                self.store(commit);
                Seen::Stored
            }
            Action::WriteRecord { key, fields, version, .. } => self.write_row(&key.id, &fields, &version),
            Action::CreateRecord { entity, referral, fields, .. } => {
                self.create_row(&entity, &referral, &fields)
            }
            Action::WriteReferral { id, fields, version } => self.patch(&id, &fields, &version),
            Action::PostReferral(document) => self.post(&document),
            Action::ConvertRecord { key, to, version, .. } => self.convert(&key, &to, &version),
            Action::Finish { .. } => unreachable!("the loop ends before"),
        }
    }

    fn intended(&self) -> Option<IntendedWrite> {
        self.state.as_ref().and_then(|state| state.intent.as_ref()).map(|intent| intent.write.clone())
    }

    fn read_deal(&mut self, id: &str) -> Option<Versioned<Referral>> {
        let deal = self.deals.get(id)?;
        if id == DEAL {
            self.oracle.read_referral(&deal.texts);
        }
        // Without a stamp, an intended value that is there counts as ours: a person who set the same agreed with it.
        if let Some(IntendedWrite::Referral { fields, .. }) = self.intended()
            && texts(&fields)
                .iter()
                .all(|(path, text)| deal.texts.get(path).map_or("", String::as_str) == text)
        {
            self.oracle.agree_on_referral(texts(&fields));
        }
        Some(Versioned { value: self.document(id), version: deal.version.to_string() })
    }

    fn row(&self, key: &RecordKey) -> Option<&Row> {
        self.rows.get(&key.id).filter(|row| row.entity == key.entity)
    }

    fn read_row(&mut self, id: &str) -> Option<Versioned<Record>> {
        let row = self.rows.get(id)?;
        self.oracle.read_record(&row.fields, &self.plugin);
        // As for the referral, where no stamp tells whose it is.
        if let (Some(IntendedWrite::Record(fields)), false) = (self.intended(), self.plugin.stamp)
            && texts(&fields)
                .iter()
                .all(|(field, text)| row.fields.get(field).map_or("", String::as_str) == text)
        {
            self.oracle.agree_on_record(texts(&fields));
        }
        Some(Versioned { value: self.record(id), version: row.version.to_string() })
    }

    fn list(&mut self, reference: Option<&str>, engagement: Option<&str>) -> Seen {
        let mut found = vec![];
        let is_meant = |deal: &Deal| {
            let has = |path: &str, wanted: Option<&str>| {
                wanted.is_some_and(|it| deal.texts.get(path).is_some_and(|is| is == it))
            };
            has("/externalReferenceId", reference) || has("/engagementId", engagement)
        };
        for deal in self.deals.values_mut().filter(|deal| is_meant(deal)) {
            deal.hidden_for = deal.hidden_for.saturating_sub(1);
            if deal.hidden_for == 0 {
                found.push(deal.texts["/id"].clone());
            }
        }
        Seen::Referrals(found.iter().filter_map(|id| self.read_deal(id)).collect())
    }

    fn refusal(&self, names: impl Iterator<Item = String>) -> Option<Seen> {
        let named: Vec<String> = names.filter(|name| self.refuses.contains(name.as_str())).collect();
        (!named.is_empty())
            .then(|| Seen::Refused(SystemRefusal { fields: named, reason: "not allowed".into() }))
    }

    fn patch(&mut self, id: &str, fields: &Fields, version: &str) -> Seen {
        *self.attempts.entry(Side::PartnerCenter).or_default() += 1;
        if self.deals[id].version.to_string() != version {
            self.oracle.folded();
            return Seen::Stale;
        }
        if let Some(refused) = self.refusal(fields.keys().cloned()) {
            self.oracle.folded();
            return refused;
        }
        assert_ne!(self.at("/status"), "Closed", "a closed referral is immutable: {}", self.trace.join("\n"));
        let before = self.deals[id].texts.clone();
        let deal = self.deals.get_mut(id).expect("it was read");
        for (path, wanted) in fields {
            let text = plain(wanted);
            let text = if self.normalises.contains(path.as_str()) {
                plain(&value(&text.to_uppercase()))
            } else {
                text
            };
            deal.texts.insert(path.clone(), text);
        }
        deal.version += 1;
        self.oracle.wrote_referral(&before, &texts(fields), &self.plugin, &self.entries);
        Seen::Written { version: self.deals[id].version.to_string(), key: None }
    }

    fn post(&mut self, document: &Referral) -> Seen {
        *self.attempts.entry(Side::PartnerCenter).or_default() += 1;
        let mut sent = leaves(&document.0);
        if let Some(refused) = self.refusal(sent.keys().cloned()) {
            return refused;
        }
        let id = format!("deal-{}", self.deals.len() + 1);
        if document.is_sent_to("msft") {
            sent.insert("/organizationId".into(), "msft".into());
        }
        let engagement = sent.get("/engagementId").cloned().unwrap_or_else(|| format!("engagement-{id}"));
        for (path, text) in [
            ("/id", id.as_str()),
            ("/engagementId", &engagement),
            ("/status", "Active"),
            ("/substatus", "Accepted"),
        ] {
            sent.insert(path.into(), text.into());
        }
        if !document.is_sent_to("msft") {
            self.oracle.made_referral(&sent);
        }
        self.deals.insert(id.clone(), Deal { texts: sent, version: 1, hidden_for: self.list_lag + 1 });
        let posted = Versioned { value: self.document(&id), version: "1".into() };
        Seen::Posted(posted)
    }

    /// What is remembered of one side alone gives way to a pair, unless a write is under way. Any other link of a side
    /// makes the commit fail.
    fn gather(&mut self, commit: &Commit) -> bool {
        let Some((pair, _)) = &commit.link else { return true };
        let shares = |other: &Pair| {
            (pair.referral.is_some() && other.referral == pair.referral)
                || (pair.record.is_some() && other.record == pair.record)
        };
        let is_one_side = |other: &Pair| other.referral.is_none() || other.record.is_none();
        let gives_way = |(other, state): &(Pair, LinkState)| {
            is_one_side(other) && !is_one_side(pair) && state.intent.is_none() && state.open.is_empty()
        };
        if self.others.iter().any(|other| shares(&other.0) && !gives_way(other)) {
            return false;
        }
        self.others.retain(|other| !shares(&other.0));
        true
    }

    fn store(&mut self, commit: Commit) {
        if let Some((pair, state)) = commit.link {
            self.pair = pair;
            self.state = Some(state);
        }
        for change in commit.entries {
            match change {
                EntryChange::Add(entry) => drop(self.entries.insert(entry.id.clone(), (entry, None))),
                EntryChange::Close { id, reason } => {
                    self.entries.get_mut(&id).expect("it was added").1 = Some(reason)
                }
                EntryChange::Void { id } => {
                    self.entries.get_mut(&id).expect("it was added").1 = Some("void".into())
                }
            }
        }
        let told = |line: &AuditLine| (self.passes, self.plugin.release(), line.clone());
        self.history.extend(commit.audit.iter().map(told));
        self.audit.extend(commit.audit);
        self.alarms.extend(commit.alarms);
    }

    /// Whether the pass may still be waiting for something: an intent of unknown fate is open.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.intent.is_some())
    }
}

pub(crate) fn row_key(id: &str) -> RecordKey {
    RecordKey { entity: "opportunity".into(), id: id.into() }
}

/// A field of an entry as a text.
pub(crate) fn shown(of: &crosswalk_engine::value::Value) -> String {
    plain(of)
}

/// Sets a deal up that nobody knows yet.
pub(crate) fn deal(texts: &[(&str, &str)]) -> Deal {
    let texts = texts.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    Deal { texts, version: 1, hidden_for: 0 }
}

/// Sets a record up that nobody knows yet.
pub(crate) fn row(fields: &[(&str, &str)]) -> Row {
    let fields = fields.iter().map(|(field, text)| ((*field).into(), plain(&value(text)))).collect();
    Row { fields, ..Row::default() }
}
