//! Conflicts: one resolution for each, of the field's own kind.

use crate::{
    asker::Asker,
    law::Law,
    legal,
    model::{Conflict, Kind, Resolution, Value},
    words::shown,
};

impl Asker<'_> {
    /// Asks who wins, and notes an answer that the contract forbids.
    pub(crate) fn conflicts(&mut self, conflicts: &[(Conflict, Kind)]) {
        let asked: Vec<Conflict> = conflicts.iter().map(|(conflict, _)| conflict.clone()).collect();
        let Some(answers) = self.resolve(&asked) else { return };
        let field = asked.first().map(|conflict| conflict.field.clone()).unwrap_or_default();
        if answers.len() != asked.len() {
            let message =
                format!("{} conflicts were asked about, and {} resolved", asked.len(), answers.len());
            self.breaks(Law::Resolving, "resolve", field, message);
            return;
        }
        for ((conflict, kind), answer) in conflicts.iter().zip(answers) {
            let Resolution::Value(value) = answer else { continue };
            let companion = matches!(value, Value::Companion(_));
            if companion || !legal::is_of_kind(&value, kind) {
                let field = conflict.field.clone();
                let message = format!("`{field}` is resolved with {}, and holds {kind:?}", shown(&value));
                self.breaks(Law::Resolving, "resolve", field, message);
            }
        }
    }
}
