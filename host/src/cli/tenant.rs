//! `crosswalk tenant`: tell the host of a tenant, and look at those it has.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{
    Output,
    admin_client::{AdminClient, HostArgs},
    events::escape,
};
use crate::{
    admin::types::{EntrySummary, TenantSummary},
    config::tenant::TenantDocument,
    error::{Complaint, Fault},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Apply a tenant document: new tenants are added, known ones are changed.
    Apply {
        /// The document, TOML. Secrets are named in it (`{ env = "…" }`, `{ file = "…" }`), never written out.
        #[arg(short, long)]
        file: PathBuf,
        #[command(flatten)]
        host: HostArgs,
    },
    /// List tenants with their release, links, waiting events and open entries.
    List {
        #[command(flatten)]
        host: HostArgs,
    },
    /// Show one tenant and the entries that are open for a person.
    Show {
        /// The tenant's name.
        name: String,
        #[command(flatten)]
        host: HostArgs,
    },
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), Complaint> {
    match command {
        Command::Apply { file, host } => {
            let document = read(&file)?;
            let client = AdminClient::open(&host)?;
            let applied: TenantSummary =
                client.put_json(&format!("/api/v1/tenants/{}", escape(&document.name)), &document).await?;
            output.say(&applied, || format!("applied: {}", in_words(&applied)));
            Ok(())
        }
        Command::List { host } => {
            let tenants: Vec<TenantSummary> = AdminClient::open(&host)?.get("/api/v1/tenants").await?;
            if tenants.is_empty() {
                output.tell("no tenants; add one with `crosswalk tenant apply -f tenant.toml`");
            }
            for tenant in &tenants {
                output.say(tenant, || in_words(tenant));
            }
            Ok(())
        }
        Command::Show { name, host } => {
            let client = AdminClient::open(&host)?;
            let path = format!("/api/v1/tenants/{}", escape(&name));
            let tenant: TenantSummary = client.get(&path).await?;
            output.say(&tenant, || in_words(&tenant));
            let entries: Vec<EntrySummary> = client.get(&format!("{path}/entries")).await?;
            for entry in &entries {
                output.say(entry, || {
                    format!(
                        "  {}  {} {}: Partner Center `{}`, CRM `{}`: {}",
                        entry.since, entry.kind, entry.field, entry.partner_center, entry.crm, entry.reason
                    )
                });
            }
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<TenantDocument, Complaint> {
    TenantDocument::load(file).map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("the tenant document `{}` cannot be used", file.display()),
            "nothing was sent to the host",
            "correct the document; the examples in `host/src/config/tenant` explain its keys",
        )
        .because(&error)
    })
}

fn in_words(tenant: &TenantSummary) -> String {
    let plugin = tenant.plugin.as_deref().unwrap_or("no plugin");
    let release = tenant.release.as_deref().and_then(|digest| digest.get(..12)).unwrap_or("no release");
    format!(
        "{}  {plugin} ({release}, generation {})  {} links, {} events waiting, {} open entries",
        tenant.name, tenant.generation, tenant.links, tenant.waiting, tenant.entries
    )
}
