//! The channel of type `web`: a form page (诉求登记) that works without scripts, and JSON for other front ends.
//!
//! `GET /channels/{id}` is the page. Its submit is answered with the receipt as a page: not with a redirect, because
//! the status code must never stand in an address. A token in the page makes a second click and a reload the same
//! delivery. JSON takes the same body as channels of type `api` and answers like them, without a key.
//!
//! Not built yet: uploads by the form, and proof of work.
#![warn(missing_docs)]

#[cfg(test)]
mod accessible;
mod config;
mod fields;
mod form;
mod origin;
mod page;
mod receipt;
mod webhook;

pub use config::{Challenge, Config};

use config::Limits;
use jiesu_connector::{
    Appeal, BuildError, Connector, FieldFault, Inbound, ParseError, Parser, Parts, Raw, Setup, Submission,
};
use page::Pages;
use webhook::Web as Webhook;

/// Media type of what browsers send from a form without files.
const FORM: &str = "application/x-www-form-urlencoded";

/// The connector `web`.
pub struct Web;

impl Connector for Web {
    const NAME: &'static str = "web";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let limits = Limits::of(&config)?;
        let pages = Pages::new(config.title, limits.kinds.clone(), setup.public_url);
        Ok(Parts {
            inbound: Inbound::Push(Box::new(Webhook { pages: pages.into(), limits })),
            parser: Box::new(FormOrJson),
            replier: None,
            media: None,
            probe: None,
            converses: false,
        })
    }
}

/// Reads the stored body again.
struct FormOrJson;

impl Parser for FormOrJson {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let submission = if raw.media_type == FORM {
            let (typed, faults) = fields::decode(&raw.body);
            form::read(&typed, faults).map_err(|faults| unreadable(&faults))?
        } else {
            Submission::from_json(&raw.body).map_err(|fault| unreadable(&[fault]))?
        };
        submission.into_appeal().map_err(|faults| unreadable(&faults))
    }
}

/// Names the fields only: the details may quote the citizen.
fn unreadable(faults: &[FieldFault]) -> ParseError {
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
}
