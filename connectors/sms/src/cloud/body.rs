//! JSON bodies, taken apart into their messages without being understood.

use bytes::Bytes;
use serde_json::{Map, Value, value::RawValue};

/// The elements of an array, each as it stands in the body; an object is an array of one.
///
/// # Errors
/// What is wrong with the body.
pub(super) fn elements(body: &Bytes) -> Result<Vec<Bytes>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is no UTF-8")?;
    if text.trim_start().starts_with('{') {
        return object(body);
    }
    let elements: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| format!("the body is no JSON array of messages: {error}"))?;
    Ok(elements.into_iter().map(|element| body.slice_ref(element.get().as_bytes())).collect())
}

/// The whole body, if it is one object.
///
/// # Errors
/// What is wrong with the body.
pub(super) fn object(body: &Bytes) -> Result<Vec<Bytes>, String> {
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(_) => Ok(vec![body.clone()]),
        Err(error) => Err(format!("the body is no JSON object: {error}")),
    }
}

/// An object's fields; of an array, as a bare sample may be, those of its first element.
pub(super) fn fields(body: &[u8]) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("it is no JSON: {error}"))?;
    let value = match value {
        Value::Array(elements) => elements.into_iter().next().unwrap_or_default(),
        value => value,
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err("it is no JSON object".into()),
    }
}

/// What a citizen wrote, as it stands: what is around their words is theirs. A score may be a bare number.
pub(super) fn words(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(words) => Some(words.clone()),
        Value::Number(_) => text(fields, name),
        _ => None,
    }
}

/// A field as text: clouds write the same number as a number, as a text, and as a fraction.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => match number.as_f64().filter(|whole| whole.fract() == 0.0 && whole.abs() < 9e15) {
            Some(whole) if !number.is_i64() && !number.is_u64() => Some(format!("{whole:.0}")),
            _ => Some(number.to_string()),
        },
        _ => None,
    }
}
