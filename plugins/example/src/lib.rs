//! Contoso's rule: the default Dynamics mapping, with the sales region of the customer's country in a column of their
//! own, and with Partner Center's closing date winning over the CRM's.
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

/// Contoso's own settings, beside the default's.
#[derive(Settings, Clone, Debug, PartialEq)]
pub struct Contoso {
    /// The region of a customer whose country is in no region of its own.
    #[setting(default = "Worldwide")]
    pub other_region: String,
}

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics, Contoso))]
pub mod plugin {
    use super::*;

    /// As the default; an opportunity has its region too.
    ///
    /// # Errors
    /// As the default.
    pub fn to_crm(
        referral: &Referral,
        linked: Option<&Deal>,
        settings: &Dynamics,
        contoso: &Contoso,
    ) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked.map(Deal::standard).as_ref(), settings)?;
        let region = referral.country().map(|country| region(country, contoso));
        Ok(standard.map(|standard| Deal::of(standard, region.into())))
    }

    /// As the default.
    ///
    /// # Errors
    /// As the default.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        default::to_referral(&linked.standard(), referral, cx, settings)
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
            "customerProfile": { "address": { "country": country } },
        }))
    }

    #[test]
    fn the_region_follows_the_customers_country() {
        assert_eq!(held(&from("AT")).region, "DACH".into());
        assert_eq!(held(&from("JP")).region, "Worldwide".into());
        let _settings = testing::settings(json!({ "other_region": "Rest" }));
        assert_eq!(held(&from("JP")).region, "Rest".into());
    }

    #[test]
    fn the_rest_is_the_defaults() {
        let referral = testing::referral(testing::documented_referral());
        let settings = Dynamics::read().unwrap();
        let Ok(Outcome::Hold(standard)) = default::to_crm(&referral, None, &settings) else {
            panic!("skipped")
        };
        assert_eq!(StandardDeal::from(held(&referral).standard), standard);
    }

    #[test]
    fn a_lead_is_the_defaults_and_has_no_region() {
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
        assert!(manifest.settings_schema.contains("other_region"));
        assert!(manifest.settings_schema.contains("conflict_winner"));
    }

    #[test]
    fn the_laws_hold() {
        testing::laws::hold(&plugin::plugin(), 0..200);
    }
}
