//! Holds a value against a JSON schema, to find every unknown key, missing key and wrong type at once. Only what
//! the derived schemas of this program say is understood; what it passes over, deserialisation finds.

use serde_json::{Map, Value};

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Something found wrong.
#[derive(Debug)]
pub(crate) struct Found {
    pub path: Vec<Step>,
    /// What is wrong; what would be right.
    pub what: String,
    /// The value at `path` is absent rather than wrong.
    pub missing: bool,
}

/// Walks values against one schema document.
pub(crate) struct Walk<'a> {
    /// The schema document, for its `$defs`.
    pub root: &'a Value,
    /// More keys to name at the top level.
    pub also: &'a [&'a str],
}

impl Walk<'_> {
    /// Everything wrong with `value`.
    pub fn faults(&self, value: &Value) -> Vec<Found> {
        let mut found = Vec::new();
        self.walk(self.root, value, &mut Vec::new(), &mut found);
        found
    }

    /// What would be right at `path`, in words.
    pub fn right_at(&self, path: &[Step]) -> Option<String> {
        let mut schema = self.root;
        for step in path {
            schema = self.behind(schema);
            schema = match step {
                Step::Key(key) => schema.get("properties").and_then(|properties| properties.get(key))?,
                Step::Index(_) => schema.get("items")?,
            };
        }
        Some(expected(schema))
    }

    /// The schema behind a `$ref` and behind what is merely optional.
    fn behind<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let variants = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        let schema = variants.into_iter().find(|variant| !is_null(variant)).unwrap_or(schema);
        schema.get("$ref").map_or(schema, |reference| resolve(self.root, reference))
    }

    fn walk(&self, schema: &Value, value: &Value, path: &mut Vec<Step>, found: &mut Vec<Found>) {
        if let Some(reference) = schema.get("$ref") {
            self.walk(resolve(self.root, reference), value, path, found);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(variants) = schema.get(key).and_then(Value::as_array) {
                return self.walk_variants(schema, variants, value, path, found);
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.walk(part, value, path, found);
        }
        if !has_type(schema, value) {
            found.push(wrong(path, format!("{}; it must be {}", kind(value), expected(schema))));
            return;
        }
        let allowed = choices(schema);
        if !allowed.is_empty() && !allowed.contains(value) {
            found.push(wrong(path, not_a_choice(value, &allowed)));
            return;
        }
        match value {
            Value::Object(table) => self.walk_table(schema, table, path, found),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.walk(schema.get("items").unwrap_or(&Value::Bool(true)), item, path, found);
                    path.pop();
                }
            }
            Value::Number(number) => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
                let number = number.as_f64().unwrap_or(f64::NAN);
                let low = bound("minimum").is_some_and(|minimum| number < minimum);
                if low || bound("maximum").is_some_and(|maximum| number > maximum) {
                    found.push(wrong(path, format!("{value} is out of range; it must be {}", expected(schema))));
                }
            }
            _ => {}
        }
    }

    fn walk_table(&self, schema: &Value, table: &Map<String, Value>, path: &mut Vec<Step>, found: &mut Vec<Found>) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let others = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
        for (key, value) in table {
            path.push(Step::Key(key.clone()));
            match properties.get(key) {
                Some(schema) => self.walk(schema, value, path, found),
                None if *others == Value::Bool(false) => {
                    let mut known: Vec<&str> = if path.len() == 1 { self.also.to_vec() } else { Vec::new() };
                    known.extend(properties.keys().map(String::as_str));
                    found.push(wrong(path, unknown("key", key, &known)));
                }
                None => self.walk(others, value, path, found),
            }
            path.pop();
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| !table.contains_key(*key)) {
            path.push(Step::Key(key.into()));
            let right = self.shape(properties.get(key).unwrap_or(&Value::Null));
            let what = format!("missing; it must be {right}");
            found.push(Found { path: path.clone(), what, missing: true });
            path.pop();
        }
    }

    /// The variant with the fewest faults, among those of the value's type, is the one that was meant.
    fn walk_variants(
        &self,
        schema: &Value,
        variants: &[Value],
        value: &Value,
        path: &mut Vec<Step>,
        found: &mut Vec<Found>,
    ) {
        let variants: Vec<&Value> = variants.iter().filter(|variant| !is_null(variant)).collect();
        if let [only] = variants[..] {
            return self.walk(only, value, path, found);
        }
        let mut best: Option<Vec<Found>> = None;
        for variant in variants.iter().copied() {
            let mut faults = Vec::new();
            self.walk(variant, value, path, &mut faults);
            if faults.is_empty() {
                return;
            }
            let target = variant.get("$ref").map_or(variant, |reference| resolve(self.root, reference));
            // A table that shares no key with a variant was not meant for it; nor was a value of another type.
            let meant = has_type(target, value)
                && choices(target).is_empty()
                && value.as_object().is_none_or(|table| {
                    table.keys().any(|key| target.pointer("/properties").is_some_and(|all| all.get(key).is_some()))
                });
            if meant && best.as_ref().is_none_or(|best| faults.len() < best.len()) {
                best = Some(faults);
            }
        }
        let allowed: Vec<Value> = variants.iter().flat_map(|variant| choices(variant)).collect();
        let all_choices = variants.iter().all(|variant| !choices(variant).is_empty());
        match best {
            Some(faults) => found.extend(faults),
            None if all_choices && value.is_string() => found.push(wrong(path, not_a_choice(value, &allowed))),
            None => {
                let mut right: Vec<String> = variants.iter().map(|variant| self.shape(variant)).collect();
                right.dedup();
                let such_as = such_as(schema).unwrap_or_default();
                found.push(wrong(path, format!("{}; it must be {}{such_as}", kind(value), right.join(" or "))));
            }
        }
    }

    /// A variant in words: its literal, its keys, or its type.
    fn shape(&self, variant: &Value) -> String {
        let variant = variant.get("$ref").map_or(variant, |reference| resolve(self.root, reference));
        match variant.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                format!("{{ {} }}", properties.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
            None => expected(variant),
        }
    }
}

