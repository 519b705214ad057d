//! The channel of type `web`: a form page (诉求登记) that works without scripts and better with them, and JSON for other
//! front ends.
//!
//! `GET /channels/{id}` is the page. Its submit is answered with the receipt as a page: not with a redirect, because
//! the status code must never stand in an address. A token in the page makes a second click and a reload the same
//! delivery. Files go to the gateway before the form is looked at, and the page holds marked references to them, so that
//! nothing is sent twice because a field was wrong. JSON takes the same body as channels of type `api` and answers like
//! them, without a key.
#![warn(missing_docs)]

#[cfg(test)]
mod accessible;
mod challenge;
mod colour;
mod config;
mod desk;
mod fields;
mod form;
mod guard;
mod kept;
mod origin;
mod page;
mod qr;
mod submit;
mod token;
mod webhook;

pub use config::{Challenge, Config, Line};
pub use page::{Look, Page};

use desk::Desk;
use jiesu_connector::{
    Appeal, BuildError, Connector, FieldFault, HARMFUL, Inbound, ParseError, Parser, PartType, Parts, Payload, Raw,
    Setup, Submission, media_type_of,
};
use kept::Kept;
use webhook::Web as Webhook;

/// Media type of what browsers send from a form without files, and of what is kept of one with files.
const FORM: &str = "application/x-www-form-urlencoded";
/// Why a stored message may be no citizen's, in its `meta`.
const SUSPECT: &str = "suspect";

/// The connector `web`.
pub struct Web;

impl Connector for Web {
    const NAME: &'static str = "web";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let desk = Desk::of(&config, setup)?;
        Ok(Parts {
            inbound: Inbound::Push(Box::new(Webhook(desk.into()))),
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
            let decoded = fields::decode(&raw.body);
            form::read(&decoded.typed, decoded.faults).map_err(|faults| unreadable(&faults))?
        } else {
            Submission::from_json(&raw.body).map_err(|fault| unreadable(&[fault]))?
        };
        let mut appeal = submission.into_appeal().map_err(|faults| unreadable(&faults))?;
        for attachment in &mut appeal.attachments {
            // What it is, not what it is called.
            if let Payload::Inline(bytes) = &attachment.payload {
                attachment.media_type = media_type_of(bytes).unwrap_or("application/octet-stream").into();
            }
        }
        for part in &mut appeal.transcript {
            if let Some(attachment) = part.attachment.and_then(|index| appeal.attachments.get(index)) {
                part.kind = PartType::of_media(&attachment.media_type);
            }
        }
        let files: Vec<Kept> = match raw.meta.get(kept::META) {
            Some(files) => serde_json::from_str(files).map_err(|_| ParseError("its files cannot be read".into()))?,
            None => Vec::new(),
        };
        for file in files {
            let (part, attachment) = file.into_attachment(appeal.attachments.len());
            appeal.transcript.push(part);
            appeal.attachments.push(attachment);
        }
        if appeal.attachments.iter().any(|attachment| HARMFUL.contains(&attachment.media_type.as_str())) {
            appeal.flags.push("unsafe-file".into());
        }
        appeal.suspect = raw.meta.get(SUSPECT).cloned();
        Ok(appeal)
    }
}

/// Names the fields only: the details may quote the citizen.
fn unreadable(faults: &[FieldFault]) -> ParseError {
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
}
