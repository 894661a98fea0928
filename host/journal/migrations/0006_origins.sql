-- Where each component of a tenant came from, and its signature, as of the last time that it was taken. A signature is
-- over the component alone, so releases that differ in their settings share it. The audit has every time.
CREATE TABLE origins (
  tenant TEXT NOT NULL,
  digest TEXT NOT NULL,
  -- `built-in`, `file …` or `oci://…@sha256:…`.
  place TEXT NOT NULL,
  -- A minisign signature, as its file has it, and what its signer says in it.
  signature TEXT,
  comment TEXT,
  -- The key that it was verified with; NULL if no signature was demanded.
  signer TEXT,
  PRIMARY KEY (tenant, digest)
);
