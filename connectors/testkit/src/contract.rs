//! What every connector promises, checked over a registry.

use jiesu_connector::Connector;
use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

/// The literal to give as every secret in [`Specimen::example`]: it must not be seen.
pub const SECRET: &str = "s3cret-that-must-not-be-seen";

/// One connector, without its types, so that a registry can be walked.
pub struct Specimen {
    /// Its `type` in the configuration.
    pub name: &'static str,
    /// The JSON schema of its configuration.
    pub schema: Schema,
    /// Reads a configuration: its `Debug`, or what is wrong with it.
    pub read: fn(Value) -> Result<String, String>,
    /// A complete configuration with [`SECRET`] as every secret; made from the schema if `None`.
    pub example: Option<Value>,
}

impl Specimen {
    /// Of a connector.
    pub fn of<C: Connector>() -> Self {
        Self {
            name: C::NAME,
            schema: schema_for!(C::Config),
            read: |config| match serde_json::from_value::<C::Config>(config) {
                Ok(config) => Ok(format!("{config:?}\n{config:#?}")),
                Err(error) => Err(error.to_string()),
            },
            example: None,
        }
    }

    /// Everything that it does not keep to; `readme` is the text of `connectors/README.md`.
    pub fn faults(&self, readme: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(letters) {
            faults.push("the name is not of lower-case letters, digits and hyphens".into());
        }
        if !readme.lines().any(|line| line.starts_with(&format!("| `{}` |", self.name))) {
            faults.push("has no row in connectors/README.md".into());
        }
        let schema = Tree(self.schema.as_value());
        schema.undocumented("", schema.0, 0, &mut faults);
        self.refuses_unknown_keys(&schema, &mut faults);
        self.hides_secrets(&schema, &mut faults);
        faults.into_iter().map(|fault| format!("{}: {fault}", self.name)).collect()
    }

    fn refuses_unknown_keys(&self, schema: &Tree<'_>, faults: &mut Vec<String>) {
        let Err(error) = (self.read)(json!({ "no_such_key": 1 })) else {
            return faults.push("takes a key that it does not know".into());
        };
        for key in schema.properties(schema.0).keys().filter(|key| !error.contains(&format!("`{key}`"))) {
            faults.push(format!("an unknown key is not answered with the known `{key}`: {error}"));
        }
    }

    fn hides_secrets(&self, schema: &Tree<'_>, faults: &mut Vec<String>) {
        let example = self.example.clone().unwrap_or_else(|| schema.example(schema.0, 0));
        match (self.read)(example) {
            Ok(debug) if debug.contains(SECRET) => {
                faults.push("shows a secret in the Debug of its configuration".into())
            }
            Ok(_) => {}
            Err(error) => {
                faults.push(format!("the example made from its schema is no configuration ({error}): give one"))
            }
        }
    }
}

/// A schema, with its definitions at hand.
struct Tree<'a>(&'a Value);

impl<'a> Tree<'a> {
    /// `node`, or what it refers to.
    fn resolve(&self, node: &'a Value) -> &'a Value {
        let pointer = node["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(node)
    }

    fn properties(&self, node: &'a Value) -> &'a Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        node["properties"].as_object().unwrap_or(&NONE)
    }

    fn alternatives(&self, node: &'a Value) -> impl Iterator<Item = &'a Value> {
        ["anyOf", "oneOf"].into_iter().filter_map(|key| node[key].as_array()).flatten()
    }

    fn undocumented(&self, path: &str, node: &'a Value, depth: usize, faults: &mut Vec<String>) {
        if depth > 8 {
            return;
        }
        let node = self.resolve(node);
        let properties = self.properties(node);
        if !properties.is_empty() && node["additionalProperties"] != false {
            faults.push(format!("{path}: takes unknown keys (deny_unknown_fields is missing)"));
        }
        for (key, value) in properties {
            let path = format!("{path}.{key}");
            if value["description"].as_str().is_none_or(str::is_empty) {
                faults.push(format!("{path}: has no doc comment"));
            }
            self.undocumented(&path, value, depth + 1, faults);
        }
        for inner in self.alternatives(node).chain(node.get("items")) {
            self.undocumented(path, inner, depth + 1, faults);
        }
    }

    /// A configuration with every key given and [`SECRET`] wherever a secret goes.
    fn example(&self, node: &'a Value, depth: usize) -> Value {
        if node["$ref"].as_str().is_some_and(|reference| reference.ends_with("/SecretRef")) {
            return json!(SECRET);
        }
        let node = self.resolve(node);
        let first = node["enum"].as_array().and_then(|values| values.first());
        if let Some(fixed) = node.get("const").or(first).or(node.get("default")) {
            // A default that is a whole object hides no secret of ours: make the object instead.
            if !fixed.is_object() && !fixed.is_array() && !fixed.is_null() {
                return fixed.clone();
            }
        }
        if let Some(example) = node["examples"].get(0).filter(|example| !example.is_object() && !example.is_array()) {
            return example.clone();
        }
        if let Some(inner) = self.alternatives(node).find(|inner| inner["type"] != "null").filter(|_| depth < 8) {
            return self.example(inner, depth + 1);
        }
        let is = |kind: &str| {
            node["type"] == kind || node["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
        };
        if is("object") {
            let properties = self.properties(node).iter();
            return properties.map(|(key, value)| (key.clone(), self.example(value, depth + 1))).collect();
        }
        match () {
            () if is("array") => json!([self.example(&node["items"], depth + 1)]),
            () if is("boolean") => json!(true),
            () if is("integer") || is("number") => json!(1),
            () => json!("x"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{ScriptedListen, ScriptedPull, ScriptedPush};
    use jiesu_connector::{BuildError, Parts, SecretRef, Setup};
    use schemars::JsonSchema;
    use serde::Deserialize;

    const README: &str = "| `scripted-push` |\n| `scripted-pull` |\n| `scripted-listen` |";

    #[test]
    fn the_scripted_channels_keep_to_the_contract() {
        for specimen in
            [Specimen::of::<ScriptedPush>(), Specimen::of::<ScriptedPull>(), Specimen::of::<ScriptedListen>()]
        {
            assert_eq!(specimen.faults(README), [""; 0]);
        }
    }

    #[derive(Deserialize, JsonSchema)]
    struct Sloppy {
        /// Documented.
        nested: Option<Inner>,
        bare: Option<u8>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Inner {
        /// Documented.
        token: SecretRef,
    }

    impl std::fmt::Debug for Sloppy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?} {:?}", self.nested.as_ref().map(|inner| inner.token.text()), self.bare)
        }
    }

    impl Connector for Sloppy {
        const NAME: &'static str = "Sloppy";
        type Config = Self;

        fn build(_: Self, _: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
            Err(Vec::new())
        }
    }

    #[test]
    fn each_broken_promise_is_found() {
        let faults = Specimen::of::<Sloppy>().faults(README).join("\n");
        for fault in [
            "the name is not",
            "no row in",
            ": : takes unknown keys",
            ".nested: takes unknown keys",
            ".bare: has no doc comment",
            "takes a key that it does not know",
            "shows a secret",
        ] {
            assert!(faults.contains(fault), "{fault} is missing in\n{faults}");
        }
    }
}
