//! From a JSON value to a type, with every fault on the way: what is wrong is noted and taken out, and the rest is
//! read on, so that one mistake hides no other.

use super::{
    faults::quoted,
    walk::{Found, Step, Walk},
};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use std::collections::{BTreeMap, BTreeSet};

/// More faults than anybody reads.
const MAX_ROUNDS: usize = 200;

/// Reads `value` as a `T`. Faults are dotted keys and what is wrong; `also` are more keys to name at the top level.
/// The value is what could be read of it: to be used for finding more faults only, if there are any.
pub(crate) fn typed<T: DeserializeOwned + JsonSchema>(
    mut value: Value,
    also: &[&str],
) -> (Option<T>, Vec<(String, String)>) {
    let schema = schema_for!(T).to_value();
    let walk = Walk { root: &schema, also };
    let mut faults = Vec::new();
    let mut taken = Taken::default();
    for _ in 0..MAX_ROUNDS {
        let mut found = walk.faults(&value);
        if found.is_empty() {
            match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(read) => return (Some(read), faults),
                Err(error) => {
                    let path = steps(&value, error.path());
                    let mut what = without_values(&error.inner().to_string());
                    if let Some(right) = walk.right_at(&path).filter(|_| !what.contains(';')) {
                        what = format!("{what}; it must be {right}");
                    }
                    found.push(Found { path, what, missing: false });
                }
            }
        }
        let named: Vec<_> = found.iter().map(|fault| taken.original(&fault.path)).collect();
        for (path, fault) in named.iter().zip(&found) {
            // What is missing only because it was wrong has been said already.
            if !taken.paths.contains(path) {
                faults.push((dotted(path), fault.what.clone()));
            }
        }
        let mut out: BTreeSet<Vec<Step>> = BTreeSet::new();
        for (mut path, mut fault) in named.into_iter().zip(found) {
            if fault.missing {
                path.pop();
                fault.path.pop();
            }
            if fault.path.is_empty() {
                return (None, faults);
            }
            taken.paths.insert(path);
            out.insert(fault.path);
        }
        // From the back, so that no index moves before its turn.
        for path in out.iter().rev().filter(|path| !(1..path.len()).any(|end| out.contains(&path[..end]))) {
            remove(&mut value, path);
        }
    }
    (None, faults)
}

/// What was taken out, by the paths of the original.
#[derive(Default)]
struct Taken {
    paths: BTreeSet<Vec<Step>>,
}

impl Taken {
    /// The path in the original, before elements of arrays were taken out.
    fn original(&self, path: &[Step]) -> Vec<Step> {
        let mut removed: BTreeMap<&[Step], Vec<usize>> = BTreeMap::new();
        for path in &self.paths {
            if let Some((Step::Index(index), array)) = path.split_last() {
                removed.entry(array).or_default().push(*index);
            }
        }
        let mut original = Vec::with_capacity(path.len());
        for step in path {
            let step = match step {
                Step::Index(index) => {
                    let gone = removed.get(original.as_slice()).map_or(&[][..], Vec::as_slice);
                    Step::Index(gone.iter().fold(*index, |index, gone| index + usize::from(*gone <= index)))
                }
                key => key.clone(),
            };
            original.push(step);
        }
        original
    }
}

fn remove(value: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(*index),
    });
    match (parent, last) {
        (Some(Value::Object(table)), Step::Key(key)) => {
            table.shift_remove(key);
        }
        (Some(Value::Array(items)), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// The path of a deserialisation error, as far as it leads through `value`.
fn steps(value: &Value, path: &serde_path_to_error::Path) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut here = Some(value);
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => Step::Index(*index),
            Segment::Map { key } | Segment::Enum { variant: key } => Step::Key(key.clone()),
            Segment::Unknown => break,
        };
        here = here.and_then(|here| match &step {
            Step::Key(key) => here.get(key),
            Step::Index(index) => here.get(*index),
        });
        if here.is_none() {
            break;
        }
        steps.push(step);
    }
    steps
}

/// The message without the value: it may be a secret.
fn without_values(message: &str) -> String {
    if let Some(known) = message.strip_prefix("unknown variant `").and_then(|rest| rest.rfind("`, expected ")) {
        return format!("not known{}", &message["unknown variant `".len() + known + 1..]);
    }
    let Some(start) = message.find("string \"") else { return message.into() };
    let end = message.rfind("\", expected").or_else(|| message.rfind('"')).unwrap_or(message.len());
    let rest = message.get(end + 1..).unwrap_or_default();
    format!("{}a string{rest}", &message[..start])
}

fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(&quoted(key)),
            Step::Key(key) => {
                text.push('.');
                text.push_str(&quoted(key));
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read, to be looked at by nobody")]
    struct Thing {
        #[serde(default)]
        waits: Vec<super::super::Duration>,
        port: Option<u16>,
        auth: Option<Auth>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only read, to be looked at by nobody")]
    enum Auth {
        Bearer(String),
        Hmac { header: String, secret: String },
    }

    #[test]
    fn every_element_that_is_wrong_is_named_by_its_own_index() {
        let value = json!({ "waits": ["x", "1s", 7, "y", "0s"], "port": 70000 });
        let (read, faults) = typed::<Thing>(value, &[]);
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["waits[2]", "port", "waits[0]", "waits[3]", "waits[4]"]);
        assert_eq!(read.unwrap().waits.len(), 1);
    }

    #[test]
    fn what_serde_says_is_told_without_the_value() {
        for (message, told) in [
            ("invalid type: string \"hid\\\"den\", expected u16", "invalid type: a string, expected u16"),
            ("invalid value: string \"hidden\"", "invalid value: a string"),
            ("unknown variant `hidden`, expected `a` or `b`", "not known, expected `a` or `b`"),
            ("missing field `a`", "missing field `a`"),
        ] {
            assert_eq!(without_values(message), told);
        }
    }

    #[test]
    fn the_variant_that_was_meant_is_the_one_that_is_explained() {
        for (auth, key, what) in [
            (
                json!({ "hmac": { "header": "X", "secrte": "hidden" } }),
                "auth.hmac.secret",
                "missing; it must be a string",
            ),
            (json!({ "beerer": "hidden" }), "auth", "a table; it must be { bearer } or { hmac }"),
            (json!("hidden"), "auth", "a string; it must be { bearer } or { hmac }"),
            (json!({ "bearer": ["hidden"] }), "auth.bearer", "an array; it must be a string"),
        ] {
            let (_, faults) = typed::<Thing>(json!({ "auth": auth }), &[]);
            assert!(faults.contains(&(key.into(), what.into())), "{faults:?}");
            assert!(!format!("{faults:?}").contains("hidden"));
        }
    }
}
