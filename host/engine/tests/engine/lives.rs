//! Whole lives of deals: made on either side, accepted, converted, merged, deleted and restored, upgraded and closed,
//! in random order, while passes on any lane are interrupted. Then everything is restored, and the judge speaks.
//!
//! `simulation` knows one pair and what its fields hold; here it is which records and referrals there are, and which of
//! them belong together. The judge reads both stores and nothing of what the engine remembers but its open entries.

use crosswalk_engine::{
    link::{EntryKind, LinkState},
    pass::{Pair, Subject, Verdict},
    value::RecordKey,
};

use super::world::{
    DEAL, Deal, Fault, ROW, Row, World, deal,
    mapping::{Item, Plugin, Policy, REFERRAL_KEY, STAMP},
    rng::Rng,
    row, row_key,
};

/// As in `simulation`.
const SEEDS: u64 = 1_500;
const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";
const HELP: &str = "/inviteContext/assistanceRequestCode";

/// A deal, all that is remembered in its lanes, and what was taken away and may come back.
struct Life {
    world: World,
    links: Vec<(Pair, LinkState)>,
    deleted: Option<(String, Row)>,
    hidden: Option<Deal>,
    merged: bool,
}

impl Life {
    fn begin(rng: &mut Rng) -> Life {
        let mut plugin = Plugin::new(&[
            Item::Same("n", NOTES),
            Item::List("m", CAMPAIGN),
            Item::Stage("stage"),
            Item::Outward("help", HELP),
        ]);
        plugin.leads = rng.chance(70);
        plugin.sends = Some("sync");
        plugin.policy = *rng.pick(&[Policy::Crm, Policy::PartnerCenter]);
        let mut world = World::new(plugin);
        world.list_lag = rng.below(4);
        if rng.chance(60) {
            let (status, substatus) =
                *rng.pick(&[("New", "Pending"), ("New", "Received"), ("Active", "Accepted")]);
            let engagement = ("/engagementId", "engagement-deal-1");
            let texts =
                [("/id", DEAL), engagement, ("/status", status), ("/substatus", substatus), (NOTES, "a")];
            world.deals.insert(DEAL.into(), deal(&texts));
            if rng.chance(50) {
                let texts = [("/id", "copy"), engagement, ("/organizationId", "msft")];
                world.deals.insert("copy".into(), deal(&texts));
            }
        } else {
            let help = pick(rng, &["", "Quotes"]);
            let texts = [("n", "a"), ("m", "[a]"), ("stage", "open"), ("help", help), ("sync", "yes")];
            let own = [(REFERRAL_KEY, ""), (STAMP, "")];
            world.rows.insert(ROW.into(), row(&[&texts[..], &own[..]].concat()));
        }
        Life { world, links: vec![], deleted: None, hidden: None, merged: false }
    }

    /// A pass on the lane of this subject, and on the one that it is moved to.
    fn pass(
        &mut self,
        subject: Subject,
        mut meddle: impl FnMut(&mut World) -> Option<Fault>,
    ) -> Option<Verdict> {
        let mut subject = subject;
        for _ in 0..4 {
            let is_side = |(pair, _): &(Pair, LinkState)| match &subject {
                Subject::Referral(id) => pair.referral.as_ref() == Some(id),
                Subject::Record(key) => pair.record.as_ref() == Some(key),
            };
            let (mine, others) = std::mem::take(&mut self.links).into_iter().partition(is_side);
            let mine: Vec<(Pair, LinkState)> = mine;
            let world = &mut self.world;
            (world.pair, world.state) = match mine.into_iter().next() {
                Some((pair, state)) => (pair, Some(state)),
                None => (Pair::default(), None),
            };
            world.others = others;
            let verdict = world.run(subject.clone(), |world, _| meddle(world));
            self.links = std::mem::take(&mut world.others);
            self.links.extend(world.state.take().map(|state| (world.pair.clone(), state)));
            match verdict {
                Some(Verdict::Moved { to }) => subject = to,
                other => return other,
            }
        }
        Some(Verdict::Moved { to: subject })
    }

