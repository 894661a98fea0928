//! Releases and routes.

use crosswalk_journal::{Error, NewRelease, ReleaseId, Route};
use futures::future::join_all;

use crate::world::{World, at};

fn release(tenant: &str, digest: &str, settings: &str) -> NewRelease {
    NewRelease {
        tenant: tenant.to_owned(),
        digest: digest.to_owned(),
        manifest: r#"{"name":"tiers"}"#.to_owned(),
        settings: settings.to_owned(),
        bytes: format!("the component {digest}").into_bytes(),
        who: "ada".to_owned(),
        at: at(0),
    }
}

async fn install(world: &World, tenant: &str, digest: &str, settings: &str) -> ReleaseId {
    world.journal.install_release(&release(tenant, digest, settings)).await.unwrap()
}

on_every_engine! {
    async fn a_release_is_installed_once_for_a_digest_and_its_settings(world) {
        let a = install(&world, "contoso", "sha256:a", "{}").await;
        assert_eq!(install(&world, "contoso", "sha256:a", "{}").await, a);
        let b = install(&world, "contoso", "sha256:a", r#"{"x":1}"#).await;
        let c = install(&world, "fabrikam", "sha256:a", "{}").await;
        assert!(a != b && b != c && a != c);
        let listed = world.journal.releases("contoso").await.unwrap();
        assert_eq!(listed.iter().map(|release| release.id).collect::<Vec<_>>(), [b, a]);
        let found = world.journal.release(b).await.unwrap().unwrap();
        assert_eq!((found.settings.as_str(), found.tenant.as_str()), (r#"{"x":1}"#, "contoso"));
        let bytes = world.journal.component("sha256:a").await.unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"the component sha256:a"[..]));
        assert_eq!(world.journal.component("sha256:b").await.unwrap(), None);
    }

    async fn a_tenant_is_routed_forwards_and_backwards_and_every_generation_is_kept(world) {
        let old = install(&world, "contoso", "sha256:a", "{}").await;
        let new = install(&world, "contoso", "sha256:b", "{}").await;
        assert_eq!(world.journal.routed("contoso").await.unwrap(), None);
        for (expected, release) in [(0, old), (1, new), (2, old)] {
            let generation = world.journal.route("contoso", expected, release, "ada", at(1)).await.unwrap();
            assert_eq!(generation, expected + 1);
        }
        let world = world.crash().await;
        let now = Route { tenant: "contoso".to_owned(), generation: 3, release: old, at: at(1), who: "ada".to_owned() };
        assert_eq!(world.journal.routed("contoso").await.unwrap(), Some(now));
        let kept = world.journal.routes("contoso", 10).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|route| (route.generation, route.release)).collect();
        assert_eq!(kept, [(3, old), (2, new), (1, old)]);
    }

    async fn of_many_who_route_at_the_same_time_one_succeeds(world) {
        let id = install(&world, "contoso", "sha256:a", "{}").await;
        let routes = (0..10).map(|_| world.journal.route("contoso", 0, id, "ada", at(1)));
        let routed = join_all(routes).await;
        assert_eq!(routed.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(routed.iter().all(|result| matches!(result, Ok(1) | Err(Error::Moved { expected: 0, current: 1 }))));
        assert_eq!(world.journal.routes("contoso", 10).await.unwrap().len(), 1);
    }

    async fn a_tenant_cannot_be_routed_to_anothers_release(world) {
        let theirs = install(&world, "fabrikam", "sha256:a", "{}").await;
        let refused = world.journal.route("contoso", 0, theirs, "ada", at(1)).await;
        assert!(matches!(refused, Err(Error::NoRelease { release, .. }) if release == theirs));
        let refused = world.journal.route("contoso", 0, "rel_99".parse().unwrap(), "ada", at(1)).await;
        assert!(matches!(refused, Err(Error::NoRelease { .. })));
        assert_eq!(world.journal.routed("contoso").await.unwrap(), None);
    }
}
