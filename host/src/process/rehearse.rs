//! A pass that writes nothing: the same engine, the same plugin, the same reads, and what it would write where.

use std::sync::Arc;

use crosswalk_engine::{
    link::Asked,
    pass::{Pair, Pass, Start, Subject, Verdict},
};
use crosswalk_runtime::Release;

use super::{
    Fault,
    effects::Effects,
    reach::{self, Looked, Reach},
    stage::{Answer, Stage},
};
use crate::{app::App, tenant::Tenant};

/// Looks at a subject as a pass would, and where it is handed on to, once.
pub(crate) async fn rehearse(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: &Subject,
) -> Result<Effects, Fault> {
    rehearse_asked(app, tenant, release, subject, &Asked::default()).await
}

/// As [`rehearse`], of a link of which an operator asks something.
pub(crate) async fn rehearse_asked(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: &Subject,
    asked: &Asked,
) -> Result<Effects, Fault> {
    let effects = one(app, tenant, release, subject, asked).await?;
    match &effects.verdict {
        Some(Verdict::Moved { to }) => one(app, tenant, release, to, asked).await,
        _ => Ok(effects),
    }
}

async fn one(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: &Subject,
    asked: &Asked,
) -> Result<Effects, Fault> {
    let mut link = app.journal.link_of(&tenant.name, subject).await?;
    if let Some(link) = &mut link {
        link.state.take_over(asked.clone());
    }
    let reach = Reach::new(app, tenant, release, "rehearsal")?;
    let pair = link.as_ref().map_or_else(|| alone(subject), |link| link.pair.clone());
    let mut stage = Stage::new(pair.clone(), link.as_ref().map(|link| &link.state));
    let now = app.now();
    let mut mapper = reach.mapper(&tenant.name, now);
    let (mut pass, mut action) = Pass::begin(Start {
        id: "rehearsal".to_owned(),
        subject: subject.clone(),
        pair,
        state: link.map(|link| link.state),
        manifest: release.plugin.manifest().clone(),
        release: Some(release.digest.clone()),
        now,
        limits: reach::limits(app),
        post_again: None,
        rules: Default::default(),
    });
    loop {
        let seen = match stage.answer(action) {
            Answer::Seen(seen) => seen,
            Answer::Over => return Ok(Effects { refusal: pass.refusal().cloned(), ..stage.effects }),
            Answer::Look(look) => match reach.look(look).await? {
                Looked::Seen(seen) => seen,
                Looked::NotALook(_) => {
                    return Err(Fault::new(
                        "a rehearsal met a step that it does not know: a defect of Crosswalk",
                    ));
                }
            },
        };
        (pass, mapper, action) = reach::step(pass, mapper, seen).await?;
    }
}

/// A side that is not linked yet.
fn alone(subject: &Subject) -> Pair {
    match subject {
        Subject::Referral(id) => Pair { referral: Some(id.clone()), ..Pair::default() },
        Subject::Record(key) => Pair { record: Some(key.clone()), ..Pair::default() },
    }
}
