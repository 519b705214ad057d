//! The command line of `jiesu stand-in`.

use super::{Callback, Options};
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
    /// The gateway's `core.token`, as env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", requires = "callback", value_parser = reference)]
    pub token: Option<SecretRef>,
}

fn reference(text: &str) -> Result<SecretRef, std::convert::Infallible> {
    Ok(SecretRef::new(text))
}

impl Arguments {
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
