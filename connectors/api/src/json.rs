//! JSON bodies: read whole, or told what is wrong with them in words for somebody who does not know what we are written in.

use crate::FieldFault;
use serde::{Deserialize, de::IgnoredAny};

/// Reads a body that must be a JSON object.
///
/// # Errors
/// One fault: the field and what would be right.
pub fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, FieldFault> {
    // Some programs begin what they write in UTF-8 with U+FEFF; it says nothing (RFC 8259, section 8.1).
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    // A JSON array would be read as the fields in their order: not what anybody means.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(FieldFault { field: "body".into(), detail: "is no JSON object".into() });
    }
    serde_json::from_slice(body).map_err(|error| {
        // Read again, slowly, to learn the field: only bad bodies pay for it.
        let mut json = serde_json::Deserializer::from_slice(body);
        let (field, error) = match serde_path_to_error::deserialize::<_, T>(&mut json) {
            // "?": between two fields, where the body ends too early.
            Err(at) if at.path().iter().len() > 0 && !at.path().to_string().ends_with('?') => {
                (at.path().to_string(), at.into_inner())
            }
            _ => ("body".into(), error),
        };
        let detail = match std::str::from_utf8(body) {
            Err(at) => format!("is not UTF-8 (byte {} of the body): send UTF-8", at.valid_up_to() + 1),
            Ok(_) => plainly(body, &error),
        };
        FieldFault { field, detail }
    })
}

/// What is wrong, in the words of JSON.
fn plainly(body: &[u8], error: &serde_json::Error) -> String {
    let said = error.to_string();
    let place = format!("line {} column {}", error.line(), error.column());
    if said.contains("surrogate") || said.contains("hex escape") {
        return format!("has a \\u escape that is half a character, or none, at {place}: write the character itself");
    }
    if said.starts_with("control character") {
        return format!("has a control character as it stands at {place}: escape it, a line break as \\n");
    }
    // Of JSON that is whole, this is said of what must be one of some words and is no text.
    if said.starts_with("expected value") && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return format!("must be a text, as \"complaint\", at {place}");
    }
    let terms = [
        ("type: sequence", "type: array"),
        ("type: map", "type: object"),
        ("a sequence", "an array"),
        ("a map", "an object"),
        ("a tuple of size", "an array of"),
        ("unknown variant", "unknown value"),
        ("expected unit", "expected null"),
    ];
    let said = without_structs(&said);
    let said = terms.into_iter().fold(said, |said, (ours, theirs)| said.replace(ours, theirs));
    match said.split_once("expected ") {
        Some((before, expected)) => format!("{before}expected {}", number(expected)),
        None => said,
    }
}

/// `struct Name`, with what follows of how many fields it has, is an object.
fn without_structs(said: &str) -> String {
    let mut plain = String::with_capacity(said.len());
    let mut rest = said;
    while let Some((before, after)) = rest.split_once("expected struct ") {
        let name = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(after.len());
        let mut behind = &after[name..];
        if let Some((_, more)) = behind.strip_prefix(" with ").and_then(|more| more.split_once(" element")) {
            behind = more.strip_prefix('s').unwrap_or(more);
        }
        plain.push_str(before);
        plain.push_str("expected an object");
        rest = behind;
    }
    plain + rest
}

/// Numbers by what they are, not by how many bits we keep them in.
fn number(expected: &str) -> String {
    let (name, rest) = expected.split_once(' ').unwrap_or((expected, ""));
    let plain = match name {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ => return expected.to_owned(),
    };
    if rest.is_empty() { plain.to_owned() } else { format!("{plain} {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Body {
        inner: Option<Inner>,
        kind: Option<Kind>,
        count: Option<u64>,
        share: Option<f64>,
        yes: Option<bool>,
        texts: Option<Vec<String>>,
        names: Option<BTreeMap<String, i64>>,
        pairs: Option<Vec<(String, String)>>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Inner {
        text: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Good,
    }

    #[test]
    fn a_fault_names_its_field_and_says_nothing_of_what_we_are_written_in() {
        for (body, field, part) in [
            (r#"{"inner":"x"}"#, "inner", "expected an object"),
            (r#"{"inner":[]}"#, "inner", "expected an object at line"),
            (r#"{"inner":{"text":5}}"#, "inner.text", "expected a string"),
            (r#"{"inner":{}}"#, "inner", "missing field `text`"),
            (r#"{"kind":5}"#, "kind", "must be a text"),
            (r#"{"kind":{"good":5}}"#, "kind.good", "expected null"),
            (r#"{"kind":"bad"}"#, "kind", "unknown value `bad`, expected `good`"),
            (r#"{"count":-1}"#, "count", "expected a whole number from 0 on"),
            (r#"{"count":"1"}"#, "count", "expected a whole number from 0 on"),
            (r#"{"share":"1"}"#, "share", "expected a number"),
            (r#"{"yes":"1"}"#, "yes", "expected a boolean"),
            (r#"{"texts":{}}"#, "texts", "type: object, expected an array"),
            (r#"{"names":[]}"#, "names", "type: array, expected an object"),
            (r#"{"names":{"a":1.5}}"#, "names.a", "expected a whole number"),
            (r#"{"pairs":[["a"]]}"#, "pairs[0]", "invalid length 1"),
            (r#"{"other":1}"#, "other", "unknown field `other`"),
            (r#"{"yes":nope}"#, "yes", "expected"),
            (r#"{"yes":true"#, "body", "EOF"),
            (r#"{"yes":true} x"#, "body", "trailing"),
            ("[]", "body", "is no JSON object"),
        ] {
            let fault = read_json::<Body>(body.as_bytes()).unwrap_err();
            assert_eq!(fault.field, field, "{body}: {}", fault.detail);
            assert!(fault.detail.contains(part), "{body}: {}", fault.detail);
            let ours = ["struct", "tuple", "enum", "variant", "u64", "i64", "f64", "sequence", "map", "unit", "Inner"];
            assert!(!ours.iter().any(|word| fault.detail.contains(word)), "{body}: {}", fault.detail);
        }
    }
}
