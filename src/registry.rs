//! Every connector of this build. An explicit list: what is linked is what is written here.

use crate::config::typed::typed;
use jiesu_connector::{BuildError, Connector, Parts, Setup};
use schemars::{Schema, schema_for};
use serde_json::Value;
use std::fmt;

/// The connectors that a configuration may name.
#[derive(Debug, Clone)]
pub struct Registry(
    /// One each; their names differ.
    pub Vec<Registration>,
);

impl Registry {
    /// Every connector of this build, one line each.
    pub fn standard() -> Self {
        Self(vec![
            Registration::of::<jiesu_email::Email>(),
            Registration::of::<jiesu_files::Files>(),
            Registration::of::<jiesu_ivr::Ivr>(),
            Registration::of::<jiesu_partner::Partner>(),
            Registration::of::<jiesu_sms::Sms>(),
            Registration::of::<jiesu_web::Web>(),
            Registration::of::<jiesu_webhook::Webhook>(),
            Registration::of::<jiesu_wechat::Wechat>(),
        ])
    }

    /// The connector of this name.
    pub fn get(&self, name: &str) -> Option<&Registration> {
        self.0.iter().find(|registration| registration.name == name)
    }

    /// The names, as listed.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|registration| registration.name).collect()
    }
}

/// One connector, its type forgotten.
#[derive(Clone, Copy)]
pub struct Registration {
    /// The `type` in the configuration.
    pub name: &'static str,
    /// The schema of the channel's own keys.
    pub schema: fn() -> Schema,
    /// Builds a channel from its own keys.
    ///
    /// # Errors
    /// Every fault found, each naming its key below the channel's table.
    pub build: fn(Value, &Setup<'_>) -> Result<Parts, Vec<BuildError>>,
}

impl Registration {
    /// The registration of a connector.
    pub const fn of<C: Connector>() -> Self {
        Self { name: C::NAME, schema: || schema_for!(C::Config), build: build::<C> }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(&self.name).finish()
    }
}

/// Reads the keys, then lets the connector build; its own faults join those found in reading.
fn build<C: Connector>(settings: Value, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
    let (config, faults) = typed::<C::Config>(settings, &crate::config::COMMON_KEYS);
    let mut errors: Vec<BuildError> = faults.into_iter().map(|(key, what)| BuildError { key, what }).collect();
    match config.map(|config| C::build(config, setup)) {
        Some(Ok(parts)) if errors.is_empty() => return Ok(parts),
        Some(Err(more)) => {
            let follows = |error: &BuildError| errors.iter().any(|first| first.key == error.key);
            let more: Vec<BuildError> = more.into_iter().filter(|error| !follows(error)).collect();
            errors.extend(more);
        }
        _ => {}
    }
    if errors.is_empty() {
        errors
            .push(BuildError::new("", "the connector refused without saying why; this is a mistake in the connector"));
    }
    Err(errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector_testkit::Specimen;

    #[test]
    fn every_connector_of_the_registry_keeps_to_the_contract() {
        let web = Specimen { example: Some(serde_json::json!({})), ..Specimen::of::<jiesu_web::Web>() };
        let wechat = Specimen::of::<jiesu_wechat::Wechat>();
        let secret = jiesu_connector_testkit::SECRET;
        let smtp = serde_json::json!({ "host": "h", "username": "u", "password": secret, "from": "a@b.cn" });
        let email =
            serde_json::json!({ "transport": "imap", "host": "h", "username": "u", "password": secret, "smtp": smtp });
        let email = Specimen { example: Some(email), ..Specimen::of::<jiesu_email::Email>() };
        let sms = Specimen::of::<jiesu_sms::Sms>();
        let ivr = serde_json::json!({ "dialect": "json", "secret": secret, "auth_token": secret, "signing_secret": secret,
            "basic": secret, "query_secret": secret, "recording_login": secret });
        let ivr = Specimen { example: Some(ivr), ..Specimen::of::<jiesu_ivr::Ivr>() };
        let webhook = serde_json::json!({ "auth": { "bearer": secret }, "map": "{content: .text}" });
        let webhook = Specimen { example: Some(webhook), ..Specimen::of::<jiesu_webhook::Webhook>() };
        let specimens = [
            email,
            Specimen::of::<jiesu_files::Files>(),
            ivr,
            Specimen::of::<jiesu_partner::Partner>(),
            sms,
            web,
            webhook,
            wechat,
        ];
        let names = specimens.each_ref().map(|specimen| specimen.name);
        assert_eq!(Registry::standard().names(), names, "list the new connector here, too");
        let readme = include_str!("../connectors/README.md");
        let faults: Vec<String> = specimens.iter().flat_map(|specimen| specimen.faults(readme)).collect();
        assert_eq!(faults, [""; 0]);
    }
}
