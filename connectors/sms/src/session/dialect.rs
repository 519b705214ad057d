//! What differs between the protocols.

use crate::{number::Line, short::Short, text::Outgoing};
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// A protocol: its PDUs, and what it prescribes. Everything here is a pure function.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// Its name, for operators.
    fn name(&self) -> &'static str;
    /// Its sizes and times.
    fn limits(&self) -> &'static Limits;

    /// The first PDU of a link.
    fn login(&self, sequence: u32, now: Timestamp) -> Bytes;
    /// What the answer to `login` says.
    ///
    /// # Errors
    /// What is wrong and what would be right, for an operator.
    fn logged_in(&self, login: &Bytes, frame: &Bytes) -> Result<(), String>;

    /// What a PDU is.
    ///
    /// # Errors
    /// [`Garbage`]: the link is not in step any more.
    fn hear(&self, frame: &Bytes) -> Result<Heard, Garbage>;
    /// The message in a delivery.
    ///
    /// # Errors
    /// Why there is none, for an operator.
    fn read(&self, frame: &Bytes) -> Result<Short, String>;
    /// The answer to a delivery that is on the disk.
    fn take(&self, frame: &Bytes) -> Bytes;
    /// The answer to a delivery that the store cannot take now; none where silence is better.
    fn defer(&self, frame: &Bytes) -> Option<Bytes>;

    /// Are you there?
    fn ping(&self, sequence: u32) -> Bytes;
    /// Leave is taken.
    fn bye(&self, sequence: u32) -> Bytes;
    /// A message of ours.
    fn submit(&self, sequence: u32, submission: &Submission) -> Bytes;

    /// Of a stored delivery.
    fn media_type(&self) -> &'static str;
}

/// The sizes and times that a protocol prescribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of a header, which begins with the length of the whole; its last four are the sequence.
    pub header: usize,
    /// Bytes of the longest PDU that makes sense.
    pub longest: usize,
    /// PDUs that may be unanswered in one direction.
    pub window: usize,
    /// A link on which nothing came for so long is tried.
    pub idle: Duration,
    /// An answer is waited for so long.
    pub answer: Duration,
}

/// What came over a link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message, to be read and stored.
    Delivery,
    /// What became of the submission of this sequence.
    Submitted(u32, Taken),
    /// Something that is answered at once, with this.
    Request(Bytes),
    /// The far side leaves; it is answered with this.
    Bye(Bytes),
    /// An answer to the PDU of this sequence, whatever it was.
    Answer(u32),
    /// Nothing for us.
    Nothing,
}

/// What the far side says to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Taken, under this name.
    Yes(String),
    /// Not now.
    Later(String),
    /// Not this one.
    No(String),
}

/// The bytes are no PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what comes over the link is no PDU")]
pub(crate) struct Garbage;

/// One part of a message of ours, to one citizen.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    /// To whom, and from which code.
    pub line: Line,
    /// What an answer to a pseudo number must carry.
    pub link_id: Option<String>,
    /// The part.
    pub part: Outgoing,
    /// Its fate is to be reported.
    pub report: bool,
}
