//! XML as JSON: elements by name, repeated ones as an array, attributes as `@name`, text beside either as `#text`, a leaf
//! as its text. Names keep their prefix as written (`soap:Body`). No DTD, so no entities but the five and numbers.

use crate::{form::add, json::Unreadable, text};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value};

const MAX_DEPTH: usize = 64;
const MAX_VALUES: usize = 50_000;
const MAX_NAME: usize = 200;
/// Of one element: each is compared with those before it.
const MAX_ATTRIBUTES: usize = 200;

/// Reads a document: an object with the root element.
///
/// `declared` is the encoding in the Content-Type, which goes before the one in the XML declaration (RFC 7303, section 3).
///
/// # Errors
/// Not well formed, with a DTD, or too deep or large.
pub fn read(body: &[u8], declared: Option<&str>) -> Result<Value, Unreadable> {
    let named = declared.map(str::to_owned).or_else(|| declaration(body));
    to_json(&text::decode(body, named.as_deref()))
}

/// The encoding in the XML declaration, which is ASCII in every encoding that can name itself.
fn declaration(body: &[u8]) -> Option<String> {
    let head = &body[..body.len().min(200)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let head = std::str::from_utf8(&head[..end]).ok()?;
    let value = head.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = value[1..].split(quote).next()?;
    // Text that can be read as ASCII is not in UTF-16, whatever it says.
    (!name.to_ascii_lowercase().starts_with("utf-16")).then(|| name.to_owned())
}

/// An open element.
struct Open {
    name: String,
    fields: Map<String, Value>,
    text: String,
    cdata: bool,
}

/// Reads a document that is text already.
///
/// # Errors
/// Not well formed, with a DTD, or too deep or large.
pub fn to_json(document: &str) -> Result<Value, Unreadable> {
    let fault = |what: &str| Unreadable::new(format!("the body is no XML that can be taken: {what}"));
    let document = document.trim_start_matches('\u{feff}').trim();
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut left = MAX_VALUES;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|_| fault(&format!("not well formed near byte {at}")))?;
        let closes = matches!(event, Event::Empty(_) | Event::End(_));
        match event {
            Event::DocType(_) => return Err(fault("it has a DTD")),
            Event::Start(element) | Event::Empty(element) => {
                if open.is_empty() && root.is_some() {
                    return Err(fault("it has two root elements"));
                }
                if open.len() == MAX_DEPTH {
                    return Err(fault("nested too deeply"));
                }
                open.push(element_of(&element, &mut left).map_err(fault)?);
            }
            Event::Text(words) => {
                let words = words.xml10_content();
                let between = open.last().is_some_and(|element| element.cdata);
                if !(between && words.trim().is_empty()) {
                    write(&mut open, &words).map_err(fault)?;
                }
            }
            Event::CData(words) => {
                // White space around CDATA is layout, not what was said.
                if let Some(element) = open.last_mut() {
                    if !element.cdata && element.text.trim().is_empty() {
                        element.text.clear();
                    }
                    element.cdata = true;
                }
                write(&mut open, &words.xml10_content()).map_err(fault)?;
            }
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => write(&mut open, character.encode_utf8(&mut [0; 4])).map_err(fault)?,
                Ok(None) => {
                    let known = quick_xml::escape::resolve_xml_entity(&reference);
                    write(&mut open, known.ok_or_else(|| fault("it has an entity"))?).map_err(fault)?;
                }
                Err(_) => return Err(fault("a character reference names no character")),
            },
            Event::End(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => {
                let Some(root) = root.filter(|_| open.is_empty()) else { return Err(fault("it ends too early")) };
                return Ok(root);
            }
        }
        if closes {
            let element = open.pop().ok_or_else(|| fault("an element ends that was not begun"))?;
            let (name, value) = closed(element);
            match open.last_mut() {
                Some(parent) => add(&mut parent.fields, name, value),
                None => root = Some(Value::Object(Map::from_iter([(name, value)]))),
            }
        }
    }
}

/// An element with its attributes.
fn element_of(element: &BytesStart<'_>, left: &mut usize) -> Result<Open, &'static str> {
    let mut fields = Map::new();
    let mut count = || {
        *left = left.checked_sub(1).ok_or("too many elements")?;
        Ok::<_, &'static str>(())
    };
    count()?;
    let name: &str = element.name().into_inner();
    if name.len() > MAX_NAME {
        return Err("a name is too long");
    }
    for (place, attribute) in element.attributes().enumerate() {
        count()?;
        if place == MAX_ATTRIBUTES {
            return Err("too many attributes");
        }
        let attribute = attribute.map_err(|_| "an attribute is not well formed")?;
        let key: &str = attribute.key.into_inner();
        if key.len() > MAX_NAME {
            return Err("a name is too long");
        }
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| "an attribute has an entity")?;
        fields.insert(format!("@{key}"), Value::String(value.into_owned()));
    }
    Ok(Open { name: name.to_owned(), fields, text: String::new(), cdata: false })
}

