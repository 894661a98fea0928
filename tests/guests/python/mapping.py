"""A mapping for Dynamics 365 in Python, straight against the contract (`wit/mapping.wit`): names in snake case, a class
for each case of a variant, and a refusal is raised as `Err`."""

import json

import wit_world.exports
from componentize_py_types import Err
from wit_world.exports.mapping import (
    Crm_Dynamics,
    CrmDraft,
    CrmOutcome_Hold,
    CrmOutcome_Skip,
    EntityUse,
    FieldUse,
    Manifest,
    Problem,
    ReferralDraft,
    ReferralOutcome_Hold,
    ReferralOutcome_Skip,
    Refusal_Reject,
    Resolution_Crm,
    Resolution_Park,
)
from wit_world.imports import log, settings
from wit_world.imports.referral import Status_Closed
from wit_world.imports.values import (
    Field,
    Kind_Date,
    Kind_Decimal,
    Kind_Text,
    Value_Date,
    Value_Decimal,
    Value_Empty,
    Value_Instant,
    Value_Text,
)

SETTINGS = {"type": "object", "properties": {"prefix": {"type": "string", "default": ""}}}


class Mapping(wit_world.exports.Mapping):
    def describe(self):
        fields = [
            use("name", Kind_Text()),
            use("estimatedvalue", Kind_Decimal()),
            use("estimatedclosedate", Kind_Date()),
            use("description", Kind_Text()),
            use("msft_audit", Kind_Text(), owned=True),
        ]
        opportunity = EntityUse("opportunity", None, fields, "msft_referralidentifier", "crosswalk_stamp", [])
        return Manifest("python", "1.0.0", Crm_Dynamics(), [opportunity], [], json.dumps(SETTINGS), [])

    def to_crm(self, referral, linked, context):
        if not referral.name:
            raise Err(Refusal_Reject(Problem("/name", "the deal has no name", None, [])))
        if linked is None and isinstance(referral.status, Status_Closed):
            return CrmOutcome_Skip("the deal was over before anybody linked it")
        log.write(log.Level.DEBUG, f"mapping {referral.name} for {context.tenant}")
        details = referral.details
        fields = [
            Field("name", text(prefix() + referral.name)),
            Field("estimatedvalue", Value_Decimal(details.deal_value) if details.deal_value else Value_Empty()),
            Field("estimatedclosedate", date(details.closing_date)),
            Field("description", text(details.notes)),
        ]
        return CrmOutcome_Hold(CrmDraft("opportunity", fields, [], []))

    def to_referral(self, linked, referral, context):
        if referral is None:
            return ReferralOutcome_Skip("only opportunities that came from Partner Center are sent back")
        closes = held(linked, "estimatedclosedate")
        if isinstance(closes, Value_Date):
            closes = Value_Instant(f"{closes.value}T00:00:00Z")
        fields = [
            Field("/details/dealValue", held(linked, "estimatedvalue")),
            Field("/details/closingDateTime", closes),
            Field("/details/notes", held(linked, "description")),
        ]
        return ReferralOutcome_Hold(ReferralDraft(fields, []))

    def resolve(self, conflicts, context):
        ours = {"estimatedvalue"}
        return [
            Resolution_Crm() if conflict.field in ours else Resolution_Park("both sides changed it")
            for conflict in conflicts
        ]

    def report(self, linked, report, context):
        return [Field("msft_audit", text(report.message))]


def prefix():
    setting = settings.get("prefix")
    return setting.value if setting is not None else ""


def text(value):
    return Value_Text(value) if value else Value_Empty()


def date(instant):
    return Value_Date(instant[:10]) if instant else Value_Empty()


def held(record, name):
    """What a record holds in a field; nothing where the CRM holds none."""
    return next((field.value for field in record.fields if field.name == name), Value_Empty())


def use(name, kind, owned=False):
    return FieldUse(name, kind, True, True, owned, [])
