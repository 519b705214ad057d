//! The channel of type `api`: apps, partner platforms and other gateways post appeals (诉求) as JSON, each with a key
//! of its own.
//!
//! `POST /channels/{id}` with `Authorization: Bearer …`; the body is a [`jiesu_connector::Submission`]. The answer is
//! the receipt. Redeliveries are known by the `Idempotency-Key` header and by the body's `id`, per key. Another gateway
//! posts its events there as it does to any subscriber: CloudEvents, signed as Standard Webhooks; see [`event`].
#![warn(missing_docs)]

mod config;
pub mod event;
mod media;
mod webhook;

pub use config::{Config, Gateway, Key};

use config::{named_gateways, named_keys};
use jiesu_connector::{
    Appeal, BuildError, Connector, FieldFault, Inbound, Media, ParseError, Parser, Parts, Raw, Setup, Submission,
};
use webhook::Partners;

/// The connector `api`.
pub struct Partner;

impl Connector for Partner {
    const NAME: &'static str = "api";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut faults = Vec::new();
        if config.keys.is_empty() && config.gateways.is_empty() {
            faults.push(BuildError::new("keys", "is empty: give at least one { name, token }, or [[gateways]]"));
        }
        let mut told = |wrong: Vec<BuildError>| faults.extend(wrong);
        let keys = named_keys(config.keys, setup.secrets).map_err(&mut told).unwrap_or_default();
        let gateways = named_gateways(config.gateways, &setup.source, setup.secrets).map_err(told).unwrap_or_default();
        if !faults.is_empty() {
            return Err(faults);
        }
        let media: Option<Box<dyn Media>> = match gateways.is_empty() {
            true => None,
            false => Some(Box::new(media::Links(setup.http.clone()))),
        };
        let partners = Partners { keys, gateways, source: setup.source.clone(), public_url: setup.public_url.into() };
        Ok(Parts {
            inbound: Inbound::Push(Box::new(partners)),
            parser: Box::new(Json),
            replier: None,
            media,
            probe: None,
            converses: false,
        })
    }
}

/// Reads the stored body again.
struct Json;

impl Parser for Json {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        if raw.media_type == event::MEDIA_TYPE {
            let gateway = raw.meta.get("gateway").map(String::as_str).unwrap_or_default();
            let event = event::Event::read(&raw.body).map_err(|fault| unreadable(&[fault]))?;
            return Ok(event.appeal(gateway));
        }
        let submission = Submission::from_json(&raw.body).map_err(|fault| unreadable(&[fault]))?;
        let mut appeal = submission.into_appeal().map_err(|faults| unreadable(&faults))?;
        if let Some(origin) = &mut appeal.origin {
            origin.system = raw.meta.get("key").cloned();
        }
        Ok(appeal)
    }
}

/// Names the fields only: the details may quote the citizen.
fn unreadable(faults: &[FieldFault]) -> ParseError {
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
}
