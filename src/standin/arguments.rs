//! The command line of `jiesu stand-in`.

use super::{Callback, Options, conform::Trial};
use jiesu_connector::{SecretError, SecretRef, Secrets};
use std::net::SocketAddr;

/// A stand-in core dispatch system for trials: receives events, checks signatures, prints each.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen: /events for the gateway, / for people.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// The gateway's `core.secret`, as env:NAME or file:PATH; without it no signature is checked.
    #[arg(long, value_name = "SECRET", value_parser = reference)]
    pub secret: Option<SecretRef>,
    /// The gateway's public base URL, to answer tickets from the page.
    #[arg(long, value_name = "URL", requires = "token")]
    pub callback: Option<String>,
    /// Tries a receiver of events at this address instead: repetition, order, signatures, unknown fields and types. Prints
    /// what to mend, and ends 0 if nothing is.
    #[arg(long, value_name = "URL", requires = "secret", conflicts_with = "callback")]
    pub conform: Option<String>,
    /// The secret before the present one, if the receiver takes both for a while.
    #[arg(long, value_name = "SECRET", requires = "conform", value_parser = reference)]
    pub old_secret: Option<SecretRef>,
    /// The gateway's `core.token`, as env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", requires = "callback", value_parser = reference)]
    pub token: Option<SecretRef>,
}

fn reference(text: &str) -> Result<SecretRef, std::convert::Infallible> {
    Ok(SecretRef::new(text))
}

impl Arguments {
    /// The receiver to try, if one is named.
    ///
    /// # Errors
    /// A secret that is not there.
    pub fn trial(&self, secrets: &dyn Secrets) -> Result<Option<Trial>, SecretError> {
        let (Some(url), Some(secret)) = (&self.conform, &self.secret) else { return Ok(None) };
        let old_secret = self.old_secret.as_ref().map(|secret| secrets.resolve(secret)).transpose()?;
        Ok(Some(Trial { url: url.clone(), secret: secrets.resolve(secret)?, old_secret }))
    }

    /// The options, with the secrets behind their references.
    ///
    /// # Errors
    /// A secret that is not there.
    pub fn resolve(self, secrets: &dyn Secrets) -> Result<Options, SecretError> {
        let secret = self.secret.map(|secret| secrets.resolve(&secret)).transpose()?;
        let callback = match (self.callback, self.token) {
            (Some(gateway), Some(token)) => Some(Callback { gateway, token: secrets.resolve(&token)? }),
            _ => None,
        };
        Ok(Options { listen: self.listen, secret, callback })
    }
}
