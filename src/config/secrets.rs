//! Secrets from the environment, from files, and from the configuration itself.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiesu_connector::{Secret, SecretError, SecretRef, Secrets};
use std::{cell::RefCell, fs::File, io::Read};

/// The largest secret, in bytes.
const MAX: u64 = 64 * 1024;

/// Resolves references, and notes the literals among them.
#[derive(Default)]
pub struct SystemSecrets {
    literals: RefCell<Vec<SecretRef>>,
}

impl SystemSecrets {
    /// The literals that were resolved since the last call.
    pub(super) fn take_literals(&self) -> Vec<SecretRef> {
        self.literals.take()
    }
}

impl Secrets for SystemSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let text = reference.text();
        let value = if let Some(name) = text.strip_prefix("env:") {
            if name.is_empty() {
                return Err(SecretError("no name after `env:`; write env:NAME".into()));
            }
            #[expect(clippy::disallowed_methods, reason = "this is `Secrets`, the one way in")]
            let value = std::env::var(name);
            value.map_err(|error| match error {
                std::env::VarError::NotPresent => {
                    SecretError(format!("the environment variable {name} is not set; set it, or use file:PATH"))
                }
                std::env::VarError::NotUnicode(_) => {
                    SecretError(format!("the environment variable {name} is no UTF-8; set it to text"))
                }
            })?
        } else if let Some(path) = text.strip_prefix("file:") {
            read(path).map_err(SecretError)?
        } else {
            self.literals.borrow_mut().push(reference.clone());
            text.to_string()
        };
        if value.is_empty() {
            let whose = if reference.is_literal() { "the secret" } else { text };
            return Err(SecretError(format!("{whose} is empty; it must hold the secret")));
        }
        Ok(Secret::new(value))
    }
}

/// A file's text without one trailing newline.
fn read(path: &str) -> Result<String, String> {
    if path.is_empty() {
        return Err("no path after `file:`; write file:PATH".into());
    }
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX + 1).read_to_string(&mut text))
        .map_err(|error| format!("the file {path} cannot be read ({error}); it must hold the secret"))?;
    if text.len() as u64 > MAX {
        return Err(format!("the file {path} is longer than {MAX} bytes; it must hold the secret alone"));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The key behind a Standard Webhooks secret: `whsec_` and 24 to 64 bytes in base64
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
///
/// # Errors
/// What is wrong and what would be right; never the value.
pub fn webhook_key(secret: &Secret) -> Result<Vec<u8>, String> {
    let wrong = |what: &str| format!("{what}; it must be `whsec_` and 24 to 64 random bytes in base64");
    let encoded = secret.expose().strip_prefix("whsec_").ok_or_else(|| wrong("does not begin with `whsec_`"))?;
    let key = BASE64_STANDARD.decode(encoded).map_err(|_| wrong("no base64 after `whsec_`"))?;
    match key.len() {
        24..=64 => Ok(key),
        bytes => Err(wrong(&format!("holds {bytes} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_loses_one_trailing_newline_and_no_more() {
        for (content, expected) in [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), (" s ", " s ")] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            let reference = SecretRef::new(format!("file:{}", file.path().display()));
            assert_eq!(SystemSecrets::default().resolve(&reference).unwrap().expose(), expected);
        }
    }

    #[test]
    fn what_cannot_be_had_is_said_without_the_value() {
        for (reference, expected) in [
            ("env:JIESU_TEST_NOT_SET", "the environment variable JIESU_TEST_NOT_SET is not set"),
            ("env:", "no name after `env:`"),
            ("file:/nonexistent/secret", "the file /nonexistent/secret cannot be read"),
            ("file:", "no path after `file:`"),
            ("", "the secret is empty"),
        ] {
            let error = SystemSecrets::default().resolve(&SecretRef::new(reference)).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_webhook_secret_is_base64_of_24_to_64_bytes() {
        let secret = |bytes: usize| Secret::new(format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes])));
        assert_eq!(webhook_key(&secret(24)).unwrap().len(), 24);
        assert_eq!(webhook_key(&secret(64)).unwrap().len(), 64);
        assert!(webhook_key(&secret(23)).is_err() && webhook_key(&secret(65)).is_err());
        for text in ["hunter2hunter2", "whsec_hunter2!"] {
            assert!(!webhook_key(&Secret::new(text)).unwrap_err().contains("hunter2"));
        }
    }
}
