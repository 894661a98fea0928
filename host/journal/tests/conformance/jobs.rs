//! Jobs: one at a time a tenant, their progress and what they found on disk.

use crosswalk_journal::{Error, JobFilter, JobId, JobState, NewJob, Pruned, Retention};

use crate::world::{World, at};

fn job(tenant: &str, kind: &str, second: i64) -> NewJob {
    NewJob {
        tenant: tenant.to_owned(),
        kind: kind.to_owned(),
        progress: "0".to_owned(),
        who: "ada".to_owned(),
        at: at(second),
    }
}

async fn begin(world: &World, tenant: &str, second: i64) -> JobId {
    world.journal.begin_job(&job(tenant, "sweep", second)).await.unwrap()
}

fn running() -> JobFilter {
    JobFilter { running: true, ..JobFilter::default() }
}

on_every_engine! {
    async fn a_tenant_has_one_job_at_a_time_and_another_tenant_has_its_own(world) {
        let first = begin(&world, "contoso", 0).await;
        let refused = world.journal.begin_job(&job("contoso", "verify", 1)).await;
        assert!(matches!(&refused, Err(Error::JobRunning { job, .. }) if *job == first), "{refused:?}");
        begin(&world, "fabrikam", 1).await;
        assert_eq!(world.journal.jobs(&running()).await.unwrap().len(), 2);

        world.journal.end_job(first, None, at(2)).await.unwrap();
        let next = begin(&world, "contoso", 3).await;
        let of_contoso = JobFilter { tenant: Some("contoso".to_owned()), ..JobFilter::default() };
        let jobs = world.journal.jobs(&of_contoso).await.unwrap();
        let jobs: Vec<_> = jobs.iter().map(|job| (job.id, job.state)).collect();
        assert_eq!(jobs, [(next, JobState::Running), (first, JobState::Done)]);
    }

    async fn how_far_a_job_is_and_what_it_found_survives_a_crash(world) {
        let id = begin(&world, "contoso", 0).await;
        world.journal.save_job(id, "half", &["a".to_owned(), "b".to_owned()], at(1)).await.unwrap();
        world.journal.save_job(id, "most", &[], at(2)).await.unwrap();
        let world = world.crash().await;
        world.journal.save_job(id, "all", &["c".to_owned()], at(3)).await.unwrap();

        let job = world.journal.job(id).await.unwrap().unwrap();
        assert_eq!((job.progress.as_str(), job.state, job.started, job.updated), ("all", JobState::Running, at(0), at(3)));
        let found = async |after, limit| {
            let found = world.journal.findings(id, after, limit).await.unwrap();
            found.into_iter().map(|finding| (finding.seq, finding.body)).collect::<Vec<_>>()
        };
        let of = |seq, body: &str| (seq, body.to_owned());
        assert_eq!(found(0, 2).await, [of(1, "a"), of(2, "b")]);
        assert_eq!(found(2, 2).await, [of(3, "c")]);
        assert_eq!(found(3, 2).await, []);
    }

    async fn a_job_that_ended_stores_nothing_more(world) {
        let id = begin(&world, "contoso", 0).await;
        world.journal.end_job(id, Some("the token was taken back"), at(5)).await.unwrap();
        let late = world.journal.save_job(id, "more", &["a".to_owned()], at(6)).await;
        assert!(matches!(late, Err(Error::NotRunning(no)) if no == id), "{late:?}");
        assert!(matches!(world.journal.end_job(id, None, at(6)).await, Err(Error::NotRunning(_))));
        let job = world.journal.job(id).await.unwrap().unwrap();
        assert_eq!(job.reason.as_deref(), Some("the token was taken back"));
        assert_eq!((job.state, job.ended, job.progress.as_str()), (JobState::Failed, Some(at(5)), "0"));
        assert_eq!(world.journal.findings(id, 0, 0).await.unwrap(), []);
    }

    async fn a_job_that_ended_long_ago_is_dropped_with_what_it_found(world) {
        let retention = Retention { events_ms: 10_000, ..Retention::default() };
        let old = begin(&world, "contoso", 0).await;
        world.journal.save_job(old, "1", &["a".to_owned()], at(0)).await.unwrap();
        world.journal.end_job(old, None, at(1)).await.unwrap();
        let runs = begin(&world, "contoso", 1).await;
        assert_eq!(world.journal.prune(at(11), &retention).await.unwrap(), Pruned::default());
        assert_eq!(world.journal.prune(at(12), &retention).await.unwrap(), Pruned { jobs: 1, ..Pruned::default() });
        assert_eq!(world.journal.job(old).await.unwrap(), None);
        assert_eq!(world.journal.findings(old, 0, 0).await.unwrap(), []);
        assert!(world.journal.job(runs).await.unwrap().is_some());
    }
}
