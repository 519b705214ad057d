//! Step 4, assemble: parse the stored bytes; several messages of one citizen become one matter.
//!
//! Every channel is `immediate` so far: one message, one matter. Conversations come with their windows later, here.

use crate::{channels::Channel, store::Message};
use jiesu_connector::{Appeal, ParseError};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One matter: what one ticket is made of.
#[derive(Debug)]
pub struct Matter {
    /// The message that it began with.
    pub message: Message,
    /// What the citizen says.
    pub appeal: Appeal,
}

/// The matter in one stored message.
///
/// # Errors
/// No parser understands it, or the parser panicked: quarantine. A parser's panic stops neither the process nor the
/// line.
pub fn assemble(channel: &Channel, message: Message) -> Result<Matter, (Message, ParseError)> {
    let parsed = catch_unwind(AssertUnwindSafe(|| channel.parts.parser.parse(&message.raw)));
    match parsed {
        Ok(Ok(appeal)) => Ok(Matter { message, appeal }),
        Ok(Err(error)) => Err((message, error)),
        Err(_) => Err((message, ParseError("the parser panicked: a bug; see the log".into()))),
    }
}
