//! A family of mappings, as plain functions over texts: what a plugin does, without an engine.

use std::collections::BTreeMap;

use crosswalk_engine::{
    mapping::{
        Conflict, CrmDraft, Disposition, EntityUse, FieldUse, Manifest, Mapper, Outcome, Record, Refusal,
        Report, Resolution,
    },
    referral::Referral,
    value::{Fields, Kind, Value},
};

/// Fields as texts; an empty text is an empty field.
pub(crate) type Texts = BTreeMap<String, String>;

/// How one field and one path belong together. Fields have one letter, paths are patchable ones.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// The same text on both sides, whatever the names are.
    Same(&'static str, &'static str),
    /// The same list of letters on both sides, `[a b]`.
    List(&'static str, &'static str),
    /// As [`Item::List`], but the CRM only shows members of one letter.
    Shown(&'static str, &'static str),
    /// The CRM holds the first three characters.
    Cut(&'static str, &'static str),
    /// The CRM holds tens.
    Tens(&'static str, &'static str),
    /// The CRM holds the day, Partner Center day and hour (`d1t05`).
    Day(&'static str, &'static str),
    /// `p` and `q` are both `x` in the CRM, `r` is `y`.
    Many(&'static str, &'static str),
    /// As [`Item::Many`], but the field is left out of the draft where the CRM says the same already.
    ManyByRecord(&'static str, &'static str),
    /// Partner Center holds it without `eur `.
    Prefix(&'static str, &'static str),
    /// A pair of the same text, and a second CRM field derived from it.
    Derived(&'static str, &'static str, &'static str),
    /// Only carried from the CRM.
    Outward(&'static str, &'static str),
    /// Only carried to the CRM.
    Inward(&'static str, &'static str),
    /// A CRM field that always holds this.
    Constant(&'static str, &'static str),
    /// Nobody may patch the name.
    Name(&'static str),
    /// Two CRM fields feed one path, which feeds neither.
    Joined(&'static str, &'static str, &'static str),
    /// Open, won or lost: status and substatus, which end the deal.
    State(&'static str),
    /// On hold, open, won or lost, as two CRMs have it: a deal that is New is on hold. Leaving hold accepts it.
    Stage(&'static str),
    /// The same text, in opportunities only; the CRM's own conversion puts a default there.
    OfDeals(&'static str, &'static str),
    /// Grows by a letter each time it is mapped: breaks the laws.
    Grows(&'static str, &'static str),
    /// Appends Partner Center's text to whatever the record holds: never settles.
    Appends(&'static str, &'static str),
}

use Item::{
    Appends, Constant, Cut, Day, Derived, Grows, Inward, Joined, List, Many, ManyByRecord, Name, OfDeals,
    Outward, Prefix, Same, Shown, Stage, State, Tens,
};

fn text(of: &Texts, name: &str) -> String {
    of.get(name).cloned().unwrap_or_default()
}

fn many(of_partner_center: &str) -> String {
    match of_partner_center {
        "p" | "q" => "x".into(),
        "r" => "y".into(),
        other => other.into(),
    }
}

impl Item {
    /// The CRM fields that it concerns.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        match self {
            Derived(f, e, _) => vec![f, e],
            Joined(f, e, _) => vec![f, e],
            Name(f) | State(f) | Stage(f) | Constant(f, _) => vec![f],
            Same(f, _)
            | List(f, _)
            | OfDeals(f, _)
            | Shown(f, _)
            | Cut(f, _)
            | Tens(f, _)
            | Day(f, _)
            | Many(f, _)
            | ManyByRecord(f, _)
            | Prefix(f, _)
            | Outward(f, _)
            | Inward(f, _)
            | Grows(f, _)
            | Appends(f, _) => vec![f],
        }
    }

    /// The paths that it concerns.
    pub(crate) fn paths(&self) -> Vec<&'static str> {
        match self {
            Derived(_, _, g) | Joined(_, _, g) => vec![g],
            Name(_) => vec!["/name"],
            State(_) | Stage(_) => vec!["/status", "/substatus"],
            Constant(..) => vec![],
            Same(_, g)
            | List(_, g)
            | OfDeals(_, g)
            | Shown(_, g)
            | Cut(_, g)
            | Tens(_, g)
            | Day(_, g)
            | Many(_, g)
            | ManyByRecord(_, g)
            | Prefix(_, g)
            | Outward(_, g)
            | Inward(_, g)
            | Grows(_, g)
            | Appends(_, g) => vec![g],
        }
    }

    /// Values that a person may give the field, and the path.
    pub(crate) fn values(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            List(..) => (&["", "[a]", "[a b]", "[b c]", "[a c d]"], &["", "[b]", "[a b]", "[a c]", "[b d]"]),
            Cut(..) => (&["", "abc", "abd", "k"], &["abc", "abcd", "abde", "klmn", ""]),
            Tens(..) => (&["0", "10", "20", "30"], &["0", "3", "10", "12", "27"]),
            Day(..) => (&["d1", "d2", "d3"], &["d1t05", "d1t06", "d2t05", "d3t09"]),
            Many(..) | ManyByRecord(..) => (&["x", "y"], &["p", "q", "r"]),
            Prefix(..) => (&["eur 1", "eur 2", "eur 3", ""], &["1", "2", "3", ""]),
            State(..) => (&["open", "won", "lost"], &["open", "won", "lost"]),
            Stage(..) => (&["hold", "open", "won", "lost"], &["open", "won", "lost"]),
            _ => (&["", "a", "b", "c", "d"], &["", "a", "b", "c", "d"]),
        }
    }

    fn to_crm(&self, referral: &Texts, record: &Texts, draft: &mut Texts) {
        let mut put = |field: &str, value: String| drop(draft.insert(field.to_owned(), value));
        match self {
            Same(f, g) | List(f, g) | OfDeals(f, g) | Inward(f, g) => put(f, text(referral, g)),
            Shown(f, g) => {
                let all = text(referral, g);
                let letters = all.trim_matches(['[', ']']).split(' ').filter(|member| member.len() == 1);
                put(f, plain(&value(&format!("[{}]", letters.collect::<Vec<_>>().join(" ")))));
            }
            Cut(f, g) => put(f, text(referral, g).chars().take(3).collect()),
            Tens(f, g) => put(f, tens(&text(referral, g))),
            Day(f, g) => put(f, text(referral, g).split('t').next().unwrap_or_default().to_owned()),
            Many(f, g) => put(f, many(&text(referral, g))),
            ManyByRecord(f, g) => {
                let wish = many(&text(referral, g));
                if text(record, f) != wish {
                    put(f, wish);
                }
            }
            Prefix(f, g) => put(f, prefixed(&text(referral, g))),
            Derived(f, e, g) => {
                put(f, text(referral, g));
                put(e, prefixed(&text(referral, g)));
            }
            Constant(f, value) => put(f, (*value).to_owned()),
            Name(f) => put(f, text(referral, "/name")),
            State(f) => put(f, state(&text(referral, "/status"), &text(referral, "/substatus")).to_owned()),
            Stage(f) => put(f, stage(&text(referral, "/status"), &text(referral, "/substatus")).to_owned()),
            Grows(f, g) => put(f, format!("{}g", text(referral, g))),
            Appends(f, g) => {
                if !text(referral, g).is_empty() {
                    put(f, text(record, f) + &text(referral, g));
                }
            }
            Outward(..) | Joined(..) => {}
        }
    }

    fn to_referral(&self, record: &Texts, referral: &Texts, draft: &mut Texts) {
        let mut put = |path: &str, value: String| drop(draft.insert(path.to_owned(), value));
        match self {
            Same(f, g)
            | List(f, g)
            | OfDeals(f, g)
            | Shown(f, g)
            | Derived(f, _, g)
            | Outward(f, g)
            | Tens(f, g)
            | Cut(f, g)
            | Day(f, g) => put(g, text(record, f)),
            Many(f, g) | ManyByRecord(f, g) => {
                let current = text(record, f);
                if many(&text(referral, g)) != current {
                    put(g, current.replace('x', "p").replace('y', "r"));
                }
            }
            Prefix(f, g) => put(g, text(record, f).trim_start_matches("eur ").to_owned()),
            Name(f) => put("/name", text(record, f)),
            Joined(f, e, g) => {
                put(g, format!("{}/{}", text(record, f), text(record, e)).trim_matches('/').to_owned())
            }
            State(f) => {
                let (status, substatus) = match text(record, f).as_str() {
                    "won" => ("Closed", "Won"),
                    "lost" => ("Closed", "Lost"),
                    _ => ("Active", "Accepted"),
                };
                put("/status", status.to_owned());
                put("/substatus", substatus.to_owned());
            }
            Stage(f) => {
                let is_new = text(referral, "/status") == "New";
                let (status, substatus) = match (text(record, f).as_str(), is_new) {
                    ("won", _) => ("Closed", "Won"),
                    ("lost", true) => ("Closed", "Declined"),
                    ("lost", false) => ("Closed", "Lost"),
                    ("open", _) | ("hold", false) => ("Active", "Accepted"),
                    _ => return,
                };
                put("/status", status.to_owned());
                put("/substatus", substatus.to_owned());
            }
            Grows(f, g) => put(g, format!("{}g", text(record, f))),
            Constant(..) | Inward(..) | Appends(..) => {}
        }
    }
}

