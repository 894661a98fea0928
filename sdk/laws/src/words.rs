//! Values, differences, findings and reports in words.

use std::fmt;

use crate::{
    asker::{Answers, Used},
    check::{Finding, Report},
    json::of_value,
    model::{Draft, Value},
};

/// How many characters of a value are shown.
const SHOWN: usize = 120;

/// A value as a person reads it.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Empty => return "empty".to_owned(),
        Value::Decimal(text) | Value::Date(text) | Value::Instant(text) => text.clone(),
        other => of_value(other).to_string(),
    };
    cut(&text)
}

pub(crate) fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(SHOWN).collect::<String>())
}

/// The first field that differs, and both values.
pub(crate) fn field_difference(
    one: &[(String, Value)],
    other: &[(String, Value)],
) -> Option<(String, String, String)> {
    let of = |fields: &[(String, Value)], name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map_or_else(|| "not spoken of".to_owned(), |(_, value)| shown(value))
    };
    let differs = |name: &&String| {
        let value = |fields: &[(String, Value)]| {
            fields.iter().find(|(known, _)| known == *name).map(|(_, value)| value.clone())
        };
        value(one) != value(other)
    };
    let name = one.iter().chain(other).map(|(name, _)| name).find(differs)?;
    Some((name.clone(), of(one, name), of(other, name)))
}

/// The first field of a draft that differs.
pub(crate) fn draft_difference(one: &Draft, other: &Draft) -> Option<(String, String, String)> {
    if one.entity != other.entity {
        return Some(("entity".to_owned(), one.entity.clone(), other.entity.clone()));
    }
    let (name, before, after) = field_difference(&one.fields, &other.fields)?;
    Some((format!("{}.{name}", one.entity), before, after))
}

impl fmt::Display for Finding {
    /// What is broken, where, by what, and what to do: some lines, the first of which says the most.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "broken[{}]: {}, by {}", self.code, self.law, self.function)?;
        writeln!(out, "  shows     {}", self.message)?;
        writeln!(out, "  change    {}", self.help)?;
        writeln!(out, "  read      host/errors/{}.md", self.code)?;
        write!(out, "  found by  {}; the smallest case that shows it:", self.origin)?;
        let example = &self.example;
        if let Some(referral) = &example.referral {
            write!(out, "\n  referral  {referral}")?;
        }
        if let Some(record) = &example.record {
            write!(out, "\n  record    {record}")?;
        }
        if let Some((field, value)) = &example.edit {
            write!(out, "\n  edit      `{field}` becomes {value}")?;
        }
        for conflict in &example.conflicts {
            write!(out, "\n  conflict  {conflict}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    /// What was asked and answered, and what is worth knowing; not what is broken.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = match self.own_pairs {
            0 => String::new(),
            own => format!(" and {own} of your own"),
        };
        let (pairs, edits, conflicts) = (self.pairs, self.edits, self.conflicts);
        write!(
            out,
            "asked about {pairs} pairs{own}, {edits} edits, {conflicts} conflicts, odd ones among them that a mapping may refuse"
        )?;
        let all = &self.answers;
        let functions = [
            ("to_crm", &all.to_crm),
            ("to_referral", &all.to_referral),
            ("resolve", &all.resolve),
            ("report", &all.report),
        ];
        for (function, answers) in functions {
            write!(out, "\n  {function:<12}{answers}")?;
        }
        if let Some(worst) = all.worst {
            write!(out, "\n  most used   {worst} of the limits")?;
        }
        if let Some(why) = &self.not_asked {
            write!(out, "\n  not asked   {why}: such a case shows nothing")?;
        }
        for lossy in &self.lossy {
            write!(
                out,
                "\n  lossy       `{}`: {} comes back as {}, which is legal",
                lossy.field, lossy.entered, lossy.comes_back
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} answers, {} skips, {} refusals", self.held, self.skipped, self.refused)?;
        match &self.first_refusal {
            Some(first) if self.held == 0 => {
                write!(out, "; nothing was checked, for it refuses: {}", cut(first))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Used {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        let (fuel, memory, output) = (percent(self.fuel), percent(self.memory), percent(self.output));
        write!(out, "fuel {fuel:.1} %, memory {memory:.1} %, output {output:.1} %")
    }
}
