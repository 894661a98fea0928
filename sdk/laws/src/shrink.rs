//! The smallest case that still shows a fault: members dropped, lists and texts shortened, values made plain.

use serde_json::json;

use crate::{
    cases::{pointers, remove},
    model::{Json, Record, Value},
    overlay::put,
};

/// How often one fault may be asked about again. Each question is a handful of calls.
const TRIES_MAX: usize = 300;

/// A case, as far as it can be made smaller.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Small {
    pub(crate) referral: Json,
    pub(crate) record: Option<Record>,
}

/// Makes a case smaller as long as `shows` says that it still shows the fault.
pub(crate) fn shrunk(case: Small, shows: &mut dyn FnMut(&Small) -> bool) -> Small {
    let mut shrinker = Shrinker { best: case, shows, tries: 0 };
    loop {
        let before = shrinker.best.clone();
        shrinker.without_record();
        shrinker.without_members();
        shrinker.plainer_members();
        shrinker.plainer_record();
        if shrinker.best == before || shrinker.tries >= TRIES_MAX {
            return shrinker.best;
        }
    }
}

struct Shrinker<'a> {
    best: Small,
    shows: &'a mut dyn FnMut(&Small) -> bool,
    tries: usize,
}

impl Shrinker<'_> {
    fn try_out(&mut self, candidate: Small) -> bool {
        if candidate == self.best || self.tries >= TRIES_MAX {
            return false;
        }
        self.tries += 1;
        let shows = (self.shows)(&candidate);
        if shows {
            self.best = candidate;
        }
        shows
    }

    fn without_record(&mut self) {
        if self.best.record.is_some() {
            let candidate = Small { record: None, ..self.best.clone() };
            self.try_out(candidate);
        }
    }

    /// All members at once, then one by one, the largest first.
    fn without_members(&mut self) {
        if self.try_out(Small { referral: json!({}), ..self.best.clone() }) {
            return;
        }
        for pointer in pointers(&self.best.referral.clone()) {
            let mut referral = self.best.referral.clone();
            remove(&mut referral, &pointer);
            self.try_out(Small { referral, ..self.best.clone() });
        }
    }

    fn plainer_members(&mut self) {
        for pointer in leaves(&self.best.referral) {
            while let Some(held) = self.best.referral.pointer(&pointer).cloned() {
                let tried = plainer(&held).into_iter().any(|plain| {
                    let mut referral = self.best.referral.clone();
                    put(&mut referral, &pointer, plain);
                    self.try_out(Small { referral, ..self.best.clone() })
                });
                if !tried {
                    break;
                }
            }
        }
    }

    fn plainer_record(&mut self) {
        let Some(record) = self.best.record.clone() else { return };
        for at in (0..record.related.len()).rev() {
            self.try_record(|record| {
                record.related.remove(at);
            });
        }
        for name in record.fields.keys() {
            while let Some(held) = self.held(name) {
                let tried = plainer_values(&held).into_iter().any(|plain| {
                    self.try_record(|record| {
                        // A reference that leads nowhere has no record behind it.
                        if plain == Value::Empty {
                            record.related.retain(|related| related.via != *name);
                        }
                        record.fields.insert(name.clone(), plain.clone());
                    })
                });
                if !tried {
                    break;
                }
            }
        }
        for at in 0..self.best.record.as_ref().map_or(0, |record| record.related.len()) {
            self.plainer_related(at);
        }
    }

    fn held(&self, name: &str) -> Option<Value> {
        self.best.record.as_ref()?.fields.get(name).cloned()
    }

    fn plainer_related(&mut self, at: usize) {
        let related = self.best.record.as_ref().and_then(|record| record.related.get(at)).cloned();
        for name in related.iter().flat_map(|related| related.fields.keys()) {
            self.try_record(|record| {
                if let Some(related) = record.related.get_mut(at) {
                    related.fields.insert(name.clone(), Value::Empty);
                }
            });
        }
    }

    fn try_record(&mut self, change: impl FnOnce(&mut Record)) -> bool {
        let mut candidate = self.best.clone();
        let Some(record) = &mut candidate.record else { return false };
        change(record);
        self.try_out(candidate)
    }
}

/// Members that are no objects, and what is in lists.
fn leaves(document: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), document)];
    while let Some((at, json)) = left.pop() {
        match json {
            Json::Object(members) => {
                left.extend(members.iter().map(|(name, member)| {
                    (format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), member)
                }));
            }
            Json::Array(items) => {
                found.push(at.clone());
                left.extend(items.iter().enumerate().map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            _ => found.push(at),
        }
    }
    found
}

/// Smaller values, the smallest first. Each is smaller by a measure that ends.
fn plainer(json: &Json) -> Vec<Json> {
    match json {
        Json::String(text) => plainer_texts(text).into_iter().map(Json::String).collect(),
        Json::Number(number) => {
            let number = number.to_string();
            ["0", "1"]
                .iter()
                .take_while(|plain| **plain != number)
                .filter_map(|plain| serde_json::from_str(plain).ok())
                .collect()
        }
        Json::Array(items) if !items.is_empty() => {
            let without = |at: usize| {
                items
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| *index != at)
                    .map(|(_, item)| item.clone())
                    .collect()
            };
            std::iter::once(json!([])).chain((0..items.len()).map(without)).collect()
        }
        Json::Object(members) if !members.is_empty() => vec![json!({})],
        _ => Vec::new(),
    }
}

fn plainer_texts(text: &str) -> Vec<String> {
    let length = text.chars().count();
    let half = |skip: usize, take: usize| text.chars().skip(skip).take(take).collect::<String>();
    match length {
        0 => Vec::new(),
        1 if text == "a" => vec![String::new()],
        1 => vec![String::new(), "a".to_owned()],
        _ => vec![
            String::new(),
            "a".to_owned(),
            half(0, length / 2),
            half(length / 2, length),
            half(0, length - 1),
        ],
    }
}

fn plainer_values(value: &Value) -> Vec<Value> {
    let mut plainer = match value {
        Value::Empty => return Vec::new(),
        Value::Text(text) => {
            plainer_texts(text).into_iter().filter(|text| !text.is_empty()).map(Value::Text).collect()
        }
        Value::Decimal(text) => ["0", "1"]
            .iter()
            .take_while(|plain| *plain != text)
            .map(|plain| Value::Decimal((*plain).to_owned()))
            .collect(),
        Value::Texts(texts) if texts.len() > 1 => {
            texts.iter().map(|text| Value::Texts(vec![text.clone()])).collect()
        }
        _ => Vec::new(),
    };
    plainer.insert(0, Value::Empty);
    plainer
}
