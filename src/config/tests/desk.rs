//! A connector to try configurations with.

use async_trait::async_trait;
use jiesu_connector::{
    Appeal, BuildError, Connector, Door, Inbound, Listener, ParseError, Parser, Parts, Raw, SecretRef, Setup, Stream,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::SocketAddr;

/// A connector with a secret, a list, and a choice, that listens.
pub struct Desk<const WEB: bool>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeskConfig {
    /// Keys of those who may come.
    #[serde(default)]
    keys: Vec<Key>,
    /// Where to listen.
    listen: Option<SocketAddr>,
    /// How hard it is.
    challenge: Option<Challenge>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Key {
    /// Whose it is.
    name: String,
    /// The token.
    token: SecretRef,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only read, to be looked at by nobody")]
enum Challenge {
    /// Nothing.
    None,
    /// Some work.
    ProofOfWork,
}

struct Nothing(SocketAddr);

impl Parser for Nothing {
    fn parse(&self, _: &Raw) -> Result<Appeal, ParseError> {
        Err(ParseError("nothing".into()))
    }
}

#[async_trait]
impl Listener for Nothing {
    fn address(&self) -> SocketAddr {
        self.0
    }
    async fn talk(&self, _: Box<dyn Stream>, _: SocketAddr, _: &dyn Door) -> std::io::Result<()> {
        Ok(())
    }
}

impl<const WEB: bool> Connector for Desk<WEB> {
    const NAME: &'static str = if WEB { "web" } else { "api" };
    type Config = DeskConfig;

    fn build(config: DeskConfig, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut errors = Vec::new();
        for (index, key) in config.keys.iter().enumerate() {
            if let Err(error) = setup.secrets.resolve(&key.token) {
                errors.push(BuildError::new(format!("keys[{index}].token"), error.to_string()));
            }
            if key.name.is_empty() {
                errors.push(BuildError::new(format!("keys[{index}].name"), "empty; it must be the partner's name"));
            }
        }
        let _ = config.challenge;
        let address = config.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let inbound = Inbound::Listen(Box::new(Nothing(address)));
        let parser = Box::new(Nothing(address));
        if errors.is_empty() {
            Ok(Parts { inbound, parser, replier: None, media: None, probe: None, converses: false })
        } else {
            Err(errors)
        }
    }
}
