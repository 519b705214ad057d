//! Secrets without an environment.

use jiesu_connector::{Secret, SecretError, SecretRef, Secrets, Setup};
use std::collections::HashMap;

/// Known references and their values; literals stand for themselves.
#[derive(Default)]
pub struct FakeSecrets(HashMap<String, String>);

impl FakeSecrets {
    /// Knows `references`: `("env:TOKEN", "value")`.
    pub fn new<const N: usize>(references: [(&str, &str); N]) -> Self {
        Self(references.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// A set-up for a channel called `channel` at `https://12345.example.org`.
    pub fn setup<'a>(&'a self, channel: &'a str) -> Setup<'a> {
        Setup::new(channel, "https://12345.example.org", self)
    }
}

impl Secrets for FakeSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        if reference.is_literal() {
            return Ok(Secret::new(reference.text()));
        }
        let value = self.0.get(reference.text());
        value.map(Secret::new).ok_or_else(|| SecretError(format!("{} is not set", reference.text())))
    }
}
