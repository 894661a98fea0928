-- When a person last asked for another try, if one did since the last verdict.
ALTER TABLE events ADD COLUMN retried BIGINT;
