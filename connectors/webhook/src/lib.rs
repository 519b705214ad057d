//! The channel of type `webhook`: any foreign push becomes a connector by a jq filter.
//!
//! The vendor posts what it always posts, to `/channels/{id}`; the filter makes an appeal (诉求) of it, or several; the
//! answer is what the vendor expects. A push that the filter fails on is kept and acknowledged all the same, and waits in
//! quarantine until the filter is mended.
#![warn(missing_docs)]

mod auth;
mod config;
mod message;
mod reply;
mod webhook;

pub use config::{Auth, Config, HmacEncoding, HmacSha256, Reply};

use auth::Guard;
use jiesu_connector::{Appeal, BuildError, Connector, Inbound, Intent, Note, ParseError, Parser, Parts, Raw, Setup};
use jiesu_mapping::{Map, Mapped};
use reply::Template;
use std::sync::Arc;
use webhook::Declared;

/// The connector `webhook`.
pub struct Webhook;

impl Connector for Webhook {
    const NAME: &'static str = "webhook";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut faults = Vec::new();
        let map =
            Map::compile(&config.map).map_err(|error| faults.push(BuildError::new("map", error.to_string()))).ok();
        let guard = Guard::build(config.auth.as_ref(), setup).map_err(|more| faults.extend(more)).ok();
        let reply = Template::build(config.reply, setup.public_url).map_err(|fault| faults.push(fault)).ok();
        let (Some(map), Some(guard), Some(reply)) = (map, guard, reply) else { return Err(faults) };
        if config.auth.is_none() {
            let what = "missing: anybody who knows the address can post; set { hmac_sha256 = … }, { bearer = … }, \
                        { basic = … } or { query = … }";
            setup.warn(BuildError::new("auth", what));
        }
        let map = Arc::new(map);
        Ok(Parts {
            inbound: Inbound::Push(Box::new(Declared { map: map.clone(), guard, reply: Arc::new(reply) })),
            parser: Box::new(Mapping(map)),
            replier: None,
            media: None,
            probe: None,
            converses: false,
        })
    }
}

/// Runs the map on the stored push.
struct Mapping(Arc<Map>);

impl Parser for Mapping {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let appeals = message::map(&self.0, raw).map_err(|failed| ParseError(failed.to_string()))?;
        let index = message::index(raw);
        let count = appeals.len();
        let mapped = match index {
            Some(index) => appeals.into_iter().nth(index),
            None if count == 1 => appeals.into_iter().next(),
            None => {
                let what = format!("the map makes {count} appeals of this push: let the vendor send it again");
                return Err(ParseError(what));
            }
        };
        appeal(mapped.ok_or_else(|| ParseError("the map makes fewer appeals of this push than it did".into()))?)
    }

    fn explain(&self, raw: &Raw) -> Result<Vec<Appeal>, String> {
        let mapped = message::map(&self.0, raw).map_err(|failed| failed.detail())?;
        let chosen =
            mapped.into_iter().enumerate().filter(|(place, _)| message::index(raw).is_none_or(|index| index == *place));
        chosen.map(|(_, mapped)| appeal(mapped).map_err(|error| error.0)).collect()
    }
}

fn appeal(mapped: Mapped) -> Result<Appeal, ParseError> {
    match mapped {
        // Only a push that a mended map skips now.
        Mapped::Skip => {
            let note = Some(Note::Event("skipped".into()));
            Ok(Appeal { intent: Intent::Note, note, ..Appeal::default() })
        }
        Mapped::Appeal(submission) => submission.into_appeal().map_err(|faults| {
            let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
            ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
        }),
    }
}
