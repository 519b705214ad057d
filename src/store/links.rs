//! What belongs together: repeats, incidents, and what has not been looked at yet.

use crate::number::Number;
use jiff::Timestamp;

/// A ticket of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The ticket.
    pub number: Number,
    /// The citizen's key.
    pub citizen: String,
    /// When it was received.
    pub at: Timestamp,
}