    fn subjects(&self) -> Vec<Subject> {
        let deals = self.world.deals.keys().cloned().map(Subject::Referral);
        let key = |(id, row): (&String, &Row)| RecordKey { entity: row.entity.into(), id: id.clone() };
        deals.chain(self.world.rows.iter().map(key).map(Subject::Record)).collect()
    }

    fn pair(&self) -> Option<&(Pair, LinkState)> {
        self.links.iter().find(|(pair, _)| pair.referral.is_some() && pair.record.is_some())
    }

    /// Something happens that is more than an edit.
    fn turn(&mut self, rng: &mut Rng) {
        let is_whole = self.deleted.is_none() && self.hidden.is_none();
        let live = live_row(&self.world).filter(|_| is_whole);
        let world = &mut self.world;
        match rng.below(7) {
            0 | 1 => accept_or_close(world, rng),
            2 => {
                if let Some(id) = live.filter(|id| world.rows[id].entity == "lead") {
                    let _new = world.qualify(&id, pick(rng, &["open", "open", "hold"]));
                    world.oracle.edits += 1;
                }
            }
            3 => {
                if let Some(id) = live.filter(|id| world.rows[id].entity == "opportunity" && !self.merged) {
                    self.merged = true;
                    let mut master = Row { fields: world.rows[&id].fields.clone(), ..Row::default() };
                    master
                        .fields
                        .extend([REFERRAL_KEY, STAMP, "sync"].map(|own| (own.to_owned(), String::new())));
                    world.rows.insert("row-9".into(), master);
                    world.edit_row("row-9", "n", pick(rng, &["", "b", "c"]));
                    world.succeed(&id, &row_key("row-9"));
                }
            }
            4 => {
                if let Some(id) = live.filter(|_| !self.links.is_empty() && self.pair().is_some()) {
                    self.deleted = self.world.rows.remove(&id).map(|row| (id, row));
                }
            }
            5 => {
                if is_whole && self.pair().is_some() {
                    self.hidden = self.world.deals.remove(DEAL);
                }
            }
            _ => self.restore(),
        }
    }

    fn restore(&mut self) {
        self.world.rows.extend(self.deleted.take());
        self.world.deals.extend(self.hidden.take().map(|deal| (DEAL.to_owned(), deal)));
    }

    /// Passes on every lane until a whole round writes nothing.
    fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..24 {
            let before = self.world.attempts.clone();
            let mut verdicts = vec![];
            for subject in self.subjects() {
                match self.pass(subject, |_| None) {
                    Some(verdict) => verdicts.push(verdict),
                    // The answer to a POST was lost, its record was merged, and the deal was linked with the master first:
                    // what the old record's lane still waits for, a person takes off it.
                    None if self.merged => self.links.retain(|(pair, _)| pair.referral.is_some()),
                    None => return Err("a pass wants a side that belongs to another link".to_owned()),
                }
            }
            let is_done =
                |verdict: &Verdict| matches!(verdict, Verdict::Agreed { .. } | Verdict::Skipped { .. });
            if self.world.attempts == before && verdicts.iter().all(is_done) {
                return Ok(());
            }
            let in_doubt = self.links.iter().any(|(_, state)| state.intent.is_some());
            self.world.now += 450;
            self.world.post_again = in_doubt && self.world.list_lag == 0;
            self.world.list_lag = self.world.list_lag.saturating_sub(1);
        }
        Err("it never comes to rest".to_owned())
    }
}

