//! Just enough XML: a document as a tree of elements, without document types, and text made safe to write.

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

/// How deep elements may nest.
const DEPTH_MAX: usize = 64;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Its name without the prefix.
    pub(crate) name: String,
    /// The type that `xsi:type` gives it, without the prefix.
    pub(crate) kind: Option<String>,
    /// `xsi:nil`
    nil: bool,
    /// The elements in it.
    pub(crate) children: Vec<Self>,
    /// The text in it.
    text: String,
}

/// Reads a document. `None` if it is not well formed, declares a document type, or nests too deeply.
pub(crate) fn read(bytes: &[u8]) -> Option<Element> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).ok()?);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() <= DEPTH_MAX => {
                let mut element =
                    Element { name: after_prefix(start.name().as_ref()).to_owned(), ..Element::default() };
                for attribute in start.attributes() {
                    let attribute = attribute.ok()?;
                    match after_prefix(attribute.key.as_ref()) {
                        "type" => element.kind = Some(after_prefix(&attribute.value).to_owned()),
                        "nil" => element.nil = matches!(attribute.value.as_ref(), "true" | "1"),
                        _ => {}
                    }
                }
                open.push(element);
            }
            Event::End(_) => {
                let element = open.pop()?;
                open.last_mut()?.children.push(element);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                let meant = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)?.to_owned(),
                };
                open.last_mut()?.text.push_str(&meant);
            }
            Event::Eof => break,
            Event::Start(_) | Event::DocType(_) => return None,
            _ => {}
        }
    }
    let root = open.pop()?;
    if open.is_empty() { root.children.into_iter().next() } else { None }
}

fn after_prefix(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl Element {
    /// The first element in it with this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element with this name, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// The elements in it with this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the element in it with this name; none if it is empty, nil or not there.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Self::text)
    }

    /// Its text without white space at the ends; none if there is nothing.
    pub(crate) fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty() && !self.nil)
    }

    /// The same as JSON: texts, and objects whose repeated members are lists.
    pub(crate) fn to_json(&self) -> Value {
        if self.children.is_empty() {
            return self.text().map_or(Value::Null, |text| Value::String(text.to_owned()));
        }
        let mut members = Map::new();
        for child in &self.children {
            let value = child.to_json();
            match members.get_mut(&child.name) {
                None => {
                    members.insert(child.name.clone(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Value::Object(members)
    }
}

/// Text that can stand between two tags.
pub(crate) fn escaped(text: &str) -> String {
    let allowed = |character: &char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    let text: String = text.chars().filter(allowed).collect();
    quick_xml::escape::escape(text.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_without_its_prefixes() {
        let text = "<?xml version='1.0'?><s:E xmlns:s='x'><s:B><a xsi:type='sf:Lead'>1 &lt; &#50;<![CDATA[<]]></a>\
                    <b xsi:nil='true'/><a>3</a></s:B></s:E>";
        let root = read(text.as_bytes()).unwrap();
        let body = root.find("B").unwrap();
        assert_eq!((body.text_of("a"), body.text_of("b")), (Some("1 < 2<"), None));
        assert_eq!(body.child("a").unwrap().kind.as_deref(), Some("Lead"));
        assert_eq!(body.to_json(), serde_json::json!({ "a": ["1 < 2<", "3"], "b": null }));
    }

    #[test]
    fn what_is_not_well_formed_or_declares_a_type_is_not_read() {
        for text in ["", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a>&x;</a>", "plain"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read("<a>".repeat(100).as_bytes()), None);
    }
}