fn prefixed(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("eur {value}") }
}

fn tens(value: &str) -> String {
    value.parse::<i32>().map_or_else(|_| value.to_owned(), |number| (number / 10 * 10).to_string())
}

fn state(status: &str, substatus: &str) -> &'static str {
    match (status, substatus) {
        ("Closed", "Won") => "won",
        ("Closed", _) => "lost",
        _ => "open",
    }
}

fn stage(status: &str, substatus: &str) -> &'static str {
    match status {
        "New" => "hold",
        _ => state(status, substatus),
    }
}

/// Who wins, for every conflict of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    PartnerCenter,
    Crm,
    Third(&'static str),
    Park,
}

/// What a wrong release makes of texts: it marks them, and knows its own marks when it sees them again. So it is lawful,
/// as wrong mappings mostly are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoils {
    Nothing,
    /// `~` before all that it writes to the CRM.
    Crm,
    /// `#` before all that it writes to Partner Center.
    PartnerCenter,
}

fn marked(texts: Texts, mark: char) -> Texts {
    // A mark on a stage is no stage, which to the right mapping is the same as an open one.
    let words = ["/status", "/substatus", "/name", "s"];
    let is_plain =
        |name: &str, text: &str| !text.is_empty() && !text.starts_with('[') && !words.contains(&name);
    let mark = |(name, text): (String, String)| match is_plain(&name, &text) {
        true => (name, format!("{mark}{text}")),
        false => (name, text),
    };
    texts.into_iter().map(mark).collect()
}

