//! The JSON schema of the whole file, and the example file that shows every option: both made from the types' doc
//! comments and defaults, so that neither can go stale.

use super::{
    Config, Subscriber,
    channels::Common,
    walk::{choices, resolve},
};
use crate::registry::Registry;
use schemars::schema_for;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The width of a comment, in characters.
const WIDTH: usize = 100;

/// The JSON schema of a configuration file, for the connectors of `registry`.
pub fn schema(registry: &Registry) -> Value {
    let mut root = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gateway.toml" });
    if let (Value::Object(root), Value::Object(own)) = (&mut root, schema_for!(Config).to_value()) {
        own.into_iter().for_each(|(key, value)| _ = root.entry(key).or_insert(value));
    }
    let mut definitions = Map::new();
    let subscriber = embed("Subscriber", schema_for!(Subscriber).to_value(), &mut definitions);
    let channels: Vec<Value> = registry
        .0
        .iter()
        .map(|registration| {
            let own = embed(registration.name, (registration.schema)().to_value(), &mut definitions);
            channel(registration.name, &own)
        })
        .collect();
    let channels = if channels.is_empty() { json!(true) } else { json!({ "oneOf": channels }) };
    root["properties"]["subscribers"] = json!({
        "description": "The downstream ticket systems.", "type": "array", "items": subscriber,
    });
    root["properties"]["channels"] = json!({
        "description": "The channels, by id: the last segment of the path, and the label.",
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" },
        "additionalProperties": channels,
    });
    if let Some(Value::Object(all)) = root.get_mut("$defs") {
        all.extend(definitions);
    } else {
        root["$defs"] = Value::Object(definitions);
    }
    root
}

/// A channel's schema: what all have in common, and its connector's own.
fn channel(name: &str, own: &Value) -> Value {
    let mut schema = schema_for!(Common).to_value();
    let object = schema.as_object_mut();
    object.map(|object| object.shift_remove("$schema"));
    schema["title"] = name.into();
    schema["description"] = own.get("description").cloned().unwrap_or_default();
    schema["properties"]["type"] = json!({ "const": name, "description": "The kind of channel." });
    for key in ["properties", "required"] {
        match (&mut schema[key], own.get(key)) {
            (Value::Object(common), Some(Value::Object(more))) => common.extend(more.clone()),
            (Value::Array(common), Some(Value::Array(more))) => common.extend(more.clone()),
            _ => {}
        }
    }
    schema
}

/// Moves a document's definitions into those of another, under names of their own.
fn embed(name: &str, mut document: Value, definitions: &mut Map<String, Value>) -> Value {
    rename(name, &mut document);
    let Some(object) = document.as_object_mut() else { return document };
    object.shift_remove("$schema");
    if let Some(Value::Object(own)) = object.shift_remove("$defs") {
        definitions.extend(own.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
    }
    document
}

fn rename(name: &str, value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                *reference = reference.replacen("#/$defs/", &format!("#/$defs/{name}."), 1);
            }
            object.values_mut().for_each(|value| rename(name, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(name, value)),
        _ => {}
    }
}

/// The example file: every option with its comment, for the connectors of `registry`. What has a default stands as
/// that; what has none stands commented out (`#key`, without a space) with an example.
pub fn example(registry: &Registry) -> String {
    let schema = schema(registry);
    let mut text = String::from(
        "# Every option of the gateway, with its default or an example. This file is generated.\n\
         # Secrets are env:NAME or file:PATH; durations are such as \"90s\", \"5m\", \"72h\".\n",
    );
    let sections = schema["properties"].as_object();
    for (name, section) in sections.into_iter().flatten() {
        let described = target(&schema, section);
        match name.as_str() {
            "subscribers" => table(&schema, &described["items"], "[[subscribers]]", true, &mut text),
            "channels" => {
                let kinds = described.pointer("/additionalProperties/oneOf").and_then(Value::as_array);
                for kind in kinds.into_iter().flatten() {
                    let id = kind["title"].as_str().unwrap_or_default();
                    table(&schema, kind, &format!("[channels.{id}]"), true, &mut text);
                }
            }
            _ => table(&schema, described, &format!("[{name}]"), false, &mut text),
        }
    }
    text
}

