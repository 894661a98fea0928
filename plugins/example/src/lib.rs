//! Contoso's rules: the default Dynamics mapping, with three fields otherwise, one of their own, and another winner for
//! the closing date.
//!
//! | field | Contoso's rule |
//! |---|---|
//! | Referral Program | says so where a deal is in none |
//! | Partner Center's sales stage | follows the opportunity: what is worked on is at *Develop* |
//! | Partner Center's campaign | that of the setting `campaign`, for deals that Contoso shares |
//! | `contoso_region`, their own | the sales region of the customer's country, as the CRM's own account has it |
//! | Est. Close Date, changed on both sides | Partner Center's |
//!
//! A partner's plugin looks like this when the default is nearly right: call it, and change what is wanted otherwise.

use crosswalk_dynamics::{
    Deal as StandardDeal, Dynamics, Lead, OpportunityField as StandardField, mapping as default,
};
use crosswalk_sdk::prelude::*;

/// What is linked with a referral: Contoso's opportunity, or a lead as the default has it.
#[derive(Record, Clone, Debug, PartialEq)]
pub enum Deal {
    /// A deal that is worked on.
    Opportunity(Opportunity),
    /// A deal that was not accepted yet.
    Lead(Lead),
}

impl Deal {
    /// What the default knows of it.
    fn standard(&self) -> StandardDeal {
        match self {
            Self::Opportunity(opportunity) => opportunity.standard.clone().into(),
            Self::Lead(lead) => lead.clone().into(),
        }
    }

    /// The default's draft, with Contoso's region where it has a place.
    fn of(standard: StandardDeal, region: Field<String>) -> Self {
        match standard {
            StandardDeal::Opportunity(standard) => Opportunity { standard, region }.into(),
            StandardDeal::Lead(lead) => lead.into(),
        }
    }
}

/// Contoso's opportunity: all that the default knows, and a column of their own.
#[derive(Record, Clone, Debug, Default, PartialEq)]
pub struct Opportunity {
    /// What the default mapping reads and writes.
    #[field(flatten)]
    pub standard: crosswalk_dynamics::Opportunity,
    /// The sales region, for reports. It follows the customer's country, so that an edit of it is put back.
    #[field("contoso_region", owned)]
    pub region: Field<String>,
}

/// The account that the CRM knows by the customer's name: found, never written.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "account")]
pub struct KnownAccount {
    /// Its name.
    pub name: Field<String>,
    /// Its country (ISO 3166 alpha-2).
    #[field("address1_country", read)]
    pub country: Field<String>,
}

/// Contoso's own settings, beside the default's.
#[derive(Settings, Clone, Debug, PartialEq)]
pub struct Contoso {
    /// The region of a customer whose country is in no region of its own.
    #[setting(default = "Worldwide")]
    pub other_region: String,
    /// The campaign that deals are part of which Contoso shares; empty for none.
    #[setting(default = "")]
    pub campaign: String,
    /// What Referral Program says of a deal that is in none.
    #[setting(default = "No program")]
    pub no_program: String,
}

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics, Contoso), lookups(KnownAccount))]
pub mod plugin {
    use super::*;

    /// As the default; an opportunity has its region too, and says if it is in no program.
    ///
    /// # Errors
    /// As the default, and when the CRM cannot be asked for the customer's account.
    pub fn to_crm(
        referral: &Referral,
        linked: Option<&Deal>,
        settings: &Dynamics,
        contoso: &Contoso,
    ) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked.map(Deal::standard).as_ref(), settings)?;
        let region = country(referral)?.map(|country| region(&country, contoso));
        Ok(standard.map(|mut standard| {
            if let StandardDeal::Opportunity(opportunity) = &mut standard
                && opportunity.referral_program.text().is_empty()
            {
                opportunity.referral_program = contoso.no_program.clone().into();
            }
            Deal::of(standard, region.into())
        }))
    }

    /// As the default; what is worked on is at the stage *Develop*, and what Contoso shares is part of its campaign.
    ///
    /// # Errors
    /// As the default.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
        contoso: &Contoso,
    ) -> Result<Outcome<ReferralDraft>> {
        let standard = default::to_referral(&linked.standard(), referral, cx, settings)?;
        Ok(standard.map(|mut draft| {
            if draft.status == Status::Active.into() {
                draft.sales_stage = "Develop".into();
            }
            if referral.is_none() && !contoso.campaign.is_empty() {
                draft.campaign_id = contoso.campaign.clone().into();
            }
            draft
        }))
    }

    /// Contoso plans by the date that Microsoft was told; all else as the default.
    ///
    /// # Errors
    /// As the default.
    pub fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
        match conflict.on::<Opportunity>() {
            Some(OpportunityField::Standard(StandardField::Closes)) => Ok(Resolution::PartnerCenter),
            _ => default::resolve(conflict, settings),
        }
    }

    /// As the default.
    ///
    /// # Errors
    /// As the default.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Dynamics) -> Result<Deal> {
        Ok(Deal::of(default::report(&linked.standard(), report, cx, settings)?, Field::Unset))
    }
}

