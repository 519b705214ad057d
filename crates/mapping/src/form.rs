//! Forms and queries (`application/x-www-form-urlencoded`, WHATWG URL Standard) as JSON.

use crate::{json::Unreadable, text};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

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
}
