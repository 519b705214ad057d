//! The channel of type `api`: apps, partner platforms and other gateways post appeals (诉求) as JSON, each with a key
//! of its own.
//!
//! `POST /channels/{id}` with `Authorization: Bearer …`; the body is a [`jiesu_connector::Submission`]. The answer is
//! the receipt. Redeliveries are known by the `Idempotency-Key` header and by the body's `id`, per key.
#![warn(missing_docs)]

mod config;
mod webhook;

pub use config::{Config, Key};

use config::named_keys;
use jiesu_connector::{
    Appeal, BuildError, Connector, FieldFault, Inbound, ParseError, Parser, Parts, Raw, Setup, Submission,
};
use webhook::Partners;

/// The connector `api`.
pub struct Partner;

impl Connector for Partner {
    const NAME: &'static str = "api";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let keys = named_keys(config, setup.secrets)?;
        let partners = Partners { keys, public_url: setup.public_url.into() };
        Ok(Parts {
            inbound: Inbound::Push(Box::new(partners)),
            parser: Box::new(Json),
            replier: None,
            media: None,
            probe: None,
            converses: false,
        })
    }
}

/// Reads the stored body again.
struct Json;

impl Parser for Json {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let submission = Submission::from_json(&raw.body).map_err(|fault| unreadable(&[fault]))?;
        let mut appeal = submission.into_appeal().map_err(|faults| unreadable(&faults))?;
        // The partner has shown its key, and knows whom it speaks for.
        appeal.proven = appeal.appellant.first_name();
        Ok(appeal)
    }
}

/// Names the fields only: the details may quote the citizen.
fn unreadable(faults: &[FieldFault]) -> ParseError {
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
}
