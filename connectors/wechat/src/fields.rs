//! The fields of a push, from XML or JSON, whichever the account's console was set to.
//!
//! Both come out as one flat list: nested elements by their dotted path, repeated ones repeated. Numbers stay the text
//! that they were: a MsgId has 64 bits, more than a float holds.

use quick_xml::{Reader, events::Event};
use serde_json::Value;
use std::borrow::Cow;

const MAX_DEPTH: usize = 8;
const MAX_FIELDS: usize = 1_000;
/// Bytes of one name; every field carries the names around it.
const MAX_NAME: usize = 64;

/// How a push was written; its answer is written the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// XML.
    Xml,
    /// JSON.
    Json,
}

/// The fields of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// How they were written.
    pub format: Format,
    list: Vec<(String, String)>,
}

/// The bytes are no push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// Not well formed, or cut off.
    #[error("the body is neither a whole XML document nor a JSON object")]
    Syntax,
    /// A DOCTYPE or an entity: never part of a push, always an attack.
    #[error("the body declares a DOCTYPE or an entity")]
    Doctype,
    /// Deeper or longer than any push.
    #[error("the body is nested too deeply or has too many fields")]
    TooLarge,
}

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::Encoding)?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut list = Vec::new();
        let format = if text.starts_with('{') { Format::Json } else { Format::Xml };
        match format {
            Format::Json => {
                let value = serde_json::from_str(text).map_err(|_| Unreadable::Syntax)?;
                flatten(&mut list, "", &value, 0)?;
            }
            Format::Xml => read_xml(text, &mut list)?,
        }
        Ok(Self { format, list })
    }

    /// The field at `path`, unless it is empty.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.list.iter().find(|(name, value)| name == path && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The same in any case: the platform itself spells `MsgId` and `MsgID`.
    pub fn get_any_case(&self, path: &str) -> Option<&str> {
        let found = self.list.iter().find(|(name, value)| name.eq_ignore_ascii_case(path) && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn push(list: &mut Vec<(String, String)>, path: &str, value: &str) -> Result<(), Unreadable> {
    if list.len() >= MAX_FIELDS {
        return Err(Unreadable::TooLarge);
    }
    // No store downstream can keep a NUL; the raw bytes still have it.
    list.push((path.to_owned(), value.replace('\0', "\u{fffd}")));
    Ok(())
}

fn flatten(list: &mut Vec<(String, String)>, path: &str, value: &Value, depth: usize) -> Result<(), Unreadable> {
    if depth > MAX_DEPTH {
        return Err(Unreadable::TooLarge);
    }
    match value {
        Value::Object(object) => object.iter().try_for_each(|(name, value)| {
            if name.len() > MAX_NAME {
                return Err(Unreadable::TooLarge);
            }
            let path = if path.is_empty() { Cow::Borrowed(name.as_str()) } else { format!("{path}.{name}").into() };
            flatten(list, &path, value, depth + 1)
        }),
        Value::Array(items) => items.iter().try_for_each(|item| flatten(list, path, item, depth + 1)),
        Value::String(text) => push(list, path, text),
        Value::Null => push(list, path, ""),
        Value::Number(_) | Value::Bool(_) => push(list, path, &value.to_string()),
    }
}

/// An open element: the length of the path before it, its text so far, and whether it has children, or CDATA.
struct Open {
    outer: usize,
    text: String,
    parent: bool,
    cdata: bool,
}

fn read_xml(text: &str, list: &mut Vec<(String, String)>) -> Result<(), Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut path = String::new();
    let mut open: Vec<Open> = Vec::new();
    let mut roots = 0;
    loop {
        let event = reader.read_event().map_err(|_| Unreadable::Syntax)?;
        let closes = matches!(event, Event::Empty(_) | Event::End(_));
        match event {
            Event::DocType(_) => return Err(Unreadable::Doctype),
            Event::Start(element) | Event::Empty(element) => {
                if open.len() > MAX_DEPTH || element.name().as_ref().len() > MAX_NAME {
                    return Err(Unreadable::TooLarge);
                }
                let outer = path.len();
                if let Some(parent) = open.last_mut() {
                    parent.parent = true;
                    if open.len() > 1 {
                        path.push('.');
                    }
                    path.push_str(element.name().as_ref());
                } else {
                    roots += 1;
                    if roots > 1 || element.name().as_ref() != "xml" {
                        return Err(Unreadable::Syntax);
                    }
                }
                open.push(Open { outer, text: String::new(), parent: false, cdata: false });
            }
            Event::Text(words) => {
                let words = words.xml10_content();
                if !(between_cdata(&open) && words.trim().is_empty()) {
                    write(&mut open, &words)?;
                }
            }
            Event::CData(words) => {
                begin_cdata(&mut open);
                write(&mut open, &words.xml10_content())?;
            }
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => write(&mut open, character.encode_utf8(&mut [0; 4]))?,
                Ok(None) => {
                    let known = quick_xml::escape::resolve_xml_entity(&reference).ok_or(Unreadable::Doctype)?;
                    write(&mut open, known)?;
                }
                Err(_) => return Err(Unreadable::Syntax),
            },
            Event::End(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() && roots == 1 => return Ok(()),
            Event::Eof => return Err(Unreadable::Syntax),
        }
        if closes {
            let element = open.pop().ok_or(Unreadable::Syntax)?;
            if !element.parent && !open.is_empty() {
                push(list, &path, &element.text)?;
            }
            path.truncate(element.outer);
        }
    }
}

/// White space around CDATA is layout, not what was said.
fn begin_cdata(open: &mut [Open]) {
    if let Some(element) = open.last_mut() {
        if !element.cdata && element.text.trim().is_empty() {
            element.text.clear();
        }
        element.cdata = true;
    }
}

fn between_cdata(open: &[Open]) -> bool {
    open.last().is_some_and(|element| element.cdata)
}

/// Text outside the root can only be white space.
fn write(open: &mut [Open], text: &str) -> Result<(), Unreadable> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(Unreadable::Syntax),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(inner: &str) -> Result<Fields, Unreadable> {
        Fields::read(format!("<xml>{inner}</xml>").as_bytes())
    }

    #[test]
    fn xml_and_json_give_the_same_fields() {
        let from_xml = xml(
            "<A><![CDATA[a<b]]]]><![CDATA[>]]></A><N>23137466000000000001</N><L><item><X>1</X></item><item><X>2</X></item></L><E/>",
        );
        let from_json = Fields::read(
            r#"{"A":"a<b]]>","N":"23137466000000000001","L":{"item":[{"X":1},{"X":2}]},"E":null}"#.as_bytes(),
        );
        let (from_xml, from_json) = (from_xml.unwrap(), from_json.unwrap());
        assert_eq!(from_xml.list, from_json.list);
        assert_eq!(from_xml.get("N"), Some("23137466000000000001"));
        assert_eq!(from_xml.get("L.item.X"), Some("1"));
        assert_eq!(from_xml.get("E"), None);
    }

    #[test]
    fn white_space_is_kept_in_words_and_dropped_around_cdata() {
        assert_eq!(xml("<A>\n <![CDATA[ a ]]>\n </A>").unwrap().get("A"), Some(" a "));
        assert_eq!(xml("<A><![CDATA[\n]]><![CDATA[a]]></A>").unwrap().get("A"), Some("\na"));
        assert_eq!(xml("<A> a </A>").unwrap().get("A"), Some(" a "));
        assert_eq!(xml("<A>a <![CDATA[b]]> c</A>").unwrap().get("A"), Some("a b c"));
    }

    #[test]
    fn references_are_resolved_and_only_the_five_and_numbers_exist() {
        assert_eq!(xml("<A>a&amp;b&#x4f60;</A>").unwrap().get("A"), Some("a&b你"));
        assert_eq!(xml("<A>&xxe;</A>"), Err(Unreadable::Doctype));
        assert_eq!(xml("<A>&#0;</A>"), Err(Unreadable::Syntax));
    }

    #[test]
    fn a_doctype_is_refused_wherever_it_stands() {
        let attacks =
            ["<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><A>&a;</A></xml>", "<!doctype x><xml/>"];
        for attack in attacks {
            assert_eq!(Fields::read(attack.as_bytes()), Err(Unreadable::Doctype), "{attack}");
        }
        assert!(xml("<!DOCTYPE a><A>1</A>").is_err());
    }

    #[test]
    fn what_is_cut_off_doubled_or_too_deep_is_refused() {
        for body in [
            "",
            "<xml>",
            "<xml><A>1</A>",
            "<xml></A></xml>",
            "<xml/><xml/>",
            "<html/>",
            "a<xml/>",
            "<xml/>a",
            "[1]",
            "{",
        ] {
            assert_eq!(Fields::read(body.as_bytes()), Err(Unreadable::Syntax), "{body}");
        }
        assert_eq!(xml(&"<a>".repeat(100_000)), Err(Unreadable::TooLarge));
        assert_eq!(xml(&"<a/>".repeat(5_000)), Err(Unreadable::TooLarge));
        let long = "a".repeat(65);
        assert_eq!(xml(&format!("<{long}/>")), Err(Unreadable::TooLarge));
        assert_eq!(Fields::read(format!("{{\"{long}\":1}}").as_bytes()), Err(Unreadable::TooLarge));
        assert_eq!(Fields::read(&[b'<', 0xff]), Err(Unreadable::Encoding));
        assert!(Fields::read("[".repeat(100_000).as_bytes()).is_err());
        assert_eq!(
            Fields::read(format!("{{\"a\":{}1{}}}", "[".repeat(50), "]".repeat(50)).as_bytes()),
            Err(Unreadable::TooLarge)
        );
    }
}
