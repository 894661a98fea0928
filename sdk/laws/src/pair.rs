//! The laws of one pair: L1 to L3, and what is reported.

use crate::{
    asker::{Asker, Broken},
    law::Law,
    model::{Draft, Json, Record, Value},
    overlay::{overlaid, written},
    same::Canon,
    words::shown,
};

/// Fields in their order.
type Named<'a> = &'a [(String, Value)];

/// Two functions that must agree.
const BOTH: &str = "to_crm and to_referral";

impl Asker<'_> {
    /// Checks every law that one pair can show. Whatever is broken is in `self.broken`.
    pub(crate) fn pair(&mut self, referral: &Json, record: Option<&Record>) {
        let wanted = self.pi_twice(referral, record);
        if let Some(record) = record {
            let pushed = self.rho_twice(record, Some(referral));
            self.rho(record, None);
            self.reported(referral, record, pushed.as_deref());
            if let Some(pushed) = pushed {
                self.settles_in_partner_center(referral, record, &pushed);
            }
        }
        if let Some(wanted) = wanted {
            self.settles_in_the_crm(referral, record, &wanted);
        }
    }

    /// L3 for π, L1, and L3 for ρ where the record holds what the referral asks for.
    fn settles_in_the_crm(&mut self, referral: &Json, record: Option<&Record>, first: &Draft) {
        let canon = Canon::of(referral);
        let after = written(&self.manifest, record, first);
        let Some(second) = self.pi(referral, Some(&after)) else { return };
        if second.entity != first.entity {
            let message = format!("the record is to be a `{}`, then a `{}`", first.entity, second.entity);
            self.breaks(Law::OnceIsEnough, "to_crm", first.entity.clone(), message);
            return;
        }
        // A converted lead is a new pair, whose laws are those that count.
        if record.is_some_and(|record| record.key.entity != after.key.entity) {
            return self.settles_in_the_crm(referral, Some(&after), &second);
        }
        let entity = &first.entity;
        self.differs(canon, Law::OnceIsEnough, "to_crm", entity, (&first.fields, &second.fields), ONCE_CRM);

        let Some(pushed) = self.rho(&after, Some(referral)) else { return };
        let told = overlaid(referral, named(&pushed));
        if let Some(third) = self.pi(&told, Some(&after)) {
            let canon = Canon::of(&told);
            self.differs(
                canon,
                Law::SettlingInTheCrm,
                BOTH,
                entity,
                (&second.fields, &third.fields),
                "once Partner Center has been told of it",
            );
        }
        if let Some(again) = self.rho(&after, Some(&told)) {
            self.differs(canon, Law::OnceIsEnough, "to_referral", "", (&pushed, &again), ONCE_REFERRAL);
        }
    }

    /// L2, and L3 for ρ with the record as it is.
    fn settles_in_partner_center(&mut self, referral: &Json, record: &Record, pushed: &[(String, Value)]) {
        let told = overlaid(referral, named(pushed));
        let canon = Canon::of(&told);
        let Some(wanted) = self.rho(record, Some(&told)) else { return };
        self.differs(canon, Law::OnceIsEnough, "to_referral", "", (pushed, &wanted), ONCE_REFERRAL);
        let Some(folded) = self.pi(&told, Some(record)) else { return };
        // A record of another entity is another pair, with its own id for one.
        if folded.entity != record.key.entity {
            return;
        }
        let after = written(&self.manifest, Some(record), &folded);
        if let Some(again) = self.rho(&after, Some(&told)) {
            self.differs(
                canon,
                Law::SettlingInPartnerCenter,
                BOTH,
                "",
                (&wanted, &again),
                "once the CRM holds what Partner Center asks for",
            );
        }
    }

    /// What is reported on a record is shown, and not carried over to its referral.
    fn reported(&mut self, referral: &Json, record: &Record, pushed: Option<&[(String, Value)]>) {
        self.report(record, Some("the deal has no value"));
        let Some(shown) = self.report(record, None) else { return };
        let draft = Draft { entity: record.key.entity.clone(), fields: shown, companions: Vec::new() };
        let after = written(&self.manifest, Some(record), &draft);
        let Some(pushed) = pushed.filter(|_| after != *record) else { return };
        let Some(again) = self.rho(&after, Some(referral)) else { return };
        let canon = Canon::of(referral);
        let when = "once the result of the pass is shown on the record";
        self.differs(canon, Law::ReportIsNoEdit, "report and to_referral", "", (pushed, &again), when);
    }

    /// Notes fields that both speak of, and not alike.
    fn differs(
        &mut self,
        canon: Canon,
        law: Law,
        function: &'static str,
        entity: &str,
        (before, after): (Named<'_>, Named<'_>),
        when: &str,
    ) {
        for (name, value) in before {
            let Some((_, other)) = after.iter().find(|(other, _)| other == name) else { continue };
            // A companion that has been made since is a record that exists.
            if canon.same(value, other) || matches!((value, other), (Value::Companion(_), Value::Existing(_)))
            {
                continue;
            }
            let field = if entity.is_empty() { name.clone() } else { format!("{entity}.{name}") };
            let message = format!("`{field}` is {}, and {when} it is {}", shown(value), shown(other));
            self.breaks(law, function, field, message);
        }
    }

    pub(crate) fn breaks(&mut self, law: Law, function: &'static str, field: String, message: String) {
        self.broken.push(Broken { law, function, field: Some(field), message });
    }
}

const ONCE_CRM: &str = "once the CRM holds that";
const ONCE_REFERRAL: &str = "once Partner Center holds that";

/// A list of fields as [`overlaid`] takes it.
pub(crate) fn named(fields: &[(String, Value)]) -> impl Iterator<Item = (&String, &Value)> {
    fields.iter().map(|(name, value)| (name, value))
}