/// The definition that a `$ref` names.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(&Value::Null)
}

/// An unknown name among the known ones, the nearest of them first.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let name = super::values::clip(name);
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance);
    let hint = nearest.map(|(_, candidate)| format!("did you mean `{candidate}`? ")).unwrap_or_default();
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    format!("unknown {what} `{name}`; {hint}the known ones are: {known}")
}

fn wrong(path: &[Step], what: String) -> Found {
    Found { path: path.to_vec(), what, missing: false }
}

fn not_a_choice(value: &Value, allowed: &[Value]) -> String {
    let allowed: Vec<String> = allowed.iter().filter(|choice| !choice.is_null()).map(Value::to_string).collect();
    let shown = match value {
        Value::String(text) => format!("{:?}", super::values::clip(text)),
        other => kind(other).into(),
    };
    format!("{shown} is not known; it must be one of {}", allowed.join(", "))
}

pub(super) fn choices(schema: &Value) -> Vec<Value> {
    match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
        (Some(value), _) => vec![value.clone()],
        (_, Some(values)) => values.clone(),
        _ => Vec::new(),
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

/// The types that a schema allows; none means any.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
        }
        _ => Vec::new(),
    }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|kind| match *kind {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            _ => true,
        })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}

fn expected(schema: &Value) -> String {
    let choices: Vec<String> =
        choices(schema).iter().filter(|choice| !choice.is_null()).map(Value::to_string).collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let kinds: Vec<String> = types(schema)
        .into_iter()
        .map(|kind| match kind {
            "string" => "a string".into(),
            "boolean" => "true or false".into(),
            "array" => "an array".into(),
            "object" => "a table".into(),
            kind => match (number("minimum"), number("maximum")) {
                (Some(low), Some(high)) => format!("an {kind} from {low} to {high}").replace("an number", "a number"),
                (Some(low), None) => format!("an {kind} from {low}").replace("an number", "a number"),
                _ => format!("an {kind}").replace("an number", "a number"),
            },
        })
        .collect();
    let kinds = if kinds.is_empty() { "given".into() } else { kinds.join(" or ") };
    format!("{kinds}{}", such_as(schema).unwrap_or_default())
}

/// An example from the schema, as it would stand in the file.
fn such_as(schema: &Value) -> Option<String> {
    let example = schema.pointer("/examples/0").or_else(|| schema.get("default")).filter(|value| !value.is_null())?;
    let text = super::example::toml_value(example);
    (text.len() <= 60).then(|| format!(", such as {text}"))
}