/// The schema behind a `$ref`, or behind the optional variant.
fn target<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let variants = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let schema = variants.into_iter().find(|variant| variant["type"] != "null").unwrap_or(schema);
    schema.get("$ref").map_or(schema, |reference| resolve(root, reference))
}

fn table(root: &Value, schema: &Value, header: &str, commented_out: bool, text: &mut String) {
    text.push('\n');
    comment(schema, text);
    let mark = if commented_out { "#" } else { "" };
    let _ = writeln!(text, "{mark}{header}");
    let required = |key: &str| schema["required"].as_array().is_some_and(|keys| keys.iter().any(|name| name == key));
    for (key, option) in schema["properties"].as_object().into_iter().flatten() {
        comment(option, text);
        let default = option.get("default").filter(|value| !value.is_null());
        let mark = if commented_out || (default.is_none() && !required(key)) { "#" } else { "" };
        let value = default.filter(|value| !is_empty_table(value)).cloned().unwrap_or_else(|| sample(root, option, 0));
        let mark = if default.is_some_and(is_empty_table) { "#" } else { mark };
        let _ = writeln!(text, "{mark}{key} = {}", toml_value(&value));
    }
}

fn is_empty_table(value: &Value) -> bool {
    value.as_object().is_some_and(|table| table.values().all(Value::is_null))
}

fn comment(schema: &Value, text: &mut String) {
    let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_string();
    let choices = all_choices(schema);
    if choices.len() > 1 {
        let _ = write!(description, " One of {}.", choices.iter().map(toml_value).collect::<Vec<_>>().join(", "));
    }
    let mut line = String::from("#");
    for word in description.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(text, "{line}");
    }
}

/// The choices, if the schema (or that of its items) is a choice and nothing else.
fn all_choices(schema: &Value) -> Vec<Value> {
    let schema = schema.get("items").unwrap_or(schema);
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    let Some(variants) = variants else { return choices(schema) };
    let variants = variants.iter().filter(|variant| variant["type"] != "null");
    let all: Vec<Vec<Value>> = variants.map(all_choices).collect();
    if all.iter().any(Vec::is_empty) { Vec::new() } else { all.concat() }
}

/// A value that fits: the example of the schema, else the first that comes to mind.
fn sample(root: &Value, schema: &Value, depth: usize) -> Value {
    let given = schema.pointer("/examples/0").or_else(|| schema.get("default")).or_else(|| schema.get("const"));
    let given = given.or_else(|| schema.pointer("/enum/0"));
    if let Some(given) = given.filter(|value| !value.is_null()) {
        return given.clone();
    }
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    let variant = variants.and_then(|variants| variants.iter().find(|variant| variant["type"] != "null"));
    if depth > 8 {
        return Value::Null;
    }
    if let Some(variant) = variant {
        return sample(root, variant, depth + 1);
    }
    if let Some(reference) = schema.get("$ref") {
        if reference.as_str().is_some_and(|name| name.ends_with("SecretRef")) {
            return "env:NAME".into();
        }
        return sample(root, resolve(root, reference), depth + 1);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match kind {
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(0.into()),
        "boolean" => false.into(),
        "array" => json!([sample(root, &schema["items"], depth + 1)]),
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.map(|(key, option)| (key.clone(), sample(root, option, depth + 1))).collect()
        }
        _ => "…".into(),
    }
}

/// A value as it stands in TOML, on one line. What is null is left out.
pub(super) fn toml_value(value: &Value) -> String {
    let key = |key: &str| super::faults::quoted(key);
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let fields = table.iter().filter(|(_, value)| !value.is_null());
            let fields: Vec<_> = fields.map(|(name, value)| format!("{} = {}", key(name), toml_value(value))).collect();
            if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    }
}
