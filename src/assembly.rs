//! Step 4, assemble: parse the stored bytes; several messages of one citizen become one matter.

use crate::{
    channels::Channel,
    store::{Message, MessageId},
};
use jiesu_connector::{Appeal, Contact, ParseError, Piece, Raw};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One matter: what one ticket is made of.
#[derive(Debug)]
pub struct Matter {
    /// The messages, in order, each with what it says; never empty.
    pub said: Vec<(Message, Appeal)>,
    /// Messages that are in `said` already, as further pieces of one that is.
    pub also: Vec<MessageId>,
}

impl Matter {
    /// The first message that has a value, says it.
    pub fn first<T>(&self, get: impl Fn(&Appeal) -> Option<T>) -> Option<T> {
        self.said.iter().find_map(|(_, appeal)| get(appeal))
    }

    /// What the channel found out, each finding once.
    pub fn flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for flag in self.said.iter().flat_map(|(_, appeal)| &appeal.flags) {
            if !flags.contains(flag) {
                flags.push(flag.clone());
            }
        }
        flags
    }

    /// All its messages, in order.
    pub fn messages(&self) -> Vec<MessageId> {
        let mut messages: Vec<MessageId> = self.said.iter().map(|(message, _)| message.id).collect();
        messages.extend(&self.also);
        messages.sort_unstable();
        messages
    }

    /// All words of the citizen, in order.
    pub fn content(&self) -> String {
        let words = self.said.iter().map(|(_, appeal)| appeal.content.as_str()).filter(|words| !words.is_empty());
        words.collect::<Vec<_>>().join("\n")
    }
}

/// What a stored message says.
///
/// # Errors
/// No parser understands it, or the parser panicked: quarantine. A parser's panic stops neither the process nor the
/// line.
pub fn parse(channel: &Channel, message: &Message) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.parse(&message.raw))
}

/// What the pieces of one message say together; `None` for one that has not come.
///
/// # Errors
/// As [`parse`].
pub fn join(channel: &Channel, pieces: &[Option<&Raw>]) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.join(pieces))
}

/// Which piece of which message `raw` is, if it is one. A piece that makes no sense is a message by itself.
pub fn piece(channel: &Channel, raw: &Raw) -> Option<Piece> {
    let piece = catch_unwind(AssertUnwindSafe(|| channel.parts.parser.piece(raw))).unwrap_or_default();
    piece.filter(|piece| piece.of > 1 && (1..=piece.of).contains(&piece.place))
}

/// What `raw` adds to a contact, if the channel delimits such.
pub fn contact(channel: &Channel, raw: &Raw) -> Option<Contact> {
    catch_unwind(AssertUnwindSafe(|| channel.parts.parser.contact(raw))).unwrap_or_default()
}

/// What the messages of one contact say together.
///
/// # Errors
/// As [`parse`].
pub fn gather(channel: &Channel, messages: &[&Raw]) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.gather(messages))
}

fn guarded(parse: impl FnOnce() -> Result<Appeal, ParseError>) -> Result<Appeal, ParseError> {
    let parsed = catch_unwind(AssertUnwindSafe(parse));
    parsed.unwrap_or_else(|_| Err(ParseError("the parser panicked: a bug; see the log".into())))
}
