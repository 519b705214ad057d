//! Stored requests as events, and the events of a call as its appeal.

use crate::{event::Event, facts::Waiting, gather::Rules, push::Push, twilio};
use jiesu_connector::{Appeal, Contact, Intent, ParseError, Parser, Raw};
use std::sync::Arc;

/// How a stored request is read.
pub(crate) enum Format {
    /// Twilio's forms.
    Twilio {
        /// Callers can leave a message.
        voicemail: bool,
    },
    /// Events in JSON, or pushes that are mapped onto them.
    Json(Arc<Push>),
}

/// The calls of a channel.
pub(crate) struct Calls {
    pub format: Format,
    pub rules: Rules,
    pub waiting: Waiting,
}

impl Calls {
    fn events(&self, raw: &Raw) -> Result<Vec<Event>, ParseError> {
        let events = match &self.format {
            Format::Twilio { voicemail } => twilio::events(raw, *voicemail),
            Format::Json(push) => push.events(raw),
        };
        let events = events.map_err(ParseError)?;
        if events.is_empty() { Err(ParseError("it tells of no call".into())) } else { Ok(events) }
    }
}

impl Parser for Calls {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        Ok(self.rules.told(&self.rules.ordered(self.events(raw)?)))
    }

    fn contact(&self, raw: &Raw) -> Option<Contact> {
        let events = self.events(raw).ok()?;
        let call = events.first()?.call.clone();
        Some(self.waiting.contact(&call, &events))
    }

    fn gather(&self, messages: &[&Raw]) -> Result<Appeal, ParseError> {
        let mut all = Vec::new();
        for raw in messages {
            // What only rates the call comes after its ticket; one that nobody can read spoils none of the others.
            let Ok(events) = self.events(raw) else { continue };
            if self.rules.told(&events).intent != Intent::Rate {
                all.extend(events);
            }
        }
        if all.is_empty() { Err(ParseError("it tells of no call".into())) } else { Ok(self.rules.whole(all)) }
    }
}
