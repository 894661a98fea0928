//! What can be changed about the simulated Partner Center while it runs, mostly where the documentation is silent.

use serde::{Deserialize, Serialize};

/// Switches of `POST /_sandbox/partner-center/settings`. A member that is left out keeps its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// A referral created over the API appears in lists only after this time, in milliseconds.
    pub create_lag_ms: u64,
    /// Most referrals on one page of a list.
    pub page_size_max: usize,
    /// How `@odata.nextLink` looks.
    pub next_link: NextLink,
    /// Whether lists contain other organisations' copies without a filter on `engagementId`. Assumed: no.
    pub list_other_copies: bool,
    /// Whether POST demands what the portal demands (assumed: yes) or only the four documented members.
    pub strict_create: bool,
    /// Whether PATCH takes the substatus `Error`, which the portal and the CSV upload know. Assumed: no.
    pub accept_error_substatus: bool,
    /// Status of a PATCH on a closed referral. Assumed: 400; 409 is possible.
    pub terminal_edit_status: u16,
    /// The caller's role.
    pub role: Role,
    /// The caller's address, which decides what a [`Role::User`] sees.
    pub user_email: String,
    /// Whether the sign-in had multi-factor authentication; without it every call gets 403 `insufficient_claims`.
    pub mfa: bool,
    /// Whether the referrals API takes app-only tokens. Docs: App+User only.
    pub allow_app_only: bool,
    /// Whether writes over the API raise events as others' writes do. Assumed: yes.
    pub own_writes_raise_events: bool,
    /// Whose id a `related-referral-*` event carries. The documentation does not say.
    pub related_event_id: RelatedEventId,
    /// How the members of an event are spelled.
    pub event_case: Case,
    /// How the members of a webhook registration are spelled in answers; live answers were seen in camelCase.
    pub registration_case: Case,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            create_lag_ms: 0,
            page_size_max: 100,
            next_link: NextLink::Documented,
            list_other_copies: false,
            strict_create: true,
            accept_error_substatus: false,
            terminal_edit_status: 400,
            role: Role::Admin,
            user_email: "seller@partner.example".to_owned(),
            mfa: true,
            allow_app_only: false,
            own_writes_raise_events: true,
            related_event_id: RelatedEventId::Other,
            event_case: Case::Pascal,
            registration_case: Case::Pascal,
        }
    }
}

/// How `@odata.nextLink` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NextLink {
    /// As documented: `http://` whatever was called, and a path without `/engagements`.
    Documented,
    /// The path that was called.
    Plain,
}

/// What the signed-in person may do. Docs: permissions overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Referrals admin: everything.
    Admin,
    /// Referrals user: only deals whose team has this person; lists are shorter without an error.
    User,
    /// No referrals role: 403.
    None,
}

/// Whose id a `related-referral-*` event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RelatedEventId {
    /// The copy that changed, which belongs to the other organisation.
    Other,
    /// The partner's own copy in the same engagement.
    Own,
}

/// How JSON members are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Case {
    /// `EventName`.
    Pascal,
    /// `eventName`.
    Camel,
}