fn unmarked(texts: &Texts, mark: char) -> Texts {
    texts
        .iter()
        .map(|(name, text)| (name.clone(), text.strip_prefix(mark).unwrap_or(text).to_owned()))
        .collect()
}

/// A plugin made of items.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub(crate) items: Vec<Item>,
    pub(crate) policy: Policy,
    /// The field that a report is written to.
    pub(crate) reports_to: Option<&'static str>,
    pub(crate) owned: Vec<&'static str>,
    pub(crate) stamp: bool,
    /// Reports begin with the number of the pass, as others begin with the time.
    pub(crate) dated: Option<u64>,
    /// No new referral is drafted while this field is empty.
    pub(crate) needs: Option<&'static str>,
    /// No pair is mapped while this field is empty.
    pub(crate) needs_in_pair: Option<&'static str>,
    /// What becomes of either then.
    pub(crate) refuses_with: Disposition,
    /// It has no words for the record either.
    pub(crate) refuses_to_report: bool,
    /// The pair is left alone unless this field says `yes`.
    pub(crate) switch: Option<&'static str>,
    /// A record without a referral is only sent if this field says `yes`.
    pub(crate) sends: Option<&'static str>,
    /// The switch is asked by both functions, not only for what goes to Partner Center.
    pub(crate) switches_both: bool,
    /// A deal that is New is a lead; once accepted it is an opportunity, and stays one. Nothing is posted for a lead.
    pub(crate) leads: bool,
    /// What it gets wrong.
    pub(crate) spoils: Spoils,
    /// How often it was asked, by function.
    pub(crate) calls: BTreeMap<&'static str, usize>,
}

pub(crate) const REFERRAL_KEY: &str = "referral_id";
pub(crate) const STAMP: &str = "stamp";

impl Plugin {
    pub(crate) fn new(items: &[Item]) -> Plugin {
        Plugin {
            items: items.to_vec(),
            policy: Policy::Crm,
            reports_to: None,
            owned: vec![],
            stamp: true,
            dated: None,
            needs: None,
            needs_in_pair: None,
            refuses_with: Disposition::Reject,
            refuses_to_report: false,
            switch: None,
            sends: None,
            switches_both: false,
            leads: false,
            spoils: Spoils::Nothing,
            calls: BTreeMap::new(),
        }
    }

