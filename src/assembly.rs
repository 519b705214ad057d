//! Step 4, assemble: parse the stored bytes; several messages of one citizen become one matter.

use crate::{channels::Channel, store::Message};
use jiesu_connector::{Appeal, ParseError};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One matter: what one ticket is made of.
#[derive(Debug)]
pub struct Matter {
    /// The messages, in order, each with what it says; never empty.
    pub said: Vec<(Message, Appeal)>,
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
    let parsed = catch_unwind(AssertUnwindSafe(|| channel.parts.parser.parse(&message.raw)));
    parsed.unwrap_or_else(|_| Err(ParseError("the parser panicked: a bug; see the log".into())))
}
