//! One message on its way through the one door, and what the door answers.

use crate::{Appeal, Contact};
use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, time::Duration};

/// The bytes as received, and what is needed to parse them again in ten years.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw {
    /// Media type of `body`, with its parameters.
    pub media_type: String,
    /// What came beside the body and is needed to parse it (a header, the partner's name). Never a secret.
    pub meta: BTreeMap<String, String>,
    /// The bytes.
    pub body: Bytes,
}

/// Its size only: the bytes are the citizen's.
impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({}, {} bytes)", self.media_type, self.body.len())
    }
}

/// One authenticated message, not yet on disk.
#[derive(Clone)]
pub struct Incoming {
    /// The bytes to keep.
    pub raw: Raw,
    /// Names under which the channel would send the same message again; none if it has no such name.
    pub keys: Vec<DeliveryKey>,
    /// [`digest`] of the content: the same key with the same digest is a redelivery (重复推送).
    pub digest: [u8; 16],
    /// Who sent it, in the channel's own terms (an openid, a number); for assembly and limits.
    pub sender: Option<String>,
    /// The hotline that the sender named; else the channel's own counts.
    pub hotline: Option<String>,
    /// It is, or may be, a piece of what the citizen has to say, so it joins the sender's open conversation, where the
    /// channel has such. False for a word to the gateway itself (催办) and for events of the channel.
    pub joins: bool,
    /// The sender gets the receipt in a message of its own ([`crate::Reply::code`]) as soon as this is on the disk, if it is
    /// the first of its number. Stored together with the message, so that it goes out once whatever happens.
    pub receipt: bool,
}

/// A name for one delivery, unique within the channel and `scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Whose names these are: a partner, an account, a kind of key.
    pub scope: String,
    /// The name.
    pub value: String,
    /// What the same name with other content means.
    pub on_other_content: OnOtherContent,
}

/// What the same delivery key with other content means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOtherContent {
    /// A new appeal, and a warning: the sender reuses its names (a message is never dropped for that).
    NewAppeal,
    /// A mistake of the sender, refused ([`Refusal::OtherContent`]); also refused while the first is under way.
    Refuse,
}

/// The content digest of `parts`: SHA-256 over the length-prefixed parts, cut to 128 bits.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// What the citizen gets (受理回执), once the message is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// `YYYYMMDD-NNNNNN-C`.
    pub number: String,
    /// The status code, eight characters of Crockford base32 as `7Q3M-K9TD`. `None` only when the store's key was
    /// lost since the first delivery.
    pub code: Option<String>,
    /// The message was known already; this is the first receipt again.
    pub redelivery: bool,
    /// When the (first) message was received.
    pub received_at: Timestamp,
}

/// Why the door did not take a message. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The first message under this key is still being written.
    #[error("the first request under this key is still under way")]
    UnderWay,
    /// The key was used before, with other content.
    #[error("this key was used before with other content")]
    OtherContent,
    /// The store cannot write now; the channel should try again.
    #[error("the message could not be stored; try again")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// Turns stored bytes into an appeal. Pure: the same bytes give the same appeal, on any node, at any time.
pub trait Parser: Send + Sync {
    /// Parses `raw`.
    ///
    /// # Errors
    /// [`ParseError`] sends the message to quarantine, visible and replayable.
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError>;

    /// Everything that comes of `raw`, for whoever tries a sample: several appeals where a message holds several, and
    /// else why there is none, in full. The words may quote the citizen, so they are for no log.
    ///
    /// # Errors
    /// Why it makes no appeal.
    fn explain(&self, raw: &Raw) -> Result<Vec<Appeal>, String> {
        self.parse(raw).map(|appeal| vec![appeal]).map_err(|error| error.0)
    }

    /// Which piece of which message `raw` is, where the channel carries a long message in several (short messages).
    /// Each piece is stored and acknowledged by itself; the gateway puts them together.
    fn piece(&self, _raw: &Raw) -> Option<Piece> {
        None
    }

    /// Parses the pieces of one message together, in their order; `None` for one that has not come.
    ///
    /// # Errors
    /// [`ParseError`] sends the pieces to quarantine.
    fn join(&self, pieces: &[Option<&Raw>]) -> Result<Appeal, ParseError> {
        Err(ParseError(format!("this channel does not carry a message in {} pieces", pieces.len())))
    }

    /// What `raw` adds to a contact that the channel itself delimits (a call). Each message is stored and acknowledged by
    /// itself; the gateway gives all of them the same number, and gathers them when the contact is complete.
    fn contact(&self, _raw: &Raw) -> Option<Contact> {
        None
    }

    /// Parses the messages of one contact together, in whatever order they came; those that only rate it
    /// ([`crate::Intent::Rate`]) are left out. A note means that no ticket comes of it. What comes later is parsed by itself.
    ///
    /// # Errors
    /// [`ParseError`] sends the messages to quarantine.
    fn gather(&self, messages: &[&Raw]) -> Result<Appeal, ParseError> {
        Err(ParseError(format!("this channel does not put {} messages together", messages.len())))
    }
}

/// One of several pieces in which the channel carries one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Everything that tells the message from others of the channel: both ends, the sender's name for it, its size.
    pub whole: String,
    /// Its place, from 1.
    pub place: u16,
    /// How many there are.
    pub of: u16,
    /// How long the others are waited for after this one.
    pub wait: Duration,
}

/// The bytes make no appeal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(
    /// Why, in words for an operator; without the citizen's words.
    pub String,
);