    pub(crate) fn wants_of_crm(&self, referral: &Texts, record: &Texts) -> Texts {
        let mut draft = Texts::new();
        let (referral, record) = self.as_understood(referral, record);
        self.items.iter().for_each(|item| item.to_crm(&referral, &record, &mut draft));
        if self.spoils == Spoils::Crm { marked(draft, '~') } else { draft }
    }

    pub(crate) fn wants_of_referral(&self, record: &Texts, referral: &Texts) -> Texts {
        let mut draft = Texts::new();
        let (referral, record) = self.as_understood(referral, record);
        self.items.iter().for_each(|item| item.to_referral(&record, &referral, &mut draft));
        if self.spoils == Spoils::PartnerCenter { marked(draft, '#') } else { draft }
    }

    fn as_understood(&self, referral: &Texts, record: &Texts) -> (Texts, Texts) {
        match self.spoils {
            Spoils::Nothing => (referral.clone(), record.clone()),
            Spoils::Crm => (referral.clone(), unmarked(record, '~')),
            Spoils::PartnerCenter => (unmarked(referral, '#'), record.clone()),
        }
    }

    /// The release's name in the audit.
    pub(crate) fn release(&self) -> &'static str {
        if self.spoils == Spoils::Nothing { "good" } else { "bad" }
    }

    pub(crate) fn manifest(&self) -> Manifest {
        let mut names: Vec<&str> = self.items.iter().flat_map(Item::fields).collect();
        names.extend(self.reports_to);
        names.extend(self.switch);
        names.extend(self.sends);
        names.extend(self.needs_in_pair);
        names.sort_unstable();
        names.dedup();
        let owned = |name: &str| self.owned.contains(&name);
        let field = |name: &&str| FieldUse { owned: owned(name), ..FieldUse::new(*name, Kind::Text) };
        let entity = |entity: &str| EntityUse {
            entity: entity.into(),
            via: None,
            fields: names.iter().map(field).collect(),
            referral_key: Some(REFERRAL_KEY.into()),
            stamp: self.stamp.then(|| STAMP.into()),
        };
        let entities: &[&str] = if self.leads { &["opportunity", "lead"] } else { &["opportunity"] };
        Manifest {
            name: "family".into(),
            version: "1.0.0".into(),
            crm: "dynamics".into(),
            entities: entities.iter().map(|name| entity(name)).collect(),
            lookups: vec![],
            settings_schema: String::new(),
        }
    }

    /// A lead says nothing to Partner Center but what became of it while the deal was New.
    fn wants_of_lead(&self, record: &Texts, referral: Option<&Referral>) -> Outcome<Fields> {
        let Some(referral) = referral else { return Outcome::Skip("a lead is not sent".into()) };
        let mut asks = Texts::new();
        for item in self.items.iter().filter(|item| matches!(item, Stage(_))) {
            item.to_referral(record, &leaves(&referral.0), &mut asks);
        }
        Outcome::Hold(values(&asks))
    }

    fn is_of_deals(&self, field: &str) -> bool {
        self.items.iter().any(|item| matches!(item, OfDeals(f, _) if *f == field))
    }

    fn is_off(&self, record: &Texts) -> bool {
        self.switch.is_some_and(|switch| text(record, switch) != "yes")
    }

    fn stage_of(&self, record: &Texts) -> String {
        let item = self.items.iter().find(|item| matches!(item, Stage(_)));
        item.map(|item| text(record, item.fields()[0])).unwrap_or_default()
    }

    fn refusal_of(&self, field: &str) -> Refusal {
        Refusal {
            code: "MAP001".into(),
            disposition: self.refuses_with,
            field: Some(field.into()),
            message: "a deal needs one".into(),
            help: Some("fill it in".into()),
        }
    }

    fn count(&mut self, function: &'static str) {
        *self.calls.entry(function).or_default() += 1;
    }
}

/// A value as a text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Text(text) => text.clone(),
        Value::Texts(texts) if texts.is_empty() => String::new(),
        Value::Texts(texts) => {
            let mut texts = texts.clone();
            texts.sort();
            format!("[{}]", texts.join(" "))
        }
        other => panic!("the family only knows texts, not {other:?}"),
    }
}

