//! What is kept about the line rather than for it: days that are closed, comparisons with old systems, destinations
//! that an operator has stopped.

use super::{Message, MessageId, Result};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What one comparison with an old system found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParityRun {
    /// The hotline's code.
    pub line: String,
    /// The first local day compared, `YYYYMMDD`.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// When it was compared.
    pub at: Timestamp,
    /// The export's file name.
    pub file: String,
    /// In both, and the same.
    pub matched: u64,
    /// In both, and not the same.
    pub different: u64,
    /// In the export only.
    pub missing_here: u64,
    /// In the gateway only.
    pub missing_there: u64,
}

impl ParityRun {
    /// The share of all that is in both and the same, from 0 to 1; nothing compared is nothing missing.
    pub fn parity(&self) -> f64 {
        let all = self.matched + self.different + self.missing_here + self.missing_there;
        if all == 0 { 1.0 } else { self.matched as f64 / all as f64 }
    }
}

/// A day that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDay {
    /// `YYYYMMDD`.
    pub day: u32,
    /// The hash of the closed day before; zeros for the first.
    pub previous: [u8; 32],
    /// The hash of `previous` and `record`.
    pub hash: [u8; 32],
    /// What became of everything received that day, as JSON.
    pub record: String,
}

/// Messages that wait for their ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The channel.
    pub channel: String,
    /// The hotline.
    pub hotline: String,
    /// How many.
    pub count: u64,
}

/// What is kept about the line.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Remembers that an operator has stopped a destination, or started it again.
    async fn pause_destination(&self, name: &str, paused: bool, at: Timestamp) -> Result<()>;

    /// The destinations that an operator has stopped.
    async fn paused_destinations(&self) -> Result<Vec<String>>;

    /// Remembers what a comparison found.
    async fn record_parity(&self, run: ParityRun) -> Result<()>;

    /// The last comparison of each line.
    async fn parity(&self) -> Result<Vec<ParityRun>>;

    /// Messages for a hotline that were received on these local days (`YYYYMMDD`, both included), after `after` in the
    /// order of acceptance.
    async fn received_for(&self, line: &str, days: (u32, u32), after: MessageId, limit: usize) -> Result<Vec<Message>>;

    /// Closes a day; false if it is closed already, or does not follow the last closed one.
    async fn close_day(&self, day: ClosedDay) -> Result<bool>;

    /// Closed days from `day` on, in their order.
    async fn closed_days(&self, day: u32, limit: usize) -> Result<Vec<ClosedDay>>;

    /// The last closed day before `day`.
    async fn closed_before(&self, day: u32) -> Result<Option<ClosedDay>>;

    /// What was received on a local day until `until` and waits for its ticket, in the line or in quarantine.
    async fn waiting(&self, day: u32, until: Timestamp) -> Result<Vec<Waiting>>;

    /// The last closed day.
    async fn last_closed(&self) -> Result<Option<ClosedDay>>;

    /// The first local day on which anything was counted.
    async fn first_day(&self) -> Result<Option<u32>>;
}
