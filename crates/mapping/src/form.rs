//! Forms and queries (`application/x-www-form-urlencoded`, WHATWG URL Standard; `multipart/form-data`, RFC 7578) as JSON.

use crate::{
    json::Unreadable,
    multipart::{Event, Splitter},
    text,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

/// Fields, at most.
const MAX_FIELDS: usize = 2_000;

/// The fields as an object: a name's value as text, the values of a repeated name as an array.
///
/// `declared` is the encoding that the percent-encoded bytes are in, if the sender says so.
///
/// # Errors
/// Too many fields.
pub fn to_json(form: &[u8], declared: Option<&str>) -> Result<Value, Unreadable> {
    let mut object = Map::new();
    let read = |piece: &[u8]| {
        let spaced: Vec<u8> = piece.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        text::decode(&percent_decode(&spaced).collect::<Vec<u8>>(), declared)
    };
    let pieces = form.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    for (count, piece) in pieces.enumerate() {
        if count == MAX_FIELDS {
            return Err(Unreadable::new(format!("the form has more than {MAX_FIELDS} fields")));
        }
        let at = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((piece, &b""[..]), |at| (&piece[..at], &piece[at + 1..]));
        add(&mut object, read(name), Value::String(read(value)));
    }
    Ok(Value::Object(object))
}

/// The same of a form in parts, by its whole content type. A file is `{ "filename", "base64" }`.
///
/// # Errors
/// No whole form, or too many fields.
pub fn parts_to_json(content_type: &str, form: &[u8], declared: Option<&str>) -> Result<Value, Unreadable> {
    let broken = |why: String| Unreadable::new(format!("the body is no form that can be taken: {why}"));
    let mut splitter = Splitter::of(content_type).ok_or_else(|| broken("its content type has no boundary".into()))?;
    splitter.feed(form);
    let (mut object, mut part, mut count) = (Map::new(), None, 0);
    loop {
        match splitter.event().map_err(|error| broken(error.to_string()))? {
            None => return Err(broken("it ends too early".into())),
            Some(Event::End) => return Ok(Value::Object(object)),
            Some(Event::Part(head)) => part = Some((head, Vec::new())),
            Some(Event::Data(data)) => {
                if let Some((_, content)) = &mut part {
                    content.extend_from_slice(&data);
                }
            }
            Some(Event::PartEnd) => {
                let Some((head, content)) = part.take() else { continue };
                count += 1;
                if count > MAX_FIELDS {
                    return Err(broken(format!("it has more than {MAX_FIELDS} fields")));
                }
                let value = match head.file {
                    Some(name) => json!({ "filename": name, "base64": STANDARD.encode(&content) }),
                    None => Value::String(text::decode(&content, declared)),
                };
                add(&mut object, head.name, value);
            }
        }
    }
}

/// Adds a field; of a name that is there already an array is made.
pub(crate) fn add(object: &mut Map<String, Value>, name: String, value: Value) {
    match object.get_mut(&name) {
        None => drop(object.insert(name, value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_is_an_object_in_any_encoding() {
        assert_eq!(
            to_json("a=1&b=%E8%B7%AF+%E7%81%AF&a=2&c&=x&d=%".as_bytes(), None),
            Ok(json!({ "a": ["1", "2"], "b": "路 灯", "c": "", "": "x", "d": "%" }))
        );
        assert_eq!(to_json(b"t=%C2%B7%B5%C6", Some("gbk")), Ok(json!({ "t": "路灯" })));
        assert_eq!(to_json(b"t=%C2%B7%B5%C6%BB%B5%C1%CB", None), Ok(json!({ "t": "路灯坏了" })));
        assert!(to_json("a=1&".repeat(MAX_FIELDS + 1).as_bytes(), None).is_err());
    }

    #[test]
    fn a_form_in_parts_is_the_same_object_and_its_files_are_base64() {
        let kind = "multipart/form-data; boundary=b";
        let part = |head: &str, content: &[u8]| {
            [b"--b\r\nContent-Disposition: form-data; ", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat()
        };
        let body = [
            part("name=t", "路灯".as_bytes()),
            part("name=t", b"\xc2\xb7\xb5\xc6\xbb\xb5\xc1\xcb"),
            part("name=p; filename=\"a.jpg\"", b"\xff\xd8"),
            b"--b--\r\n".to_vec(),
        ]
        .concat();
        assert_eq!(
            parts_to_json(kind, &body, None),
            Ok(json!({ "t": ["路灯", "路灯坏了"], "p": { "filename": "a.jpg", "base64": "/9g=" } }))
        );
        assert!(parts_to_json(kind, &body[..body.len() - 8], None).is_err());
        assert!(parts_to_json("multipart/form-data", &body, None).is_err());
        let many = [part("name=a", b"").repeat(MAX_FIELDS + 1), b"--b--".to_vec()].concat();
        assert!(parts_to_json(kind, &many, None).is_err());
    }
}