/// What an element comes to.
fn closed(Open { name, mut fields, text, .. }: Open) -> (String, Value) {
    if fields.is_empty() {
        return (name, Value::String(text));
    }
    // Beside other elements, white space is layout.
    let text = if fields.keys().all(|key| key.starts_with('@')) { text.as_str() } else { text.trim() };
    if !text.trim().is_empty() {
        fields.insert("#text".into(), Value::String(text.to_owned()));
    }
    (name, Value::Object(fields))
}

/// Text outside the root can only be white space.
fn write(open: &mut [Open], text: &str) -> Result<(), &'static str> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("there is text outside of it"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json(document: &str) -> Value {
        to_json(document).unwrap_or_else(|error| panic!("{document}: {error}"))
    }

    #[test]
    fn elements_attributes_and_text_have_their_places() {
        assert_eq!(json("<a>路灯</a>"), json!({ "a": "路灯" }));
        assert_eq!(json("<a/>"), json!({ "a": "" }));
        assert_eq!(json("<a k='1'/>"), json!({ "a": { "@k": "1" } }));
        assert_eq!(json("<a k='1'>t</a>"), json!({ "a": { "@k": "1", "#text": "t" } }));
        assert_eq!(
            json("<?xml version='1.0'?><!-- c --><a>\n <b>1</b>\n <b>2</b> t <c/> u\n</a>"),
            json!({ "a": { "b": ["1", "2"], "c": "", "#text": "t  u" } })
        );
        assert_eq!(
            json("<a><b x='&lt;&#x4f60;'>&amp;<![CDATA[<&>]]></b></a>"),
            json!({ "a": { "b": { "@x": "<你", "#text": "&<&>" } } })
        );
        assert_eq!(json("<a>\n <![CDATA[ x ]]>\n</a>"), json!({ "a": " x " }));
        assert_eq!(json("<s:E xmlns:s='u'><s:B>1</s:B></s:E>"), json!({ "s:E": { "@xmlns:s": "u", "s:B": "1" } }));
    }

    #[test]
    fn the_declared_encoding_is_read_and_the_header_goes_before_it() {
        let gbk = |head: &str| [head.as_bytes(), b"<a>\xc2\xb7\xb5\xc6</a>"].concat();
        for head in [
            "<?xml version=\"1.0\" encoding=\"GBK\"?>",
            "<?xml version='1.0' encoding='gb2312' ?>",
            "<?xml version='1.0' encoding = 'GB18030'?>",
        ] {
            assert_eq!(read(&gbk(head), None), Ok(json!({ "a": "路灯" })), "{head}");
        }
        assert_eq!(read(&gbk("<?xml version='1.0' encoding='utf-8'?>"), Some("gbk")), Ok(json!({ "a": "路灯" })));
        let big5 = b"<?xml version='1.0' encoding='Big5'?><a>\xb8\xf4\xbfO</a>";
        assert_eq!(read(big5, None), Ok(json!({ "a": "路燈" })));
        let utf16: Vec<u8> = [0xfeff]
            .into_iter()
            .chain("<?xml version='1.0' encoding='UTF-16'?><a>路灯</a>".encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(&utf16, None), Ok(json!({ "a": "路灯" })));
        assert_eq!(
            read("<?xml version='1.0' encoding='UTF-16'?><a>路灯</a>".as_bytes(), None),
            Ok(json!({ "a": "路灯" }))
        );
    }

    #[test]
    fn attacks_and_fragments_are_refused() {
        let deep = "<a>".repeat(100_000);
        let wide = format!("<a>{}</a>", "<b/>".repeat(60_000));
        let attributes = format!("<a {}/>", (0..300).map(|i| format!("k{i}='' ")).collect::<String>());
        for bad in [
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
            "<!doctype a><a/>",
            "<a>&x;</a>",
            "<a k='&x;'/>",
            "<a k='1' k='2'/>",
            "<a>&#0;</a>",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "x<a/>",
            "<a/>x",
            "",
            "{}",
            deep.as_str(),
            wide.as_str(),
            attributes.as_str(),
        ] {
            assert!(to_json(bad).is_err(), "{}", &bad[..bad.len().min(60)]);
        }
    }
}
