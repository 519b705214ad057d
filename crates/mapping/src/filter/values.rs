//! JSON values in and out of the filter language.

use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};

/// Values nested in an output, at most.
const MAX_DEPTH: usize = 32;
/// Characters of an error's words that are shown.
const SHOWN: usize = 300;

/// The value, in the language's own form.
pub(super) fn from_json(value: Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => Val::Num(Num::from_integral(integer)),
            (_, Some(integer), _) => Val::Num(Num::from_integral(integer)),
            (.., float) => Val::Num(Num::Float(float.unwrap_or(f64::NAN))),
        },
        Value::String(text) => Val::utf8_str(text),
        Value::Array(items) => items.into_iter().map(from_json).collect(),
        Value::Object(fields) => {
            Val::obj(fields.into_iter().map(|(key, value)| (Val::utf8_str(key), from_json(value))).collect())
        }
    }
}

/// The output as JSON; takes its size from `room`.
///
/// # Errors
/// It is too large, too deep, or no JSON.
pub(super) fn to_json(value: &Val, room: &mut usize, depth: usize) -> Result<Value, &'static str> {
    let cost = match value {
        Val::BStr(bytes) | Val::TStr(bytes) => bytes.len() + 8,
        _ => 8,
    };
    *room = room.checked_sub(cost).ok_or("what the filter yields is too large")?;
    if depth > MAX_DEPTH {
        return Err("what the filter yields is nested too deeply");
    }
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(truth) => Value::Bool(*truth),
        Val::Num(number) => from_number(number),
        Val::BStr(bytes) | Val::TStr(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Val::Arr(items) => items.iter().map(|item| to_json(item, room, depth + 1)).collect::<Result<_, _>>()?,
        Val::Obj(fields) => {
            let mut object = Map::with_capacity(fields.len());
            for (key, value) in fields.iter() {
                let Val::TStr(key) = key else { return Err("what the filter yields has a key that is no text") };
                object.insert(String::from_utf8_lossy(key).into_owned(), to_json(value, room, depth + 1)?);
            }
            Value::Object(object)
        }
    })
}

/// Numbers that JSON has not (infinite, not a number) are null, as in jq.
fn from_number(number: &Num) -> Value {
    match number {
        Num::Int(integer) => (*integer as i64).into(),
        Num::Float(float) => Number::from_f64(*float).map_or(Value::Null, Value::Number),
        // A number beyond 64 bits is a name and no quantity.
        other => {
            let text = other.to_string();
            text.parse::<u64>().map_or_else(|_| Value::String(text), Value::from)
        }
    }
}

/// The beginning of a long text.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
