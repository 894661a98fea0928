//! The XML of a stranger, element by element, as bytes that are already here.
//!
//! SOAP forbids document types and processing instructions, so both are refused, and with them every entity that is
//! not one of XML's own five. Nothing is expanded, nothing is fetched, and nothing here calls itself: a document may
//! be as deep as it likes.

use quick_xml::{
    NsReader,
    escape::resolve_xml_entity,
    events::{BytesStart, Event},
    name::{QName, ResolveResult},
};

/// XML Schema's instance attributes.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An element's opening tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The namespace of its name.
    pub(super) namespace: String,
    /// Its name without prefix.
    pub(super) name: String,
    /// What `xsi:type` names, with its namespace.
    pub(super) kind: Option<(String, String)>,
}

impl Element {
    /// Whether this is its full name.
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }
}

/// A document that is being read.
pub(super) struct Xml<'a> {
    reader: NsReader<&'a [u8]>,
    /// How many elements are open.
    depth: usize,
    /// Something was read already: a declaration can no longer come.
    begun: bool,
}

/// What the reader came upon next.
enum Piece {
    Open(Element),
    Close,
    Text(String),
    End,
}

impl<'a> Xml<'a> {
    /// Begins with a document in UTF-8.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Ok(Self { reader, depth: 0, begun: false })
    }

    /// The next element within the one that is open, or `None` at its end, which is then closed.
    pub(super) fn child(&mut self) -> Result<Option<Element>, String> {
        loop {
            match self.next()? {
                Piece::Open(element) => return Ok(Some(element)),
                Piece::Close => return Ok(None),
                Piece::Text(text) if text.trim().is_empty() => {}
                Piece::Text(_) => return Err("it has text between its elements".to_owned()),
                Piece::End => return Err("it breaks off".to_owned()),
            }
        }
    }

    /// The text of the element that is open, up to its end; `None` if it has elements in it.
    pub(super) fn text(&mut self) -> Result<Option<String>, String> {
        let mut whole = Some(String::new());
        loop {
            match self.next()? {
                Piece::Text(more) => {
                    if let Some(whole) = &mut whole {
                        whole.push_str(&more);
                    }
                }
                Piece::Open(_) => {
                    self.skip()?;
                    whole = None;
                }
                Piece::Close => return Ok(whole),
                Piece::End => return Err("it breaks off".to_owned()),
            }
        }
    }

    /// Passes over the rest of the element that is open.
    pub(super) fn skip(&mut self) -> Result<(), String> {
        let until = self.depth.saturating_sub(1);
        while self.depth > until {
            if matches!(self.next()?, Piece::End) {
                return Err("it breaks off".to_owned());
            }
        }
        Ok(())
    }

    /// That nothing but white space follows the document's element.
    pub(super) fn finish(mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                Piece::End => return Ok(()),
                Piece::Text(text) if text.trim().is_empty() => {}
                _ => return Err("something follows its end".to_owned()),
            }
        }
    }

    fn next(&mut self) -> Result<Piece, String> {
        loop {
            let first = !std::mem::replace(&mut self.begun, true);
            let event = self.reader.read_event().map_err(|error| format!("it is no XML: {error}"))?;
            return Ok(match event {
                Event::Start(tag) => {
                    self.depth += 1;
                    Piece::Open(self.element(&tag)?)
                }
                Event::End(_) => {
                    self.depth = self.depth.checked_sub(1).ok_or("it closes what it did not open")?;
                    Piece::Close
                }
                Event::Text(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Piece::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => {
                    let character =
                        reference.resolve_char_ref().map_err(|error| format!("it is no XML: {error}"))?;
                    let text = character.map(String::from);
                    let text = text.or_else(|| resolve_xml_entity(&reference).map(str::to_owned));
                    Piece::Text(text.ok_or(
                        "it refers to an entity, which it could only have declared in a document type",
                    )?)
                }
                Event::Comment(_) => continue,
                Event::Decl(declaration) if first => {
                    let encoding = declaration
                        .encoding()
                        .transpose()
                        .map_err(|error| format!("it is no XML: {error}"))?;
                    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("utf-8")) {
                        return Err("it says that it is not UTF-8".to_owned());
                    }
                    continue;
                }
                Event::Decl(_) | Event::PI(_) => {
                    return Err("it has a processing instruction, which SOAP forbids".to_owned());
                }
                Event::DocType(_) => return Err("it has a document type, which SOAP forbids".to_owned()),
                Event::Empty(_) => return Err("it has an element that was not taken apart".to_owned()),
                Event::Eof => Piece::End,
            });
        }
    }

    fn element(&self, tag: &BytesStart<'_>) -> Result<Element, String> {
        let resolver = self.reader.resolver();
        let (namespace, name) = resolver.resolve_element(tag.name());
        let mut kind = None;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| format!("it is no XML: {error}"))?;
            let (namespace, name) = resolver.resolve_attribute(attribute.key);
            if name.into_inner() == "type" && self::namespace(namespace)? == XSI {
                let value: &str = &attribute.value;
                let (namespace, name) = resolver.resolve_element(QName(value.trim()));
                kind = Some((self::namespace(namespace)?, name.into_inner().to_owned()));
            }
        }
        Ok(Element { namespace: self::namespace(namespace)?, name: name.into_inner().to_owned(), kind })
    }
}

/// The namespace's name; empty where there is none.
fn namespace(found: ResolveResult<'_>) -> Result<String, String> {
    match found {
        ResolveResult::Bound(namespace) => Ok(namespace.into_inner().to_owned()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(_) => Err("it uses a prefix that it does not declare".to_owned()),
    }
}
