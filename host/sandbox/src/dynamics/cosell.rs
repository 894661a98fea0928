//! What a co-sell solution adds to the sales tables, and Crosswalk's stamp.
//!
//! The names are an assumption: only the prefix `msft_` is public.

use super::{
    builder::TableBuilder,
    tables::{Kind, Table},
};

/// The opportunity with the co-sell columns, one of a partner's own, the key and change tracking.
pub(crate) fn on_opportunity(builder: TableBuilder) -> TableBuilder {
    columns(builder)
        .text("contoso_region", 100)
        .custom("contoso_Region", "Region")
        .key("msft_ReferralKey", &["msft_referralidentifier"])
        .collection(SOLUTIONS, "msft_microsoftsolution", "msft_OpportunityId")
        .tracked()
}

/// The lead with the co-sell columns, the key and change tracking.
pub(crate) fn on_lead(builder: TableBuilder) -> TableBuilder {
    columns(builder).key("msft_LeadReferralKey", &["msft_referralidentifier"]).tracked()
}

/// What an opportunity calls its solutions.
const SOLUTIONS: &str = "msft_opportunity_microsoftsolution";

/// One solution of an opportunity.
pub(crate) fn solution() -> Table {
    TableBuilder::new("msft_microsoftsolution", "msft_microsoftsolutions", 10_001)
        .provisioned("Microsoft Solution")
        .primary_name("msft_name")
        .tracked()
        .business()
        .text("msft_name", 100)
        .custom("msft_Name", "Name")
        .text("msft_solutionidentifier", 100)
        .custom("msft_SolutionIdentifier", "Solution Identifier")
        .lookup_as("msft_opportunityid", &[("msft_OpportunityId", "opportunity")])
        .custom("msft_OpportunityId", "Opportunity")
        .cascading("msft_OpportunityId")
        .states(&[(0, "Active", &[(1, "Active")]), (1, "Inactive", &[(2, "Inactive")])])
        .build()
}

fn columns(builder: TableBuilder) -> TableBuilder {
    builder
        .flag("msft_syncwithpartnercenter")
        .custom("msft_SyncWithPartnerCenter", "Sync with Partner Center")
        .text("msft_referralidentifier", 100)
        .custom("msft_ReferralIdentifier", "Referral Identifier")
        .column("msft_referrallink", Kind::Text { max: 255, format: "Url" })
        .custom("msft_ReferralLink", "Referral Link")
        .choice(
            "msft_howcanmicrosofthelp",
            &[
                (100_000_000, "Workload-specific value proposition"),
                (100_000_001, "Customer technical architecture"),
                (100_000_002, "Proof of concept/demo"),
                (100_000_003, "Quotes/licensing"),
                (100_000_004, "Post-sales customer success"),
                (100_000_005, "General or other"),
            ],
        )
        .custom("msft_HowCanMicrosoftHelp", "How can Microsoft help?")
        .flag("msft_referralvisibletomicrosoft")
        .custom("msft_ReferralVisibleToMicrosoft", "Referral visible to Microsoft sellers?")
        .text("msft_microsoftcrmidentifier", 100)
        .custom("msft_MicrosoftCrmIdentifier", "Microsoft CRM Identifier")
        .text("msft_referralprogram", 100)
        .custom("msft_ReferralProgram", "Referral Program")
        .text("msft_products", 255)
        .custom("msft_Products", "Products")
        .memo("msft_audit", 100_000)
        .custom("msft_Audit", "Audit")
        .text("crosswalk_stamp", 100)
        .custom("crosswalk_Stamp", "Crosswalk stamp")
}