fn pick(rng: &mut Rng, from: &[&'static str]) -> &'static str {
    from[rng.below(from.len())]
}

/// The record that people work with: the one that every other one lives on as.
fn live_row(world: &World) -> Option<String> {
    world.rows.iter().rev().find(|(_, row)| row.successor.is_none()).map(|(id, _)| id.clone())
}

fn accept_or_close(world: &mut World, rng: &mut Rng) {
    let Some(deal) = world.deals.get(DEAL) else { return };
    let to = match deal.texts["/status"].as_str() {
        "New" => *rng.pick(&[("Active", "Accepted"), ("Active", "Accepted"), ("Closed", "Expired")]),
        "Active" if rng.chance(30) => *rng.pick(&[("Closed", "Won"), ("Closed", "Lost")]),
        _ => return,
    };
    world.edit_referral("/substatus", to.1);
    world.edit_referral("/status", to.0);
}

fn edit(world: &mut World, rng: &mut Rng) {
    let (texts, lists) = (["", "a", "b", "c"], ["", "[a]", "[a b]", "[b c]", "[c]"]);
    if rng.chance(50) {
        if world.deals.get(DEAL).is_some_and(|deal| deal.texts["/status"] != "Closed") {
            match rng.chance(60) {
                true => world.edit_referral(NOTES, pick(rng, &texts)),
                false => world.edit_referral(CAMPAIGN, pick(rng, &lists)),
            }
        }
        return;
    }
    let Some(id) = live_row(world) else { return };
    match rng.below(6) {
        0..=2 => world.edit_row(&id, "n", pick(rng, &texts)),
        3 => world.edit_row(&id, "m", pick(rng, &lists)),
        4 if world.rows[&id].entity == "opportunity" => {
            world.edit_row(&id, "help", pick(rng, &["", "Quotes", "Demo"]));
        }
        _ => world.edit_row(&id, "stage", pick(rng, &["open", "open", "hold", "lost"])),
    }
}

/// Runs one life and answers with everything that is wrong with it.
fn run(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let mut life = Life::begin(&mut rng);
    for _ in 0..3 + rng.below(8) {
        if rng.chance(60) {
            edit(&mut life.world, &mut rng);
        }
        if rng.chance(40) {
            life.turn(&mut rng);
        }
        let subjects = life.subjects();
        if rng.chance(80) && !subjects.is_empty() {
            let subject = rng.pick(&subjects).clone();
            let mut dice = Rng::new(rng.below(1_000_000) as u64);
            let is_whole = life.deleted.is_none() && life.hidden.is_none();
            life.pass(subject, |world| {
                if is_whole && dice.chance(5) {
                    edit(world, &mut dice);
                }
                match dice.below(100) {
                    0..=2 => Some(Fault::Crash),
                    3..=4 => Some(Fault::CrashAfter),
                    5..=9 => Some(Fault::ReplyLost),
                    10..=11 => Some(Fault::NeverSent),
                    _ => None,
                }
            });
        }
    }
    let told = |life: &Life| format!("{:?}\n{}", life.world.plugin.policy, life.world.trace.join("\n"));
    let mut wrong = while_away(&mut life);
    life.restore();
    life.come_to_rest().map_err(|why| format!("{why}\n{}", told(&life)))?;
    wrong.extend(judge(&life));
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{}", wrong.join("\n"), told(&life))) }
}

/// As long as a side of a pair is away an entry says so, and nothing is written.
fn while_away(life: &mut Life) -> Vec<String> {
    if life.deleted.is_none() && life.hidden.is_none() {
        return vec![];
    }
    let Some(pair) = life.pair().map(|(pair, _)| pair.clone()) else { return vec![] };
    let subject = Subject::Referral(pair.referral.unwrap_or_default());
    life.pass(subject.clone(), |_| None);
    let (rows, deals, before) = (life.world.rows.len(), life.world.deals.len(), life.world.attempts.clone());
    let verdict = life.pass(subject, |_| None);
    let gone = life
        .pair()
        .map_or(0, |(_, state)| state.open.values().filter(|entry| entry.kind == EntryKind::Gone).count());
    let mut wrong = vec![];
    if !matches!(verdict, Some(Verdict::Skipped { .. })) || gone == 0 {
        wrong.push(format!("a side is away, and there are {gone} entries and {verdict:?}"));
    }
    if life.world.attempts != before || life.world.rows.len() != rows || life.world.deals.len() != deals {
        wrong.push("a side is away, and something is written".to_owned());
    }
    wrong
}

/// What both stores must look like in the end.
fn judge(life: &Life) -> Vec<String> {
    let world = &life.world;
    let mut wrong = world.oracle.losses.clone();
    let is_microsofts =
        |deal: &&Deal| deal.texts.get("/organizationId").is_some_and(|organization| organization == "msft");
    let copies = world.deals.values().filter(is_microsofts).count();
    let own = world.deals.len() - copies;
    if own > 1 || copies > 1 {
        wrong.push(format!("there are {own} deals of the partner's own and {copies} of Microsoft's"));
    }
    let lives: Vec<&String> =
        world.rows.iter().filter(|(_, row)| row.successor.is_none()).map(|(id, _)| id).collect();
    if lives.len() > 1 {
        wrong.push(format!("there are the records {lives:?}, of which none lives on as another"));
    }
    if life.links.iter().any(|(_, state)| state.intent.is_some()) {
        wrong.push("an intent stayed open".to_owned());
    }
    wrong.extend(world.alarms.iter().map(|alarm| format!("a false alarm: {alarm}")));
    if let (Some(deal), [id]) = (world.deals.get(DEAL), lives.as_slice()) {
        wrong.extend(judge_pair(life, deal, id, copies));
    }
    wrong
}

fn judge_pair(life: &Life, deal: &Deal, id: &str, copies: usize) -> Vec<String> {
    let row = &life.world.rows[id];
    let at = |path: &str| deal.texts.get(path).map_or("", String::as_str);
    let field = |name: &str| row.fields.get(name).map_or("", String::as_str);
    let Some((pair, state)) = life.pair() else { return judge_unlinked(at("/status"), row, field("sync")) };
    let mut wrong = vec![];
    let mut expect = |is_so: bool, what: &str| {
        if !is_so {
            wrong.push(format!("{what}: {:?} {:?} {:?}", deal.texts, row.fields, state.open));
        }
    };
    let is_closed = at("/status") == "Closed";
    let waits = |names: &[&str]| names.iter().any(|name| state.open.contains_key(*name));
    expect(pair.record.as_ref().is_some_and(|key| key.id == id), "the deal is linked with an old record");
    expect(field(REFERRAL_KEY) == DEAL, "the record does not carry its deal");
    expect(is_closed || at("/externalReferenceId") == id, "the deal does not name its record");
    let stage = match (at("/status"), at("/substatus")) {
        ("New", _) => "hold",
        ("Closed", "Won") => "won",
        ("Closed", _) => "lost",
        _ => "open",
    };
    let is_in_stage = field("stage") == stage || (stage == "open" && field("stage") == "hold");
    expect(is_in_stage || waits(&["stage", "/status"]), "the two are in different stages");
    if row.entity == "lead" {
        expect(at("/status") != "Active" || waits(&["lead"]), "an accepted deal is still a lead");
        return wrong;
    }
    expect(field("n") == at(NOTES) || waits(&["n", NOTES]), "the notes differ");
    expect(field("m") == at(CAMPAIGN) || waits(&["m", CAMPAIGN]), "the lists differ");
    // A record that is merged while the answer to its POST is lost leaves the second POST to a person.
    let is_left = life.merged && !at(HELP).is_empty();
    let is_asked = field("help").is_empty() || is_closed || copies == 1 || is_left;
    expect(is_asked || waits(&["help", HELP, "/target"]), "help is wanted, and Microsoft does not know");
    wrong
}

/// A deal and a record that nothing joins must each have a reason to be alone.
fn judge_unlinked(status: &str, row: &Row, sync: &str) -> Vec<String> {
    vec![format!("a {status} deal and a {} ({sync:?}) are not linked", row.entity)]
}

#[test]
fn lives_of_deals_keep_the_promises() {
    let seeds = std::env::var("CROSSWALK_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        if let Err(wrong) = run(seed) {
            panic!("seed {seed}: {wrong}");
        }
    }
}
