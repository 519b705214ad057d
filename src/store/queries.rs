//! Which tickets are asked for.

use crate::number::Number;
use jiff::Timestamp;

/// Which tickets.
#[derive(Debug, Clone, Default)]
pub struct TicketQuery {
    /// Numbers below this one: for paging.
    pub before: Option<Number>,
    /// In this channel.
    pub channel: Option<String>,
    /// For this hotline.
    pub hotline: Option<String>,
    /// With this status.
    pub status: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this citizen.
    pub appellant: Option<String>,
    /// With these words.
    pub words: Option<String>,
    /// On this local day.
    pub day: Option<u32>,
    /// At most so many.
    pub limit: usize,
}

/// Which tickets, of those that their citizens agreed to publish.
#[derive(Debug, Clone, Default)]
pub struct PublishedQuery {
    /// These only.
    pub numbers: Option<Vec<Number>>,
    /// Received at or after this.
    pub since: Option<Timestamp>,
    /// Received at or before this.
    pub until: Option<Timestamp>,
    /// Of one of these categories.
    pub categories: Option<Vec<String>>,
    /// Closed (办结), or not.
    pub closed: Option<bool>,
    /// At most so many.
    pub limit: usize,
    /// After so many.
    pub offset: usize,
}
