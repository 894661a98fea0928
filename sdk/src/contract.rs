//! The contract's own types, generated from `wit/`.
//!
//! Authors meet the few of them that the prelude names ([`Referral`] and what is in it, [`Conflict`],
//! [`Resolution`], [`SyncReport`]). The rest is for the SDK, and for programs that call a [`crate::Plugin`] natively.

pub use generated::crosswalk::mapping::{
    log::Level,
    lookup::{Failure, Found},
    referral::{
        Address, Consent, Customer, CustomerId, Details, Direction, Help, Invitation, Member, Qualification,
        Referral, ReferralKind, Solution, Status, Substatus, Target, Tracking,
    },
    values::{Field as NamedValue, Kind, RecordKey, Reference, Value},
};
pub use generated::{
    crosswalk, export_component,
    exports::{
        self,
        crosswalk::mapping::mapping::{
            Companion, Conflict, Context, Crm, CrmDraft, CrmOutcome, CrmRecord, EntityUse, FieldUse, Guest,
            Manifest, Problem, ReferralDraft, ReferralOutcome, Refusal, RelatedRecord, Resolution,
            SyncOutcome, SyncReport,
        },
    },
};
#[doc(hidden)]
pub use wit_bindgen::rt;

#[expect(missing_docs, reason = "generated from wit/, where the documentation is")]
mod generated {
    wit_bindgen::generate!({
        path: "../wit",
        world: "mapper",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "::crosswalk_sdk::contract",
        runtime_path: "::crosswalk_sdk::contract::rt",
    });
}
