//! What can be seen of the store: sums, the audit trail, its health.

use crate::number::Number;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of what was received, per channel and hotline, on one local day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The channel.
    pub channel: String,
    /// The hotline.
    pub hotline: String,
    /// Messages received.
    pub received: u64,
    /// Made a ticket.
    pub ticketed: u64,
    /// Added to a ticket.
    pub supplement: u64,
    /// Repeats of a matter.
    pub repeat: u64,
    /// The same delivery again.
    pub redelivery: u64,
    /// Refused with a reason.
    pub rejected: u64,
    /// Still in the line, or in quarantine: counted from the messages themselves.
    pub pending: u64,
}

impl Tally {
    /// Everything received has become something, or still waits.
    pub fn balanced(&self) -> bool {
        let became = [self.ticketed, self.supplement, self.repeat, self.redelivery, self.rejected, self.pending];
        self.received == became.iter().sum::<u64>()
    }
}

/// What the operators' picture of the line needs at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// When each message since the asked-for moment was received, newest first.
    pub arrivals: Vec<Timestamp>,
    /// Dead letters that wait for a person, by destination; those with none are left out.
    pub dead: BTreeMap<String, u64>,
    /// Messages in quarantine.
    pub quarantined: u64,
}

/// Who looked at whose data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To which ticket.
    pub number: Number,
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why it cannot write, if it cannot.
    pub trouble: Option<String>,
    /// Bytes on disk.
    pub bytes: u64,
}
