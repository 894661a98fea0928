-- What an operator asks of a link, until its lane is next taken: then it becomes part of the link's state.
CREATE TABLE asks (id BIGINT NOT NULL PRIMARY KEY, link BIGINT NOT NULL, body TEXT NOT NULL);
CREATE INDEX asks_link ON asks (link, id);
