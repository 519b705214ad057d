//! From stored bytes to an appeal. Pure.

use crate::{
    cloud::Cloud,
    session::Dialect,
    short::{ABOUT, INTENT, Rules, Short},
    text::join,
};
use bytes::Bytes;
use jiesu_connector::{Appeal, Intent, Note, ParseError, Parser, Piece, Raw};
use std::sync::Arc;

/// How a channel's stored messages are read.
pub(crate) enum Format {
    /// PDUs of a session.
    Session(Arc<dyn Dialect>),
    /// A cloud's callbacks, one message each.
    Cloud(Cloud),
}

/// Reads stored messages.
pub(crate) struct Messages {
    /// How.
    pub format: Format,
    /// What the configuration says of them.
    pub rules: Rules,
}

impl Messages {
    fn read(&self, raw: &Raw) -> Result<Short, ParseError> {
        let read = match &self.format {
            Format::Session(dialect) => dialect.read(&raw.body),
            Format::Cloud(cloud) => cloud.read(&raw.body),
        };
        read.map_err(ParseError)
    }
}

impl Parser for Messages {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let mut appeal = self.read(raw)?.appeal();
        match raw.meta.get(INTENT).map(String::as_str) {
            Some("urge") => appeal.intent = Intent::Urge,
            Some("withdraw") => appeal.intent = Intent::Withdraw,
            Some("rate") => appeal.intent = Intent::Rate,
            Some("progress") => {
                let note = Some(Note::Event("progress".into()));
                return Ok(Appeal { intent: Intent::Note, note, ..Appeal::default() });
            }
            _ => {}
        }
        appeal.about = raw.meta.get(ABOUT).cloned();
        Ok(appeal)
    }

    fn piece(&self, raw: &Raw) -> Option<Piece> {
        self.read(raw).ok()?.piece(&self.rules)
    }

    fn join(&self, pieces: &[Option<&Raw>]) -> Result<Appeal, ParseError> {
        let read = |raw: &Option<&Raw>| raw.map(|raw| self.read(raw)).transpose();
        let parts = pieces.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = parts.iter().flatten().next() else { return Err(ParseError("no piece is there".into())) };
        let texts: Vec<Option<&[u8]>> = parts.iter().map(|part| part.as_ref().map(|part| &part.text[..])).collect();
        let bytes = || texts.iter().flatten().copied().collect::<Vec<_>>().concat();
        let text = join(first.coding, &texts);
        let bytes = if text.is_none() { Bytes::from(bytes()) } else { Bytes::new() };
        Ok(first.saying(text, bytes))
    }
}
