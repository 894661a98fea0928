//! The judge. It knows the promises, the two stores and the entries, and nothing of how the engine works.
//!
//! An edit is *visible* if a field holds something else than when the last finished pass looked, or than the last
//! write of ours put there. Overwriting a visible edit without an entry that names the field loses it. At the end,
//! mapping either side onto the other must change nothing, or an open entry says why.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::{link::Entry, pass::Verdict};

use super::{
    World,
    mapping::{Item, Plugin, Texts},
};

/// What the judge remembers of a pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    /// Edits by people and by automation.
    pub(crate) edits: usize,
    pub(crate) record_writes: usize,
    pub(crate) referral_writes: usize,
    /// What was lost, in words.
    pub(crate) losses: Vec<String>,
    pub(crate) adopted: bool,
    /// Paths that a person changed in Partner Center.
    pub(crate) edited_outward: BTreeSet<String>,
    /// Whether this pass has seen the referral, and the record.
    pub(crate) looked: [bool; 2],
    /// The record has taken another one's place since.
    fills: bool,
    settled_record: Texts,
    settled_referral: Texts,
    /// What a pass saw both sides agree on, whether or not it lived to store that.
    agreed_record: Texts,
    agreed_referral: Texts,
    read_record: Texts,
    read_referral: Texts,
    /// As `agreed_record` and `agreed_referral`, for each member of a list: whether both sides had it.
    agreed_members: BTreeMap<String, BTreeMap<String, bool>>,
}

type Entries = BTreeMap<String, (Entry, Option<String>)>;

impl Oracle {
    pub(crate) fn of(referral: &Texts, record: &Texts) -> Oracle {
        Oracle { settled_record: record.clone(), settled_referral: referral.clone(), ..Oracle::default() }
    }

    /// The record is read after the referral. Where the two agree already, either value is known to both.
    pub(crate) fn read_record(&mut self, fields: &Texts, plugin: &Plugin) {
        self.read_record = fields.clone();
        self.looked[1] = true;
        for (field, wish) in plugin.wants_of_crm(&self.read_referral, fields) {
            if get(fields, &field) == wish {
                self.agreed_record.insert(field, wish);
            }
        }
        let asks = plugin.wants_of_referral(fields, &self.read_referral);
        for (path, wish) in &asks {
            if get(&self.read_referral, path) == *wish {
                self.agreed_referral.insert(path.clone(), wish.clone());
            }
        }
        for item in plugin.items.iter().filter(|item| matches!(item, Item::List(..))) {
            let (field, path) = (item.fields()[0], item.paths()[0]);
            let (of_record, of_referral) =
                (members(&get(fields, field)), members(&get(&self.read_referral, path)));
            for member in ["a", "b", "c", "d"].map(str::to_owned) {
                let is_in = of_record.contains(&member);
                if is_in == of_referral.contains(&member) {
                    for name in [field, path] {
                        self.agreed_members.entry(name.into()).or_default().insert(member.clone(), is_in);
                    }
                }
            }
        }
        for item in plugin.items.iter().filter(|item| matches!(item, Item::Many(..) | Item::ManyByRecord(..)))
        {
            let (field, path) = (item.fields()[0], item.paths()[0]);
            if !asks.contains_key(path) {
                self.agreed_record.insert(field.to_owned(), get(fields, field));
                self.agreed_referral.insert(path.to_owned(), get(&self.read_referral, path));
            }
        }
    }

    pub(crate) fn read_referral(&mut self, texts: &Texts) {
        self.read_referral = texts.clone();
        self.looked[0] = true;
    }

    /// The CRM made a record for us: what it holds is nobody's edit, except what it took over from an older one.
    pub(crate) fn made_record(&mut self, fields: &Texts) {
        for (field, text) in fields {
            if self.read_record.get(field) != Some(text) {
                self.settled_record.insert(field.clone(), text.clone());
            }
        }
    }

