//! Secrets, by reference.

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret in the configuration: `env:NAME`, `file:PATH`, or a literal (accepted and warned about).
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretRef(String);

impl SecretRef {
    /// From the text in the configuration.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in the configuration. A literal's text is the secret itself: never print it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// It stands in the file itself.
    pub fn is_literal(&self) -> bool {
        !self.0.starts_with("env:") && !self.0.starts_with("file:")
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_literal() { f.write_str("[literal]") } else { f.write_str(&self.0) }
    }
}

/// A secret's value: wiped on drop, never in `Debug`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value, for the one place that signs or logs in with it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Compares in constant time (but for the length).
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.expose().as_bytes().ct_eq(candidate).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Resolves references to secrets.
pub trait Secrets {
    /// The value behind `reference`.
    ///
    /// # Errors
    /// The variable or file is missing, unreadable or empty.
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

/// A secret could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(
    /// What is wrong and what would be right; never the value.
    pub String,
);
