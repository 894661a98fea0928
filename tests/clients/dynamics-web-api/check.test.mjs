// dynamics-web-api, as it comes from npm, against the Dataverse sandbox.
//
// The sandbox is right in general or it is not right: nothing here, and nothing in the sandbox, is made for the other.
// `SANDBOX_DYNAMICS` is the sandbox's address, http or https (then `NODE_EXTRA_CA_CERTS` names its root).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { DynamicsWebApi } from "dynamics-web-api";

const serverUrl = process.env.SANDBOX_DYNAMICS;
assert.ok(serverUrl, "SANDBOX_DYNAMICS is the address of the sandbox");

const connect = (more = {}) =>
  new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, onTokenRefresh: async () => "sandbox", ...more });
const dataverse = connect();

before(() => fetch(`${serverUrl}/_sandbox/reset`, { method: "POST" }));

const failure = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("it did not fail");
};

const create = (data) => dataverse.create({ collection: "opportunities", data });
const name = (key) => dataverse.retrieve({ collection: "opportunities", key, select: ["name"] });

test("a row is created, read, updated and deleted", async () => {
  const id = await create({ name: "Contoso renewal", estimatedvalue: 1250.5, isrevenuesystemcalculated: false });
  assert.match(id, /^[0-9a-f-]{36}$/);

  await dataverse.update({ collection: "opportunities", key: id, data: { name: "Contoso renewal 2" } });
  const row = await dataverse.retrieve({
    collection: "opportunities",
    key: id,
    select: ["name", "estimatedvalue", "description"],
  });
  assert.equal(row.name, "Contoso renewal 2");
  assert.equal(row.estimatedvalue, 1250.5);
  assert.equal(row.description, null);
  assert.ok(row["@odata.etag"]);

  await dataverse.deleteRecord({ collection: "opportunities", key: id });
  const gone = await failure(name(id));
  assert.equal(gone.status, 404);
  assert.equal(gone.code, "0x80040217");
});

test("a representation is returned where it is asked for", async () => {
  const row = await dataverse.create({
    collection: "opportunities",
    data: { name: "Represented" },
    returnRepresentation: true,
    select: ["name", "statecode"],
  });
  assert.equal(row.name, "Represented");
  assert.equal(row.statecode, 0);
  const updated = await dataverse.update({
    collection: "opportunities",
    key: row.opportunityid,
    data: { description: "said" },
    returnRepresentation: true,
    select: ["description"],
  });
  assert.equal(updated.description, "said");
});

test("a single property is set and cleared", async () => {
  const id = await create({ name: "One property", description: "to be cleared" });
  await dataverse.updateSingleProperty({
    collection: "opportunities",
    key: id,
    fieldValuePair: { name: "Another name" },
  });
  await dataverse.deleteRecord({ collection: "opportunities", key: id, property: "description" });
  const row = await dataverse.retrieve({ collection: "opportunities", key: id, select: ["name", "description"] });
  assert.equal(row.name, "Another name");
  assert.equal(row.description, null);
});

test("an upsert creates once, and a conditional one is refused", async () => {
  const key = "11111111-2222-4333-8444-555555555555";
  const upsert = (data, more) => dataverse.upsert({ collection: "opportunities", key, data, ...more });
  await upsert({ name: "Upserted" });
  await upsert({ name: "Upserted again" });
  assert.equal((await name(key)).name, "Upserted again");

  assert.equal(await upsert({ name: "Never" }, { ifnonematch: "*" }), null);
  assert.equal((await name(key)).name, "Upserted again");
  const missing = "99999999-2222-4333-8444-555555555555";
  const answer = await dataverse.upsert({
    collection: "opportunities",
    key: missing,
    data: { name: "Never" },
    ifmatch: "*",
  });
  assert.equal(answer, null);
  assert.equal((await failure(name(missing))).status, 404);
});

test("an alternate key addresses a row", async () => {
  const key = "msft_referralidentifier='7f0c2b1e-0000-4000-8000-000000000001'";
  await dataverse.upsert({ collection: "opportunities", key, data: { name: "By key" } });
  await dataverse.upsert({ collection: "opportunities", key, data: { name: "By key, twice" } });
  const row = await dataverse.retrieve({ collection: "opportunities", key, select: ["name"] });
  assert.equal(row.name, "By key, twice");
  const { value } = await dataverse.retrieveMultiple({
    collection: "opportunities",
    filter: "msft_referralidentifier eq '7f0c2b1e-0000-4000-8000-000000000001'",
    select: ["name"],
  });
  assert.equal(value.length, 1);
});