pub(crate) fn value(text: &str) -> Value {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some("") => Value::Empty,
        Some(list) => Value::Texts(list.split(' ').map(str::to_owned).collect()),
        None if text.is_empty() => Value::Empty,
        None => Value::Text(text.to_owned()),
    }
}

pub(crate) fn texts(fields: &Fields) -> Texts {
    fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

pub(crate) fn values(texts: &Texts) -> Fields {
    texts.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

/// Every string and every list of strings in a document, by JSON pointer.
pub(crate) fn leaves(document: &serde_json::Value) -> Texts {
    fn walk(at: &str, json: &serde_json::Value, into: &mut Texts) {
        match json {
            serde_json::Value::Object(object) => {
                object.iter().for_each(|(name, inner)| walk(&format!("{at}/{name}"), inner, into));
            }
            serde_json::Value::String(text) => drop(into.insert(at.to_owned(), text.clone())),
            serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_string) => {
                let texts = items.iter().filter_map(serde_json::Value::as_str).map(str::to_owned).collect();
                into.insert(at.to_owned(), plain(&Value::Texts(texts)));
            }
            _ => {}
        }
    }
    let mut into = Texts::new();
    walk("", document, &mut into);
    into
}

impl Mapper for Plugin {
    fn to_crm(&mut self, referral: &Referral, linked: Option<&Record>) -> Result<Outcome<CrmDraft>, Refusal> {
        self.count("to_crm");
        let record = linked.map(|record| texts(&record.fields)).unwrap_or_default();
        if self.switches_both && linked.is_some() && self.is_off(&record) {
            return Ok(Outcome::Skip("sync is switched off".into()));
        }
        let fields = values(&self.wants_of_crm(&leaves(&referral.0), &record));
        let is_opportunity = linked.is_some_and(|record| record.key.entity == "opportunity");
        let stays = linked.is_some() && referral.is_closed();
        let is_lead = self.leads && !is_opportunity && (referral.status() == Some("New") || stays);
        let entity = if is_lead { "lead" } else { "opportunity" };
        let mut fields = fields;
        if is_lead {
            fields.retain(|field, _| !self.is_of_deals(field));
        }
        Ok(Outcome::Hold(CrmDraft { entity: entity.into(), fields, companions: vec![] }))
    }

    fn to_referral(
        &mut self,
        linked: &Record,
        referral: Option<&Referral>,
    ) -> Result<Outcome<Fields>, Refusal> {
        self.count("to_referral");
        let record = texts(&linked.fields);
        if linked.key.entity == "opportunity" && self.stage_of(&record) == "hold" && referral.is_none() {
            return Ok(Outcome::Skip("a deal that is on hold is not sent".into()));
        }
        if self.sends.is_some_and(|sends| text(&record, sends) != "yes") && referral.is_none() {
            return Ok(Outcome::Skip("it is not to be sent".into()));
        }
        if self.is_off(&record) {
            return Ok(Outcome::Skip("sync is switched off".into()));
        }
        if linked.key.entity == "lead" {
            return Ok(self.wants_of_lead(&record, referral));
        }
        let needed = if referral.is_none() { self.needs } else { self.needs_in_pair };
        if let Some(field) = needed.filter(|field| text(&record, field).is_empty()) {
            return Err(self.refusal_of(field));
        }
        let referral = referral.map(|referral| leaves(&referral.0)).unwrap_or_default();
        Ok(Outcome::Hold(values(&self.wants_of_referral(&record, &referral))))
    }

    fn resolve(&mut self, conflicts: &[Conflict]) -> Result<Vec<Resolution>, Refusal> {
        self.count("resolve");
        let answer = match self.policy {
            Policy::PartnerCenter => Resolution::PartnerCenter,
            Policy::Crm => Resolution::Crm,
            Policy::Third(text) => Resolution::Value(value(text)),
            Policy::Park => Resolution::Park("ask the seller".into()),
        };
        Ok(vec![answer; conflicts.len()])
    }

    fn report(&mut self, _: &Record, report: &Report) -> Result<Fields, Refusal> {
        self.count("report");
        if self.refuses_to_report {
            return Err(self.refusal_of("report"));
        }
        let date = self.dated.map(|pass| format!("{pass} - ")).unwrap_or_default();
        let told = format!("{date}{}", report.message);
        Ok(self.reports_to.iter().map(|field| ((*field).to_owned(), value(&told))).collect())
    }
}
