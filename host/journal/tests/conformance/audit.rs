//! The audit's chain.

use crosswalk_engine::pass::Commit;
use crosswalk_journal::{AuditFilter, Error, What};
use futures::future::join_all;

use crate::world::{World, agreed, at, line, referral, trail};

/// Five records in `contoso`'s chain, three by a pass and two by a person.
async fn written(world: &World) {
    world.journal.act("contoso", "ada", "looked around", at(0)).await.unwrap();
    let event = world.accept("contoso", referral("r1"), 0).await;
    let taken = world.take(0).await;
    let audit = vec![line("one"), line("two"), line("three")];
    let commit = Commit { audit, ..Commit::default() };
    world.journal.finish(taken.lease, &commit, &agreed(), &trail(1), None).await.unwrap();
    world.journal.retry(event, "ada", at(2)).await.unwrap();
    world.journal.verify_audit("contoso").await.unwrap();
}

async fn wrong_at(world: &World, seq: u64) {
    let wrong = world.journal.verify_audit("contoso").await;
    assert!(matches!(wrong, Err(Error::Tampered { seq: at, .. }) if at == seq), "{wrong:?}");
}

on_every_engine! {
    async fn a_chain_that_nobody_changed_verifies(world) {
        written(&world).await;
        world.journal.act("fabrikam", "bob", "something else", at(3)).await.unwrap();
        let chain = world.journal.verify_audit("contoso").await.unwrap();
        assert_eq!(chain.records, 5);
        assert_eq!(world.journal.verify_audit("fabrikam").await.unwrap().records, 1);
        let empty = world.journal.verify_audit("adatum").await.unwrap();
        assert_eq!((empty.records, empty.head), (0, "0".repeat(64)));
        let world = world.crash().await;
        assert_eq!(world.journal.verify_audit("contoso").await.unwrap(), chain);
    }

    async fn records_say_what_happened_to_what_by_which_pass_and_release(world) {
        written(&world).await;
        let filter = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        let audit = world.journal.audit(&filter).await.unwrap();
        assert_eq!(audit.iter().map(|record| record.seq).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
        let pass = &audit[3];
        assert_eq!((&pass.what, pass.at, pass.events.len()), (&What::Line(line("one")), at(1), 1));
        assert_eq!(pass.release.as_deref(), Some("sha256:9f31"));
        assert_eq!(audit[4].what, What::Act { who: "ada".to_owned(), what: "looked around".to_owned() });
        let page = AuditFilter { before: Some(4), limit: 2, ..filter };
        let page = world.journal.audit(&page).await.unwrap();
        assert_eq!(page.iter().map(|record| record.seq).collect::<Vec<_>>(), [3, 2]);
    }

    async fn a_changed_record_is_found(world) {
        written(&world).await;
        world.tamper("UPDATE audit SET body = replace(body, 'two', 'six') WHERE seq = 3").await;
        wrong_at(&world, 3).await;
    }

    async fn a_record_that_is_filed_elsewhere_is_found(world) {
        written(&world).await;
        world.tamper("UPDATE audit SET link = 9 WHERE seq = 2").await;
        wrong_at(&world, 2).await;
    }

    async fn a_removed_record_is_found(world) {
        written(&world).await;
        world.tamper("DELETE FROM audit WHERE seq = 2").await;
        wrong_at(&world, 2).await;
    }

    async fn a_cut_off_end_is_found(world) {
        written(&world).await;
        world.tamper("DELETE FROM audit WHERE seq >= 4").await;
        wrong_at(&world, 4).await;
    }

    async fn a_chain_that_was_written_from_many_sides_at_once_verifies(world) {
        let acts = (0..50).map(async |n| world.journal.act("contoso", "ada", &format!("act {n}"), at(n)).await);
        join_all(acts).await.into_iter().for_each(Result::unwrap);
        assert_eq!(world.journal.verify_audit("contoso").await.unwrap().records, 50);
    }
}
