//! Releases.

use crosswalk_journal::{NewRelease, ReleaseId};

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

pub(crate) async fn install(world: &World, tenant: &str, digest: &str, settings: &str) -> ReleaseId {
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
}
