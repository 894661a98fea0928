// A mapping for Dynamics 365 in JavaScript, straight against the contract (`wit/mapping.wit`): names in camel case,
// variants as `{ tag, val }`, none as null, and a refusal is thrown.

import log from "crosswalk:mapping/log@1.0.0";
import settings from "crosswalk:mapping/settings@1.0.0";

const text = (value) => (value ? { tag: "text", val: value } : { tag: "empty" });
const decimal = (value) => (value ? { tag: "decimal", val: value } : { tag: "empty" });
const date = (instant) => (instant ? { tag: "date", val: instant.slice(0, 10) } : { tag: "empty" });
const use = (name, kind, more = {}) => ({
  name, kind: { tag: kind }, reads: true, writes: true, owned: false, more: [], ...more,
});

/** What a record holds in a field; nothing where the CRM holds none. */
const held = (record, name) => record.fields.find((field) => field.name === name)?.value ?? { tag: "empty" };

export const mapping = {
  describe() {
    return {
      name: "javascript",
      version: "1.0.0",
      crm: { tag: "dynamics" },
      entities: [{
        entity: "opportunity",
        via: null,
        fields: [
          use("name", "text"),
          use("estimatedvalue", "decimal"),
          use("estimatedclosedate", "date"),
          use("description", "text"),
          use("msft_audit", "text", { owned: true }),
        ],
        referralKey: "msft_referralidentifier",
        stamp: "crosswalk_stamp",
        more: [],
      }],
      lookups: [],
      settingsSchema: JSON.stringify({
        type: "object",
        properties: { prefix: { type: "string", default: "" } },
      }),
      more: [],
    };
  },

  toCrm(referral, linked, context) {
    if (!referral.name) {
      throw { tag: "reject", val: { field: "/name", message: "the deal has no name", help: null, more: [] } };
    }
    if (!linked && referral.status.tag === "closed") {
      return { tag: "skip", val: "the deal was over before anybody linked it" };
    }
    log.write("debug", `mapping ${referral.name} for ${context.tenant}`);
    const { dealValue, closingDate, notes } = referral.details;
    const fields = [
      { name: "name", value: text(prefix() + referral.name) },
      { name: "estimatedvalue", value: decimal(dealValue) },
      { name: "estimatedclosedate", value: date(closingDate) },
      { name: "description", value: text(notes) },
    ];
    return { tag: "hold", val: { entity: "opportunity", fields, companions: [], more: [] } };
  },

  toReferral(linked, referral) {
    if (!referral) {
      return { tag: "skip", val: "only opportunities that came from Partner Center are sent back" };
    }
    const closes = held(linked, "estimatedclosedate");
    const fields = [
      { name: "/details/dealValue", value: held(linked, "estimatedvalue") },
      {
        name: "/details/closingDateTime",
        value: closes.tag === "date" ? { tag: "instant", val: `${closes.val}T00:00:00Z` } : closes,
      },
      { name: "/details/notes", value: held(linked, "description") },
    ];
    return { tag: "hold", val: { fields, more: [] } };
  },

  resolve(conflicts) {
    return conflicts.map((conflict) =>
      conflict.field === "estimatedvalue" ? { tag: "crm" } : { tag: "park", val: "both sides changed it" });
  },

  report(linked, report) {
    return [{ name: "msft_audit", value: text(report.message) }];
  },
};

function prefix() {
  return settings.get("prefix")?.val ?? "";
}