test("a stale version is refused, and an unchanged row is not sent again", async () => {
  const id = await create({ name: "Versioned" });
  const { "@odata.etag": etag } = await name(id);
  const unchanged = { collection: "opportunities", key: id, select: ["name"], ifnonematch: etag };
  assert.equal(await dataverse.retrieve(unchanged), undefined, "304 has no body");
  await dataverse.update({ collection: "opportunities", key: id, data: { name: "Moved" }, ifmatch: etag });
  // This client tells a 412 by `false`.
  const stale = { collection: "opportunities", key: id, data: { name: "Stale" }, ifmatch: etag };
  assert.equal(await dataverse.update(stale), false);
  assert.equal((await name(id)).name, "Moved");
  assert.equal(await dataverse.deleteRecord({ collection: "opportunities", key: id, ifmatch: etag }), false);
});

test("queries filter, order, count and page", async () => {
  for (let at = 0; at < 7; at += 1) {
    await create({ name: `Paged ${at}`, closeprobability: at * 10 });
  }
  const request = {
    collection: "opportunities",
    select: ["name", "closeprobability"],
    filter: "startswith(name, 'Paged') and closeprobability ge 10",
    orderBy: ["closeprobability desc"],
  };
  const first = await dataverse.retrieveMultiple({ ...request, maxPageSize: 4, count: true });
  assert.deepEqual(first.value.map((row) => row.closeprobability), [60, 50, 40, 30]);
  assert.equal(first["@odata.count"], 6);
  const second = await dataverse.retrieveMultiple({ ...request, maxPageSize: 4 }, first["@odata.nextLink"]);
  assert.deepEqual(second.value.map((row) => row.closeprobability), [20, 10]);
  assert.equal(second["@odata.nextLink"], undefined);

  const all = await dataverse.retrieveAll({ ...request, maxPageSize: 2 });
  assert.equal(all.value.length, 6);
  const top = await dataverse.retrieveMultiple({ ...request, top: 1 });
  assert.equal(top.value.length, 1);
  assert.ok((await dataverse.count({ collection: "opportunities" })) >= 7);
});

