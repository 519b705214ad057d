//! Who may post.

use jiesu_connector::{BuildError, Secret, SecretRef, Secrets};
use schemars::JsonSchema;
use serde::Deserialize;

/// Characters in a token, at least. 32 random ones are better.
const MIN_TOKEN: usize = 8;
const MAX_NAME: usize = 64;

/// The keys of a channel of type `api`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// One key for each partner, so that each can be limited, told apart and shut out alone. At least one.
    pub keys: Vec<Key>,
}

/// A partner's key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The partner's name: unique here, and stable, because the names of its deliveries are kept under it.
    pub name: String,
    /// The bearer token that the partner shows (`env:NAME` or `file:PATH`): at least 8 characters.
    pub token: SecretRef,
}

/// A key with its secret.
pub(crate) struct NamedKey {
    pub name: String,
    pub token: Secret,
}

/// Resolves the keys.
pub(crate) fn named_keys(config: Config, secrets: &dyn Secrets) -> Result<Vec<NamedKey>, Vec<BuildError>> {
    let mut faults = Vec::new();
    let mut named: Vec<NamedKey> = Vec::with_capacity(config.keys.len());
    if config.keys.is_empty() {
        faults.push(BuildError::new("keys", "is empty: give at least one { name, token }"));
    }
    for (index, Key { name, token }) in config.keys.into_iter().enumerate() {
        let mut fault = |key: &str, what: &str| faults.push(BuildError::new(format!("keys[{index}].{key}"), what));
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            fault("name", "must be 1 to 64 characters that can be printed");
        }
        if named.iter().any(|known| known.name == name) {
            fault("name", &format!("{name:?} is taken by another key: give each partner a name of its own"));
        }
        let token = match secrets.resolve(&token) {
            Ok(token) => token,
            Err(error) => {
                fault("token", &error.to_string());
                continue;
            }
        };
        if token.expose().len() < MIN_TOKEN {
            fault("token", "is too short: at least 8 characters, better 32 random ones");
        }
        if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            fault("token", "cannot stand in a header: visible ASCII characters only, without spaces");
        }
        if named.iter().any(|known| known.token.matches(token.expose().as_bytes())) {
            fault("token", "is also another key's: give each partner a token of its own");
        }
        named.push(NamedKey { name, token });
    }
    if faults.is_empty() { Ok(named) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector_testkit::FakeSecrets;

    fn faults(config: serde_json::Value) -> Vec<String> {
        let config = serde_json::from_value(config).expect("the shape is right");
        let secrets = FakeSecrets::new([("env:BROKEN", "tok en\n tok en")]);
        named_keys(config, &secrets).err().unwrap_or_default().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn each_bad_key_is_named_and_all_at_once() {
        let key = |name: &str, token: &str| serde_json::json!({ "name": name, "token": token });
        assert_eq!(faults(serde_json::json!({ "keys": [key("app", "12345678"), key("网格", "abcdefgh")] })), [""; 0]);
        assert_eq!(faults(serde_json::json!({ "keys": [] })), ["keys"]);
        assert_eq!(
            faults(serde_json::json!({ "keys": [
                key("", "12345678"), key("app", "short"), key("app", "env:NONE"),
                key("b", "env:BROKEN"), key("c", "12345678"),
            ] })),
            ["keys[0].name", "keys[1].token", "keys[2].name", "keys[2].token", "keys[3].token", "keys[4].token"]
        );
    }
}