/// The customer's country: that of the account which the CRM knows by the customer's name, because a referral often has
/// an agency's address; without one, the referral's.
fn country(referral: &Referral) -> Result<Option<String>> {
    let name = referral.customer.name.as_deref().unwrap_or_default().trim();
    let known = match name {
        "" => None,
        name => lookup::find(KnownAccount { name: name.into(), ..Default::default() }, 1)?.pop(),
    };
    let known = known.and_then(|known| known.record.country.value()).filter(|country| !country.is_empty());
    Ok(known.or_else(|| referral.country().map(str::to_owned)))
}

/// Contoso's regions, by ISO 3166 country code.
fn region(country: &str, contoso: &Contoso) -> String {
    match country {
        "DE" | "AT" | "CH" => "DACH".to_owned(),
        "US" | "CA" | "MX" => "North America".to_owned(),
        _ => contoso.other_region.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crosswalk_sdk::{
        contract::Value,
        testing::{self, json},
    };

    use super::*;

    fn held(referral: &Referral) -> Opportunity {
        let (settings, contoso) = (Dynamics::read().unwrap(), Contoso::read().unwrap());
        match plugin::to_crm(referral, None, &settings, &contoso).unwrap() {
            Outcome::Hold(Deal::Opportunity(draft)) => draft,
            other => panic!("no opportunity: {other:?}"),
        }
    }

    fn from(country: &str) -> Referral {
        testing::referral(json!({
            "name": "Solar park", "status": "Active", "substatus": "Accepted",
            "customerProfile": { "name": "Fabrikam", "address": { "country": country } },
        }))
    }

    /// The accounts that the CRM knows.
    fn accounts(known: &[(&str, &str)]) -> testing::Guard {
        let account = |(name, country): &(&str, &str)| KnownAccount {
            name: (*name).into(),
            country: (*country).into(),
        };
        testing::lookup(known.iter().map(account).collect())
    }

    #[test]
    fn the_region_follows_the_customers_country() {
        let _accounts = accounts(&[("Northwind", "US")]);
        assert_eq!(held(&from("AT")).region, "DACH".into());
        assert_eq!(held(&from("JP")).region, "Worldwide".into());
        let _settings = testing::settings(json!({ "other_region": "Rest" }));
        assert_eq!(held(&from("JP")).region, "Rest".into());
    }

    #[test]
    fn the_account_that_the_crm_knows_says_the_country() {
        let _accounts = accounts(&[("Fabrikam", "CA"), ("Northwind", "DE")]);
        assert_eq!(held(&from("JP")).region, "North America".into());
    }

    #[test]
    fn a_crm_that_cannot_be_asked_has_the_event_tried_again_and_an_undeclared_lookup_is_named() {
        // No table: as if the lookup were not declared.
        let (settings, contoso) = (Dynamics::read().unwrap(), Contoso::read().unwrap());
        let refused = plugin::to_crm(&from("JP"), None, &settings, &contoso).unwrap_err();
        assert!(refused.message.contains("`account` is not declared"), "{refused}");
    }

    #[test]
    fn a_deal_in_no_program_says_so() {
        let _accounts = accounts(&[]);
        assert_eq!(held(&from("AT")).standard.referral_program, "No program".into());
        let mut referral = from("AT");
        referral.referral_program = Some("co-sell".to_owned());
        assert_eq!(held(&referral).standard.referral_program, "co-sell".into());
    }

    #[test]
    fn what_is_worked_on_is_at_develop_and_what_is_shared_is_part_of_the_campaign() {
        let _accounts = accounts(&[]);
        let _settings = testing::settings(json!({ "campaign": "spring", "customers_consent": true }));
        let (settings, contoso) = (Dynamics::read().unwrap(), Contoso::read().unwrap());
        let draft = |linked: Deal, referral: Option<&Referral>| match plugin::to_referral(
            &linked,
            referral,
            &testing::context(),
            &settings,
            &contoso,
        )
        .unwrap()
        {
            Outcome::Hold(draft) => draft,
            Outcome::Skip(reason) => panic!("{reason}"),
        };
        let referral = testing::referral(testing::documented_referral());
        let open = draft(worked_on(), Some(&referral));
        assert_eq!((open.sales_stage, open.campaign_id), ("Develop".into(), Field::Unset));
        assert_eq!(draft(worked_on(), None).campaign_id, "spring".into());
    }

    /// An opportunity that is open, with all that Partner Center demands of a new deal.
    fn worked_on() -> Deal {
        use crosswalk_dynamics::{
            Account, Currency,
            status::{State, StatusReason},
        };
        let account = Account {
            name: "Fabrikam".into(),
            line1: "1 Main Street".into(),
            city: "Wien".into(),
            country: "AT".into(),
            ..testing::empty()
        };
        let existing = |entity: &str| RecordKey { entity: entity.into(), id: "1".into() };
        let standard = crosswalk_dynamics::Opportunity {
            name: "Solar park".into(),
            state: State::Open.into(),
            status: StatusReason::InProgress.into(),
            sync: true.into(),
            value: Decimal::from(50_000).into(),
            closes: Date::constant(2026, 5, 31).into(),
            solutions: vec!["SOL-15974-MQF".to_owned()].into(),
            currency: Ref::Existing {
                key: existing("transactioncurrency"),
                record: Some(Box::new(Currency { code: "EUR".into() })),
            }
            .into(),
            account: Ref::Existing { key: existing("account"), record: Some(Box::new(account)) }.into(),
            ..testing::empty()
        };
        Opportunity { standard, region: Field::Empty }.into()
    }

    #[test]
    fn the_rest_is_the_defaults() {
        let _accounts = accounts(&[]);
        let mut referral = testing::referral(testing::documented_referral());
        referral.referral_program = Some("co-sell".to_owned());
        let settings = Dynamics::read().unwrap();
        let Ok(Outcome::Hold(standard)) = default::to_crm(&referral, None, &settings) else {
            panic!("skipped")
        };
        assert_eq!(StandardDeal::from(held(&referral).standard), standard);
    }

    #[test]
    fn a_lead_is_the_defaults_and_has_no_region() {
        let _accounts = accounts(&[]);
        let (settings, contoso) = (Dynamics::read().unwrap(), Contoso::read().unwrap());
        let referral =
            testing::referral(json!({ "name": "Solar park", "status": "New", "qualification": "Direct" }));
        let Ok(Outcome::Hold(Deal::Lead(lead))) = plugin::to_crm(&referral, None, &settings, &contoso) else {
            panic!("no lead")
        };
        assert_eq!(lead.name, "Solar park".into());
        let report = SyncReport { outcome: SyncOutcome::Synced, message: "done".into(), more: Vec::new() };
        let shown = plugin::report(&lead.into(), &report, &testing::context(), &settings).unwrap();
        assert!(matches!(shown, Deal::Lead(lead) if lead.name == "✔ Solar park".into()));
    }

    #[test]
    fn partner_centers_closing_date_wins_and_the_crms_value() {
        let conflict = |field: &str, value: Value| Conflict {
            field: field.into(),
            base: None,
            partner_center: value,
            crm: Value::Empty,
            partner_center_changed: None,
            crm_changed: None,
            more: Vec::new(),
        };
        let conflicts = [
            conflict("estimatedclosedate", Value::Date("2026-01-31".into())),
            conflict("estimatedvalue", Value::Decimal("1".into())),
        ];
        let resolved = (plugin::plugin().resolve)(&conflicts, &testing::contract_context()).unwrap();
        assert_eq!(resolved, [Resolution::PartnerCenter, Resolution::Crm]);
    }

    #[test]
    fn the_manifest_has_the_defaults_columns_and_the_new_one() {
        let manifest = (plugin::plugin().describe)();
        let opportunity = &manifest.entities[0];
        assert_eq!(opportunity.referral_key.as_deref(), Some("msft_referralidentifier"));
        for column in ["contoso_region", "estimatedvalue", "msft_audit"] {
            assert!(opportunity.fields.iter().any(|field| field.name == column), "{column}");
        }
        assert_eq!(manifest.lookups[0].entity, "account");
        assert!(manifest.settings_schema.contains("other_region"));
        assert!(manifest.settings_schema.contains("conflict_winner"));
    }

    #[test]
    fn the_laws_hold() {
        testing::laws::hold(&plugin::plugin(), 0..200);
    }
}
