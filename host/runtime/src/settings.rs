//! A tenant's settings for a plugin: checked against the plugin's own JSON Schema, and filled up with its defaults.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value as Json};

/// A plugin's settings schema.
pub(crate) struct Schema {
    /// `None` for a plugin that has no settings.
    document: Option<(Json, Validator)>,
}

impl Schema {
    /// Reads a schema; an empty text says that there are no settings.
    ///
    /// # Errors
    /// Why the text is no schema, in a sentence. A schema that refers to another document is none: nothing is fetched.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self { document: None });
        }
        let document: Json =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON ({error})"))?;
        if !document.is_object() {
            return Err("it is not a JSON object".to_owned());
        }
        // A plugin's patterns run on the host, so they must be of the kind that takes linear time.
        let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
        let validator = options.offline().should_validate_formats(true).build(&document);
        let validator = validator.map_err(|error| format!("it is not a JSON Schema (2020-12): {error}"))?;
        Ok(Self { document: Some((document, validator)) })
    }

    /// The settings with the schema's defaults filled in, if they are what it asks for. `null` is no settings.
    ///
    /// # Errors
    /// Every setting that is wrong, each in a sentence that names it. Values are not repeated.
    pub(crate) fn accept(&self, settings: &Json) -> Result<Map<String, Json>, Vec<String>> {
        let mut given = match settings {
            Json::Null => Json::Object(Map::new()),
            other => other.clone(),
        };
        let Some(members) = given.as_object() else {
            return Err(vec!["the settings are not a JSON object".to_owned()]);
        };
        let problems: Vec<String> = match &self.document {
            None => {
                let unknown = members.keys();
                unknown
                    .map(|name| format!("setting `{name}` is given, but the plugin has no settings"))
                    .collect()
            }
            Some((document, validator)) => {
                let mut problems = unknown(document, members);
                fill(document, &mut given);
                problems.extend(validator.iter_errors(&given).map(|error| {
                    let pointer = error.instance_path().as_str();
                    let name = pointer.trim_start_matches('/').replace('/', ".");
                    match name.as_str() {
                        "" => format!("the settings: {}", error.masked()),
                        name => format!("setting `{name}`: {}", error.masked()),
                    }
                }));
                problems
            }
        };
        match given {
            Json::Object(members) if problems.is_empty() => Ok(members),
            _ => Err(problems),
        }
    }
}

/// Settings that the schema does not name. JSON Schema lets them pass, but here they are mistyped. A schema that
/// speaks of further properties in any way is left to say so itself.
fn unknown(schema: &Json, settings: &Map<String, Json>) -> Vec<String> {
    const OPEN: [&str; 9] = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "$ref",
        "$dynamicRef",
    ];
    let Some(known) = schema.get("properties").and_then(Json::as_object) else { return Vec::new() };
    if OPEN.iter().any(|keyword| schema.get(keyword).is_some()) {
        return Vec::new();
    }
    let names: Vec<String> = known.keys().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    let unknown = settings.keys().filter(|name| !known.contains_key(*name));
    unknown.map(|name| format!("setting `{name}` does not exist; there are {names}")).collect()
}

/// Fills defaults in, also in objects that are given.
fn fill(schema: &Json, value: &mut Json) {
    let (Some(properties), Some(members)) =
        (schema.get("properties").and_then(Json::as_object), value.as_object_mut())
    else {
        return;
    };
    for (name, property) in properties {
        match (members.get_mut(name), property.get("default")) {
            (Some(member), _) => fill(property, member),
            (None, Some(default)) => drop(members.insert(name.clone(), default.clone())),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests;
