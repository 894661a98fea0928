-- The journal. Times are milliseconds since 1970 (UTC); ids come from `counters`; JSON is TEXT.
-- Plain SQL that PostgreSQL takes too, but for BLOB, which is BYTEA there.

CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);

-- One row: a known text under the key that this journal was made with.
CREATE TABLE key_check (id BIGINT NOT NULL PRIMARY KEY, sealed BLOB NOT NULL);

CREATE TABLE lanes (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  -- What the lane is about until it becomes a link's.
  subject TEXT,
  link BIGINT UNIQUE,
  -- When its events want to be looked at; NULL when none waits.
  due_at BIGINT,
  -- When it may be taken: `due_at`, or the end of the lease, or NULL.
  ready_at BIGINT,
  -- Who has it: the pass is the fence.
  pass BIGINT,
  worker TEXT,
  -- Tries in a row without a verdict.
  attempts BIGINT NOT NULL DEFAULT 0,
  UNIQUE (tenant, subject)
);
CREATE INDEX lanes_ready ON lanes (tenant, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX lanes_leased ON lanes (pass) WHERE pass IS NOT NULL;

-- Round robin: the tenant whose turn is the longest ago comes first. `ready_at` is the earliest of its lanes.
CREATE TABLE turns (tenant TEXT NOT NULL PRIMARY KEY, turn BIGINT NOT NULL, ready_at BIGINT);
CREATE INDEX turns_ready ON turns (ready_at) WHERE ready_at IS NOT NULL;

CREATE TABLE events (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  subject TEXT NOT NULL,
  source TEXT NOT NULL,
  note TEXT,
  received BIGINT NOT NULL,
  lane BIGINT NOT NULL,
  state TEXT NOT NULL,
  pass BIGINT,
  verdict TEXT,
  settled BIGINT
);
CREATE INDEX events_lane ON events (lane, state, id);
CREATE INDEX events_tenant ON events (tenant, state, id);
CREATE INDEX events_state ON events (state, received);

-- Kept apart from events, so that a duplicate is still known after the event itself was dropped.
CREATE TABLE dedupe_keys (
  tenant TEXT NOT NULL,
  source TEXT NOT NULL,
  dedupe TEXT NOT NULL,
  event BIGINT NOT NULL,
  received BIGINT NOT NULL,
  PRIMARY KEY (tenant, source, dedupe)
);
CREATE INDEX dedupe_keys_received ON dedupe_keys (received);

CREATE TABLE passes (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  lane BIGINT NOT NULL,
  worker TEXT NOT NULL,
  started BIGINT NOT NULL,
  ended BIGINT,
  outcome TEXT,
  release_digest TEXT
);
CREATE INDEX passes_started ON passes (started);

CREATE TABLE pass_events (pass BIGINT NOT NULL, event BIGINT NOT NULL, PRIMARY KEY (pass, event));
CREATE INDEX pass_events_event ON pass_events (event, pass);

CREATE TABLE links (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  lane BIGINT NOT NULL UNIQUE,
  referral TEXT,
  engagement TEXT,
  entity TEXT,
  record TEXT,
  -- The version of the format that `state` is in.
  format BIGINT NOT NULL,
  state TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  UNIQUE (tenant, referral),
  UNIQUE (tenant, entity, record)
);
CREATE INDEX links_tenant ON links (tenant, id);

CREATE TABLE entries (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  link BIGINT NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL,
  since BIGINT NOT NULL,
  decision TEXT,
  decided_by TEXT,
  ended BIGINT,
  ended_because TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX entries_open ON entries (tenant, state, since);
CREATE INDEX entries_link ON entries (link, state);

CREATE TABLE audit (
  tenant TEXT NOT NULL,
  seq BIGINT NOT NULL,
  link BIGINT,
  pass BIGINT,
  -- All that the record says; `hash` is SHA-256 over the hash before and this text.
  body TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_link ON audit (link, seq);
CREATE INDEX audit_pass ON audit (pass, seq);

-- The end of each chain, so that cut-off records are missed.
CREATE TABLE chains (tenant TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL);

CREATE TABLE alarms (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  link BIGINT,
  pass BIGINT NOT NULL,
  raised BIGINT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX alarms_tenant ON alarms (tenant, id);

CREATE TABLE tenants (name TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, applied BIGINT NOT NULL, who TEXT NOT NULL);

CREATE TABLE secrets (tenant TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, name));

CREATE TABLE cursors (tenant TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tenant, name));

CREATE TABLE components (digest TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL);

CREATE TABLE releases (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  -- SHA-256 over digest and settings: what makes two releases the same.
  fingerprint TEXT NOT NULL,
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  settings TEXT NOT NULL,
  installed BIGINT NOT NULL,
  UNIQUE (tenant, fingerprint)
);

-- Where each tenant is routed, moved by compare-and-swap; `routes` keeps every generation.
CREATE TABLE routed (tenant TEXT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL);
CREATE TABLE routes (
  tenant TEXT NOT NULL,
  generation BIGINT NOT NULL,
  release_id BIGINT NOT NULL,
  routed_at BIGINT NOT NULL,
  who TEXT NOT NULL,
  PRIMARY KEY (tenant, generation)
);

CREATE TABLE recordings (pass BIGINT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, ended BIGINT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX recordings_tenant ON recordings (tenant, pass);
CREATE INDEX recordings_ended ON recordings (ended);