    /// A record took another one's place: until a pass has looked, what it leaves empty is no edit.
    pub(crate) fn succeeded(&mut self) {
        self.fills = true;
    }

    /// Whatever Partner Center asked for when the pass looked has arrived.
    pub(crate) fn delivered(&mut self) {
        self.settled_referral = self.read_referral.clone();
    }

    /// Partner Center made a referral for us: what it holds was sent.
    pub(crate) fn made_referral(&mut self, texts: &Texts) {
        self.settled_referral = texts.clone();
        self.settled_record = self.read_record.clone();
    }

    pub(crate) fn agree_on_record(&mut self, texts: Texts) {
        self.agreed_record.extend(texts);
    }

    pub(crate) fn agree_on_referral(&mut self, texts: Texts) {
        self.agreed_referral.extend(texts);
    }

    /// Whether writing `new` over `old` loses what a person made of `seen`. In a list an edit is what was put in and what
    /// was taken out, unless both sides had it so since; anything else is lost unless it stays as it is.
    fn loses(&self, name: &str, seen: &str, old: &str, new: &str) -> bool {
        let is_list = |text: &str| text.is_empty() || text.starts_with('[');
        if ![seen, old, new].into_iter().all(is_list) {
            return old != new;
        }
        let (seen, old, new) = (members(seen), members(old), members(new));
        let known = |member: &String, is_in: bool| {
            self.agreed_members.get(name).and_then(|members| members.get(member)) == Some(&is_in)
        };
        old.difference(&seen).any(|put_in| !new.contains(put_in) && !known(put_in, true))
            || seen.difference(&old).any(|taken_out| new.contains(taken_out) && !known(taken_out, false))
    }

    /// A pass got as far as pushing: whatever Partner Center had said by then, the record has been given. Whoever
    /// edits the record now edits later.
    pub(crate) fn folded(&mut self) {
        self.agreed_referral.extend(self.read_referral.clone());
    }

    /// What a finished pass looked at is known from then on.
    pub(crate) fn finished(&mut self, verdict: &Verdict) {
        let is_end =
            matches!(verdict, Verdict::Applied { .. } | Verdict::Agreed { .. } | Verdict::Parked { .. });
        if is_end && self.looked == [true; 2] {
            self.fills = false;
            self.settled_record = self.read_record.clone();
            self.settled_referral = self.read_referral.clone();
        }
    }

    pub(crate) fn wrote_record(
        &mut self,
        before: &Texts,
        written: &Texts,
        plugin: &Plugin,
        entries: &Entries,
    ) {
        self.record_writes += 1;
        for (field, text) in written {
            let old = get(before, field);
            let visible =
                old != get(&self.settled_record, field) && self.agreed_record.get(field) != Some(&old);
            let kept =
                standing(entries).any(|entry| entry.field == *field && super::shown(&entry.crm) == old);
            let seen = get(&self.settled_record, field);
            let is_filled = self.fills && old.is_empty();
            if visible && self.loses(field, &seen, &old, text) && !kept && !is_filled {
                self.losses
                    .push(format!("record {field}: {old:?} was overwritten by {text:?} without an entry"));
            }
            self.settled_record.insert(field.clone(), text.clone());
            self.read_record.insert(field.clone(), text.clone());
        }
        // An edit that is for nobody else is known once a write landed on top of it, at the version that was read.
        for field in
            plugin.items.iter().filter(|item| matches!(item, Item::Inward(..))).flat_map(Item::fields)
        {
            self.agreed_record.insert(field.to_owned(), get(before, field));
        }
        self.delivered();
    }

