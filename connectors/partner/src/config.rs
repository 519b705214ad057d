//! Who may post.

use jiesu_connector::{BuildError, Secret, SecretRef, Secrets};
use jiesu_signing::SigningKey;
use schemars::JsonSchema;
use serde::Deserialize;

/// Characters in a token, at least. 32 random ones are better.
const MIN_TOKEN: usize = 8;
const MAX_NAME: usize = 64;

/// The keys of a channel of type `api`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// One key for each partner, so that each can be limited, told apart and shut out alone.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Other gateways of this kind that post their events here, as to a subscriber: their tickets become ours.
    #[serde(default)]
    pub gateways: Vec<Gateway>,
}

/// Another gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its name: unique here, and stable, because the names of its deliveries are kept under it.
    pub name: String,
    /// The secret that it signs with (`secret` of the subscriber there; `env:NAME` or `file:PATH`).
    pub secret: SecretRef,
    /// The secret before, while it is being changed.
    pub old_secret: Option<SecretRef>,
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

/// A gateway with its keys.
pub(crate) struct NamedGateway {
    pub name: String,
    pub keys: Vec<SigningKey>,
}

/// Resolves the gateways; `source` is our own.
pub(crate) fn named_gateways(
    gateways: Vec<Gateway>,
    source: &str,
    secrets: &dyn Secrets,
) -> Result<Vec<NamedGateway>, Vec<BuildError>> {
    let mut faults = Vec::new();
    let mut named: Vec<NamedGateway> = Vec::with_capacity(gateways.len());
    if !gateways.is_empty() && source == "jiesu" {
        let what = "needs [server] name: two gateways without a name cannot tell their own events from the other's";
        faults.push(BuildError::new("gateways", what));
    }
    for (index, Gateway { name, secret, old_secret }) in gateways.into_iter().enumerate() {
        let mut fault =
            |key: &str, what: String| faults.push(BuildError::new(format!("gateways[{index}].{key}"), what));
        if let Some(what) = unfit(&name) {
            fault("name", what.into());
        }
        if named.iter().any(|known| known.name == name) {
            fault("name", format!("{name:?} is taken by another gateway: give each a name of its own"));
        }
        let mut keys = Vec::with_capacity(2);
        for (key, reference) in [("secret", Some(&secret)), ("old_secret", old_secret.as_ref())] {
            let Some(reference) = reference else { continue };
            match secrets.resolve(reference) {
                Ok(secret) => match SigningKey::new(&secret) {
                    Ok(signing) => keys.push(signing),
                    Err(error) => fault(key, error.to_string()),
                },
                Err(error) => fault(key, error.to_string()),
            }
        }
        named.push(NamedGateway { name, keys });
    }
    if faults.is_empty() { Ok(named) } else { Err(faults) }
}

fn unfit(name: &str) -> Option<&'static str> {
    let unfit = name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control);
    unfit.then_some("must be 1 to 64 characters that can be printed")
}

/// A key with its secret.
pub(crate) struct NamedKey {
    pub name: String,
    pub token: Secret,
}

/// Resolves the keys.
pub(crate) fn named_keys(keys: Vec<Key>, secrets: &dyn Secrets) -> Result<Vec<NamedKey>, Vec<BuildError>> {
    let mut faults = Vec::new();
    let mut named: Vec<NamedKey> = Vec::with_capacity(keys.len());
    for (index, Key { name, token }) in keys.into_iter().enumerate() {
        let mut fault = |key: &str, what: &str| faults.push(BuildError::new(format!("keys[{index}].{key}"), what));
        if let Some(what) = unfit(&name) {
            fault("name", what);
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
        let config: Config = serde_json::from_value(config).expect("the shape is right");
        let secrets = FakeSecrets::new([("env:BROKEN", "tok en\n tok en")]);
        named_keys(config.keys, &secrets).err().unwrap_or_default().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn each_bad_key_is_named_and_all_at_once() {
        let key = |name: &str, token: &str| serde_json::json!({ "name": name, "token": token });
        assert_eq!(faults(serde_json::json!({ "keys": [key("app", "12345678"), key("网格", "abcdefgh")] })), [""; 0]);
        assert_eq!(
            faults(serde_json::json!({ "keys": [
                key("", "12345678"), key("app", "short"), key("app", "env:NONE"),
                key("b", "env:BROKEN"), key("c", "12345678"),
            ] })),
            ["keys[0].name", "keys[1].token", "keys[2].name", "keys[2].token", "keys[3].token", "keys[4].token"]
        );
    }
}
