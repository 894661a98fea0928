//! Tenants, secrets and cursors.

use crosswalk_journal::{AuditFilter, Error, Secret, Tenant, What};

use crate::world::at;

fn tenant(name: &str, document: &str, second: i64) -> Tenant {
    Tenant {
        name: name.to_owned(),
        document: document.to_owned(),
        applied: at(second),
        who: "ada".to_owned(),
    }
}

fn secret(name: &str, value: &str) -> Secret {
    Secret { name: name.to_owned(), value: value.as_bytes().to_vec() }
}

on_every_engine! {
    async fn a_tenant_is_created_and_replaced(world) {
        world.journal.apply_tenant(&tenant("contoso", "{}", 0), &[secret("token", "t-1")]).await.unwrap();
        world.journal.apply_tenant(&tenant("adatum", "{}", 1), &[]).await.unwrap();
        let newer = tenant("contoso", r#"{"crm":"dynamics"}"#, 2);
        world.journal.apply_tenant(&newer, &[secret("key", "k-1")]).await.unwrap();
        assert_eq!(world.journal.tenant("contoso").await.unwrap(), Some(newer.clone()));
        assert_eq!(world.journal.tenant("fabrikam").await.unwrap(), None);
        assert_eq!(world.journal.tenants().await.unwrap(), [tenant("adatum", "{}", 1), newer]);
        // Secrets that are not given again stay.
        assert_eq!(world.journal.secret("contoso", "token").await.unwrap().as_deref(), Some(&b"t-1"[..]));
        assert_eq!(world.journal.secret("contoso", "key").await.unwrap().as_deref(), Some(&b"k-1"[..]));
    }

    async fn applying_a_tenant_is_audited(world) {
        world.journal.apply_tenant(&tenant("contoso", "{}", 0), &[]).await.unwrap();
        let filter = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        let act = What::Act { who: "ada".to_owned(), what: "applied the tenant".to_owned() };
        assert_eq!(world.journal.audit(&filter).await.unwrap()[0].what, act);
    }

    async fn a_secret_is_read_back_replaced_and_kept_over_a_crash(world) {
        assert_eq!(world.journal.secret("contoso", "token").await.unwrap(), None);
        world.journal.put_secret("contoso", "token", b"old").await.unwrap();
        world.journal.put_secret("contoso", "token", b"new").await.unwrap();
        world.journal.put_secret("fabrikam", "token", b"theirs").await.unwrap();
        let world = world.crash().await;
        assert_eq!(world.journal.secret("contoso", "token").await.unwrap().as_deref(), Some(&b"new"[..]));
    }

    async fn a_secret_is_not_found_on_disk(world) {
        let canary = "canary-5c1f8e0b";
        world.journal.apply_tenant(&tenant("contoso", "a-visible-document", 0), &[secret("token", canary)]).await.unwrap();
        let found = |text: &str| world.bytes().windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(found("a-visible-document"), "the search does not look where things are");
        assert!(!found(canary));
        assert!(!format!("{:?}", secret("token", canary)).contains(canary));
    }

    async fn a_sealed_secret_put_in_anothers_place_does_not_open(world) {
        world.journal.put_secret("contoso", "token", b"contoso's").await.unwrap();
        world.journal.put_secret("fabrikam", "token", b"fabrikam's").await.unwrap();
        world
            .tamper(
                "UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE tenant = 'contoso')
                 WHERE tenant = 'fabrikam'",
            )
            .await;
        assert!(matches!(world.journal.secret("fabrikam", "token").await, Err(Error::Sealed(_))));
        assert!(world.journal.secret("contoso", "token").await.is_ok());
    }

    async fn a_cursor_is_remembered_by_tenant_and_name(world) {
        assert_eq!(world.journal.cursor("contoso", "poll").await.unwrap(), None);
        world.journal.put_cursor("contoso", "poll", "page 1").await.unwrap();
        world.journal.put_cursor("contoso", "poll", "page 2").await.unwrap();
        world.journal.put_cursor("contoso", "sweep", "page 9").await.unwrap();
        let world = world.crash().await;
        assert_eq!(world.journal.cursor("contoso", "poll").await.unwrap().as_deref(), Some("page 2"));
        assert_eq!(world.journal.cursor("fabrikam", "poll").await.unwrap(), None);
    }
}