    pub(crate) fn wrote_referral(
        &mut self,
        before: &Texts,
        written: &Texts,
        plugin: &Plugin,
        entries: &Entries,
    ) {
        self.referral_writes += 1;
        for (path, text) in written {
            let old = get(before, path);
            let visible =
                old != get(&self.settled_referral, path) && self.agreed_referral.get(path) != Some(&old);
            let names = related(plugin, path);
            let kept = standing(entries).any(|entry| names.contains(&entry.field));
            let seen = get(&self.settled_referral, path);
            if visible && self.loses(path, &seen, &old, text) && !kept {
                self.losses
                    .push(format!("referral {path}: {old:?} was overwritten by {text:?} without an entry"));
            }
            self.settled_referral.insert(path.clone(), text.clone());
            self.read_referral.insert(path.clone(), text.clone());
        }
        // Both sides are settled now, as far as the pass saw them.
        self.settled_referral = self.read_referral.clone();
        self.settled_record = self.read_record.clone();
    }
}

fn members(text: &str) -> BTreeSet<String> {
    text.trim_matches(['[', ']']).split_whitespace().map(str::to_owned).collect()
}

fn get(texts: &Texts, name: &str) -> String {
    texts.get(name).cloned().unwrap_or_default()
}

fn standing(entries: &Entries) -> impl Iterator<Item = &Entry> {
    entries.values().filter(|(_, end)| end.as_deref() != Some("void")).map(|(entry, _)| entry)
}

/// All names under which an entry about this field or path may stand.
fn related(plugin: &Plugin, name: &str) -> Vec<String> {
    let of_item = |item: &Item| {
        let names: Vec<&str> = item.fields().into_iter().chain(item.paths()).collect();
        if names.contains(&name) { names } else { vec![] }
    };
    let mut names: Vec<String> = plugin.items.iter().flat_map(of_item).map(str::to_owned).collect();
    names.push(name.to_owned());
    names
}

/// Everything that is wrong with a world where edits have stopped.
pub(crate) fn verdict(world: &World) -> Vec<String> {
    let mut wrong = world.oracle.losses.clone();
    let (referral, record) = (&world.deals[super::DEAL].texts, &world.rows[super::ROW].fields);
    let over = |base: &Texts, with: &Texts| base.clone().into_iter().chain(with.clone()).collect::<Texts>();
    let plugin = &world.plugin;
    let wish = plugin.wants_of_crm(referral, record);
    let asks = plugin.wants_of_referral(record, referral);
    let again = plugin.wants_of_referral(&over(record, &wish), referral);
    let at = |texts: &Texts, path: &String| texts.get(path).cloned().unwrap_or_else(|| get(referral, path));
    let mut restless: Vec<String> =
        asks.keys().chain(again.keys()).filter(|path| at(&asks, path) != at(&again, path)).cloned().collect();
    let back = plugin.wants_of_crm(&over(referral, &asks), record);
    restless.extend(
        wish.iter()
            .filter(|(field, text)| back.get(*field).is_some_and(|back| back != *text))
            .map(|(f, _)| f.clone()),
    );
    for item in &plugin.items {
        // Nobody edits a derived column here, so it follows from the referral. In a pair that was never seen together
        // it may be the CRM's own, and where a write's fate is not known it may be taken for
        // that, with an entry.
        if let Item::Derived(_, derived, _) = item
            && !world.oracle.adopted
            && standing(&world.entries).all(|entry| entry.field != *derived)
            && get(record, derived) != get(&wish, derived)
        {
            restless.push((*derived).to_owned());
        }
        // Partner Center's part of a one-sided field is only right if it holds what the CRM says.
        if let Item::Outward(_, path) | Item::Joined(_, _, path) = item
            && get(&asks, path).to_uppercase() != get(referral, path).to_uppercase()
            && !world.oracle.edited_outward.contains(*path)
            && standing(&world.entries).all(|entry| entry.field != *path)
        {
            restless.push((*path).to_owned());
        }
    }
    let open = &world.state.as_ref().expect("there is a link").open;
    for name in restless {
        let names = related(plugin, &name);
        let is_unpatchable = names.iter().any(|name| name == "/name");
        if !is_unpatchable && !names.iter().any(|name| open.contains_key(name)) {
            wrong.push(format!("{name} does not agree, and no open entry says why"));
        }
    }
    wrong
}
