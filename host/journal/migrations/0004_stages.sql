-- A route may have a candidate beside the live release: in shadow, or as a canary for a share of the lanes, in percent.
ALTER TABLE routes ADD COLUMN candidate_id BIGINT;
ALTER TABLE routes ADD COLUMN stage TEXT;
ALTER TABLE routes ADD COLUMN share BIGINT;
ALTER TABLE routes ADD COLUMN candidate_since BIGINT;
-- Since when the live release is live; NULL is since the route was made.
ALTER TABLE routes ADD COLUMN live_since BIGINT;
-- The generation whose live release a rollback goes back to.
ALTER TABLE routes ADD COLUMN back_to BIGINT;
-- The release that this change rolled back, and since when it had been routed.
ALTER TABLE routes ADD COLUMN undone_id BIGINT;
ALTER TABLE routes ADD COLUMN undone_since BIGINT;
ALTER TABLE routes ADD COLUMN why TEXT NOT NULL DEFAULT '';
-- A rollback went to the newest generation with another release so far; for routes of that time it still does.
UPDATE routes SET back_to = (
  SELECT MAX(r.generation) FROM routes r
   WHERE r.tenant = routes.tenant AND r.generation < routes.generation AND r.release_id <> routes.release_id
);

-- Which of ten thousand buckets a lane is in, by its first subject; NULL in lanes that are older than this column.
ALTER TABLE lanes ADD COLUMN bucket BIGINT;

-- An alarm may come from the host itself, without a pass.
ALTER TABLE alarms RENAME TO alarms_of_passes;
DROP INDEX alarms_tenant;
CREATE TABLE alarms (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  link BIGINT,
  pass BIGINT,
  raised BIGINT NOT NULL,
  text TEXT NOT NULL
);
INSERT INTO alarms (id, tenant, link, pass, raised, text)
  SELECT id, tenant, link, pass, raised, text FROM alarms_of_passes;
DROP TABLE alarms_of_passes;
CREATE INDEX alarms_tenant ON alarms (tenant, id);
