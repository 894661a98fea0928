//! What Crosswalk remembers: events, lanes, links, intents, entries, releases, audit.
