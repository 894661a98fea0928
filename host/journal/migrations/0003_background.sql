-- Whether all that waits in a lane was found by a sweep or a backfill: then it waits behind live traffic.
ALTER TABLE lanes ADD COLUMN background BIGINT NOT NULL DEFAULT 0;
DROP INDEX lanes_ready;
CREATE INDEX lanes_ready ON lanes (tenant, background, ready_at) WHERE ready_at IS NOT NULL;

-- A tenant has a turn for its live traffic and another one for what waits behind it.
DROP INDEX turns_ready;
DROP TABLE turns;
CREATE TABLE turns (
  tenant TEXT NOT NULL,
  background BIGINT NOT NULL,
  turn BIGINT NOT NULL,
  ready_at BIGINT,
  PRIMARY KEY (tenant, background)
);
CREATE INDEX turns_ready ON turns (background, turn, tenant) WHERE ready_at IS NOT NULL;
INSERT INTO turns (tenant, background, turn, ready_at)
  SELECT tenant, 0, 0, MIN(ready_at) FROM lanes WHERE ready_at IS NOT NULL GROUP BY tenant;

-- Long work of a tenant: sweeps, backfills, comparisons. At most one is under way.
CREATE TABLE jobs (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  who TEXT NOT NULL,
  -- How far it is, in the host's own words.
  progress TEXT NOT NULL,
  started BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  ended BIGINT,
  reason TEXT
);
CREATE UNIQUE INDEX jobs_running ON jobs (tenant) WHERE state = 'running';
CREATE INDEX jobs_tenant ON jobs (tenant, id);
CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;

-- What a job found, in the order in which it did.
CREATE TABLE findings (job BIGINT NOT NULL, seq BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (job, seq));
