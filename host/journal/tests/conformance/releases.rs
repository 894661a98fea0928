//! Releases.

use crosswalk_journal::{AuditFilter, NewRelease, Origin, ReleaseId, Signature, What};

use crate::world::{World, at};

fn release(tenant: &str, digest: &str, settings: &str) -> NewRelease {
    NewRelease {
        tenant: tenant.to_owned(),
        digest: digest.to_owned(),
        manifest: r#"{"name":"tiers"}"#.to_owned(),
        settings: settings.to_owned(),
        bytes: format!("the component {digest}").into_bytes(),
        origin: from("file tiers.wasm", None),
        who: "ada".to_owned(),
        at: at(0),
    }
}

/// Where a component came from, and who signed it if anybody did.
fn from(place: &str, signed: Option<(&str, Option<&str>)>) -> Origin {
    let signature = signed.map(|(text, signer)| Signature {
        text: text.to_owned(),
        comment: format!("made with {text}"),
        signer: signer.map(str::to_owned),
    });
    Origin { place: place.to_owned(), signature }
}

/// What a tenant's audit says of acts, oldest first.
async fn acts(world: &World, tenant: &str) -> Vec<String> {
    let filter = AuditFilter { tenant: tenant.to_owned(), ..AuditFilter::default() };
    let records = world.journal.audit(&filter).await.unwrap();
    let said = records.into_iter().rev().filter_map(|record| match record.what {
        What::Act { what, .. } => Some(what),
        What::Line(_) | What::Linked(_) => None,
    });
    said.collect()
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

    async fn a_release_says_where_its_component_came_from_the_last_time_and_the_audit_says_every_time(world) {
        let took = |origin: Origin, settings: &'static str| {
            let journal = &world.journal;
            async move {
                let new = NewRelease { origin, ..release("contoso", "sha256:a", settings) };
                journal.install_release(&new).await.unwrap()
            }
        };
        let first = took(from("file a.wasm", None), "{}").await;
        assert_eq!(took(from("file a.wasm", None), "{}").await, first);
        let signed = from("oci://r/a@sha256:1", Some(("sig-1", Some("ada RW1"))));
        assert_eq!(took(signed.clone(), "{}").await, first);
        let second = took(signed.clone(), r#"{"x":1}"#).await;
        let world = world.crash().await;
        for id in [first, second] {
            let found = world.journal.release(id).await.unwrap().unwrap();
            assert_eq!(found.origin, Some(signed.clone()), "a signature is over the component, whatever the settings");
        }
        let said = acts(&world, "contoso").await;
        assert_eq!(
            said,
            [
                format!("installed {first}, sha256:a, from file a.wasm, unsigned"),
                format!("took {first} again, sha256:a, from oci://r/a@sha256:1, signed by ada RW1: made with sig-1"),
                format!("installed {second}, sha256:a, from oci://r/a@sha256:1, signed by ada RW1: made with sig-1"),
            ]
        );
    }

    async fn a_signature_stays_known_when_its_component_is_taken_again_without_one_and_gives_way_to_another(world) {
        let take = async |origin: Origin| {
            let new = NewRelease { origin, ..release("contoso", "sha256:a", "{}") };
            let id = world.journal.install_release(&new).await.unwrap();
            world.journal.release(id).await.unwrap().unwrap().origin.unwrap()
        };
        take(from("file a.wasm", Some(("sig-1", None)))).await;
        let kept = take(from("file b.wasm", None)).await;
        assert_eq!(kept, from("file b.wasm", Some(("sig-1", None))));
        let verified = from("file b.wasm", Some(("sig-1", Some("ada RW1"))));
        assert_eq!(take(verified.clone()).await, verified);
        let other = from("file b.wasm", Some(("sig-2", Some("bo RW2"))));
        assert_eq!(take(other.clone()).await, other);
        assert_eq!(acts(&world, "contoso").await.len(), 4);
        let theirs = world.journal.install_release(&release("fabrikam", "sha256:a", "{}")).await.unwrap();
        let theirs = world.journal.release(theirs).await.unwrap().unwrap();
        assert_eq!(theirs.origin, Some(from("file tiers.wasm", None)), "another tenant took it from elsewhere");
    }
}