test("lookups are bound, expanded and disassociated", async () => {
  const account = await dataverse.create({ collection: "accounts", data: { name: "Fabrikam's" } });
  const id = await create({ name: "Looked up", "parentaccountid@odata.bind": `/accounts(${account})` });
  const request = {
    collection: "opportunities",
    key: id,
    select: ["name", "_parentaccountid_value"],
    expand: [{ property: "parentaccountid", select: ["name"] }],
    includeAnnotations: "*",
  };
  const row = await dataverse.retrieve(request);
  assert.equal(row.parentaccountid.name, "Fabrikam's");
  assert.equal(row["_parentaccountid_value"], account);
  assert.equal(row["_parentaccountid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account");
  const found = await dataverse.retrieveMultiple({
    collection: "opportunities",
    filter: `parentaccountid/name eq 'Fabrikam''s' and _parentaccountid_value eq ${account}`,
    select: ["name"],
  });
  assert.equal(found.value.length, 1);
  await dataverse.disassociateSingleValued({
    collection: "opportunities",
    primaryKey: id,
    navigationProperty: "parentaccountid",
  });
  assert.equal((await dataverse.retrieve(request))["_parentaccountid_value"], null);
});

test("a batch answers each request, and a change set happens completely or not at all", async () => {
  dataverse.startBatch();
  dataverse.create({ collection: "accounts", data: { name: "Batched account" }, contentId: "1" });
  dataverse.create({ collection: "contacts", data: { lastname: "Batched" }, contentId: "2" });
  const created = await dataverse.executeBatch();
  assert.equal(created.length, 2);
  for (const id of created) assert.match(id, /^[0-9a-f-]{36}$/);

  dataverse.startBatch();
  dataverse.create({ collection: "accounts", data: { name: "Never there" } });
  dataverse.create({ collection: "accounts", data: { name: "x".repeat(161) } });
  const refused = await failure(dataverse.executeBatch());
  assert.ok(refused);
  const { value } = await dataverse.retrieveMultiple({
    collection: "accounts",
    filter: "name eq 'Never there'",
    select: ["name"],
  });
  assert.equal(value.length, 0);
});

test("actions and functions are called", async () => {
  const us = await dataverse.callFunction({ name: "WhoAmI" });
  assert.match(us.UserId, /^[0-9a-f-]{36}$/);

  const id = await create({ name: "To be won" });
  await dataverse.callAction({
    actionName: "WinOpportunity",
    action: { Status: 3, OpportunityClose: { subject: "Won", "opportunityid@odata.bind": `/opportunities(${id})` } },
  });
  const row = await dataverse.retrieve({ collection: "opportunities", key: id, select: ["statecode", "statuscode"] });
  assert.deepEqual([row.statecode, row.statuscode], [1, 3]);

  const lead = await dataverse.create({
    collection: "leads",
    data: { subject: "Qualify me", lastname: "Berg", companyname: "Tailspin" },
  });
  const qualified = await dataverse.callAction({
    collection: "leads",
    key: lead,
    actionName: "Microsoft.Dynamics.CRM.QualifyLead",
    action: { CreateAccount: true, CreateContact: true, CreateOpportunity: true, Status: 3 },
  });
  assert.equal(qualified.value.length, 3);
});

test("errors carry Dataverse's code, status and words", async () => {
  const long = await failure(create({ name: "x".repeat(301) }));
  assert.equal(long.status, 400);
  assert.equal(long.code, "0x80044331");
  assert.match(long.message, /maximum allowed length/);
  const closed = await failure(
    dataverse.update({
      collection: "opportunities",
      key: await create({ name: "Not closed by a PATCH" }),
      data: { statecode: 1, statuscode: 3 },
    }),
  );
  assert.equal(closed.code, "0x80100005");
  const unknown = await failure(create({ name: "x", new_nothing: 1 }));
  assert.equal(unknown.status, 400);
  const stranger = connect({ onTokenRefresh: async () => "not a token" });
  assert.equal((await failure(stranger.callFunction({ name: "WhoAmI" }))).status, 401);
});

test("metadata tells tables, columns, keys and choices, and takes new columns", async () => {
  const table = await dataverse.retrieveEntity({
    key: "LogicalName='opportunity'",
    select: ["LogicalName", "EntitySetName", "PrimaryIdAttribute"],
  });
  assert.equal(table.EntitySetName, "opportunities");
  const all = await dataverse.retrieveEntities({
    select: ["LogicalName", "EntitySetName"],
    filter: "LogicalName eq 'account'",
  });
  assert.deepEqual(all.value.map((one) => one.EntitySetName), ["accounts"]);

  const column = {
    "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
    AttributeType: "String",
    AttributeTypeName: { Value: "StringType" },
    SchemaName: "new_FromNpm",
    MaxLength: 40,
    FormatName: { Value: "Text" },
    RequiredLevel: { Value: "None", CanBeChanged: true, ManagedPropertyLogicalName: "canmodifyrequirementlevelsettings" },
    DisplayName: {
      "@odata.type": "Microsoft.Dynamics.CRM.Label",
      LocalizedLabels: [{ "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", Label: "From npm", LanguageCode: 1033 }],
    },
  };
  await dataverse.createAttribute({ entityKey: "LogicalName='opportunity'", data: column });
  const columns = await dataverse.retrieveAttributes({
    entityKey: "LogicalName='opportunity'",
    castType: "Microsoft.Dynamics.CRM.StringAttributeMetadata",
    select: ["LogicalName", "MaxLength"],
    filter: "LogicalName eq 'new_fromnpm'",
  });
  assert.deepEqual(columns.value.map((one) => one.MaxLength), [40]);
  const id = await create({ name: "Custom", new_fromnpm: "kept" });
  const row = await dataverse.retrieve({ collection: "opportunities", key: id, select: ["new_fromnpm"] });
  assert.equal(row.new_fromnpm, "kept");
});

test("changes are tracked from a delta link on, deletions included", async () => {
  const [kept, gone] = [await create({ name: "Tracked" }), await create({ name: "Tracked too" })];
  let page = await dataverse.retrieveMultiple({ collection: "opportunities", select: ["name"], trackChanges: true });
  while (!page["@odata.deltaLink"]) {
    page = await dataverse.retrieveMultiple(
      { collection: "opportunities", select: ["name"], trackChanges: true },
      page["@odata.nextLink"],
    );
  }
  await dataverse.update({ collection: "opportunities", key: kept, data: { name: "Tracked and changed" } });
  await dataverse.deleteRecord({ collection: "opportunities", key: gone });
  const delta = await dataverse.retrieveMultiple(
    { collection: "opportunities", select: ["name"], trackChanges: true },
    page["@odata.deltaLink"],
  );
  const changed = delta.value.find((row) => row.opportunityid === kept);
  assert.equal(changed.name, "Tracked and changed");
  const tombstone = delta.value.find((row) => row.id === gone);
  assert.equal(tombstone.reason, "deleted");
});
