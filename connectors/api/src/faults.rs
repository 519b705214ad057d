//! What is wrong with a channel's configuration.

use crate::{BuildError, Secret, SecretRef, Setup, Words};
use serde_json::{Map, Value};
use std::time::Duration;

/// Faults in a configuration, as they are found: `build` names all of them, not only the first.
#[derive(Debug, Default)]
pub struct Faults(
    /// All so far.
    pub Vec<BuildError>,
);

impl Faults {
    /// A fault at `key`: `what` says what is wrong and what would be right.
    pub fn add(&mut self, key: &str, what: impl Into<String>) {
        self.0.push(BuildError::new(key, what));
    }

    /// A text that a session needs.
    pub fn text(&mut self, key: &str, value: Option<&String>, most: usize, what: &str) -> String {
        match value {
            None => self.add(key, format!("is required: {what}")),
            Some(text) if text.is_empty() || text.len() > most || !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                self.add(key, format!("must be 1 to {most} visible ASCII characters: {what}"));
            }
            Some(text) => return text.clone(),
        }
        String::new()
    }

    /// A secret, if there is one.
    pub fn secret(&mut self, key: &str, value: Option<&SecretRef>, setup: &Setup<'_>) -> Option<Secret> {
        match setup.secrets.resolve(value?) {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.add(key, error.to_string());
                None
            }
        }
    }

    /// A secret that must be there.
    pub fn needed(&mut self, key: &str, value: Option<&SecretRef>, setup: &Setup<'_>, what: &str) -> Secret {
        if value.is_none() {
            self.add(key, format!("is required: {what}"));
        }
        self.secret(key, value, setup).unwrap_or_else(|| Secret::new(""))
    }

    /// `90s`, `10m`, `24h`.
    pub fn duration(&mut self, key: &str, text: &str) -> Duration {
        let unit =
            |unit: &str, seconds: u64| text.strip_suffix(unit)?.trim().parse().ok().map(|count: u64| count * seconds);
        let seconds = unit("s", 1).or_else(|| unit("m", 60)).or_else(|| unit("h", 3_600));
        match seconds.filter(|seconds| (1..=86_400).contains(seconds)) {
            Some(seconds) => Duration::from_secs(seconds),
            None => {
                self.add(key, "must be from \"1s\" to \"24h\"");
                Duration::from_secs(600)
            }
        }
    }

    /// The standard words, with those of the channel's own `words` table.
    pub fn words(&mut self, setup: &Setup<'_>, table: &Map<String, Value>) -> Words {
        setup.words.with(table).unwrap_or_else(|wrong| {
            wrong.into_iter().for_each(|fault| self.add(&format!("words.{}", fault.field), fault.detail));
            Words::default()
        })
    }
}
