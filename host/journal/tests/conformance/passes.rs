//! What a pass stores, all of it or nothing, and what is kept of it.

use crosswalk_engine::pass::{Commit, EntryChange};
use crosswalk_journal::{AuditFilter, Error, LinkFilter};

use crate::world::{agreed, at, entry, line, linking, pair, referral, trail};

on_every_engine! {
    async fn what_a_pass_stored_before_it_died_is_there_for_the_next(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let commit = Commit { audit: vec![line("before")], ..linking(pair("r1", "o1")) };
        world.journal.store(taken.lease, &commit, &trail(1)).await.unwrap();
        let world = world.crash().await;
        let next = world.take(30).await;
        assert_eq!((next.pair.clone(), next.lease.lane), (pair("r1", "o1"), taken.lease.lane));
        assert!(next.state.is_some());
        let lost = world.journal.store(taken.lease, &commit, &trail(31)).await;
        assert!(matches!(lost, Err(Error::LostLease(_))));
    }

    async fn a_lost_lease_stores_nothing_of_a_commit(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let old = world.take(0).await;
        world.take(30).await;
        let commit = Commit {
            entries: vec![EntryChange::Add(entry("e1", "name"))],
            audit: vec![line("never")],
            alarms: vec!["never".to_owned()],
            ..linking(pair("r1", "o1"))
        };
        let lost = world.journal.finish(old.lease, &commit, &agreed(), &trail(31), Some(b"never")).await;
        assert!(matches!(lost, Err(Error::LostLease(_))));
        assert_eq!(world.journal.links(&LinkFilter::default()).await.unwrap(), []);
        assert_eq!(world.journal.open_entries("contoso", 1).await.unwrap(), []);
        assert_eq!(world.journal.alarms("contoso", 1).await.unwrap(), []);
        assert_eq!(world.journal.recordings("contoso", None, 1).await.unwrap(), []);
        let audit = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        assert_eq!(world.journal.audit(&audit).await.unwrap(), []);
    }

    async fn alarms_are_listed_newest_first(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        for (second, text) in [(1, "a law is broken"), (2, "the write budget is spent")] {
            let commit = Commit { alarms: vec![text.to_owned()], ..Commit::default() };
            world.journal.store(taken.lease, &commit, &trail(second)).await.unwrap();
        }
        let alarms = world.journal.alarms("contoso", 10).await.unwrap();
        let texts: Vec<_> = alarms.iter().map(|alarm| (alarm.text.as_str(), alarm.at, alarm.pass)).collect();
        let pass = taken.lease.pass;
        assert_eq!(texts, [("the write budget is spent", at(2), Some(pass)), ("a law is broken", at(1), Some(pass))]);
        world.journal.raise("contoso", "rolled back", at(3)).await.unwrap();
        let alarm = world.journal.alarms("contoso", 1).await.unwrap().remove(0);
        assert_eq!((alarm.text.as_str(), alarm.at, alarm.pass, alarm.link), ("rolled back", at(3), None, None));
        assert_eq!(world.journal.alarms("fabrikam", 10).await.unwrap(), []);
    }

    async fn recordings_come_back_newest_first_and_only_to_their_tenant(world) {
        for (second, tenant, bytes) in [(0, "contoso", b"one"), (1, "contoso", b"two"), (2, "fabrikam", b"six")] {
            world.accept(tenant, referral("r1"), second).await;
            let taken = world.take(second).await;
            world
                .journal
                .finish(taken.lease, &Commit::default(), &agreed(), &trail(second), Some(bytes))
                .await
                .unwrap();
        }
        let recordings = world.journal.recordings("contoso", None, 10).await.unwrap();
        let bytes: Vec<_> = recordings.iter().map(|recording| recording.bytes.as_slice()).collect();
        assert_eq!(bytes, [b"two", b"one"]);
        assert_eq!(recordings[0].at, at(1));
        let pass = recordings[1].pass;
        assert_eq!(world.journal.recording("contoso", pass).await.unwrap(), Some(recordings[1].clone()));
        assert_eq!(world.journal.recording("fabrikam", pass).await.unwrap(), None);
    }

    async fn recordings_are_read_page_by_page_each_once_while_new_ones_come(world) {
        let record = async |second: i64| {
            world.accept("contoso", referral("r1"), second).await;
            let taken = world.take(second).await;
            let bytes = second.to_string().into_bytes();
            let finished =
                world.journal.finish(taken.lease, &Commit::default(), &agreed(), &trail(second), Some(&bytes)).await;
            finished.unwrap();
        };
        for second in 0..5 {
            record(second).await;
        }
        let (mut read, mut before) = (Vec::new(), None);
        loop {
            let page = world.journal.recordings("contoso", before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.pass);
            read.extend(page.into_iter().map(|recording| recording.at));
            record(9).await;
        }
        assert_eq!(read, [at(4), at(3), at(2), at(1), at(0)]);
    }

    async fn a_recording_is_encrypted_on_disk(world) {
        let canary = b"canary-in-a-recording";
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.finish(taken.lease, &Commit::default(), &agreed(), &trail(0), Some(canary)).await.unwrap();
        assert!(!world.bytes().windows(canary.len()).any(|bytes| bytes == canary));
    }
}
