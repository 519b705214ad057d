//! Cut-over parity (并轨核对): an old system's export, compared row by row with what the gateway has.
//!
//! Rows find each other by number first; what is left finds each other by telephone, time and words. Each pair is then
//! compared field by field, in folded form: width, spacing and traditional characters are no difference.

mod compare;
mod export;
mod here;
mod picture;
#[cfg(test)]
mod tests;

pub use compare::{Comparison, Difference, Verdict, compare};
pub use export::{BadExport, Export, read};
pub use here::{HERE_PAGE, Page, received};
pub use picture::draw;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// One appeal, as either side has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Where it stands: the line of the export, or the number in the gateway.
    pub place: String,
    /// Its numbers: its own, and those in other systems.
    pub ids: Vec<String>,
    /// When it was raised, best first: as said, as received.
    pub times: Vec<Timestamp>,
    /// Telephone.
    pub phone: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// The citizen's words.
    pub content: Option<String>,
    /// Our code of what it is about.
    pub category: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// What kind of matter it is, as in a ticket.
    pub kind: Option<String>,
}

/// The days that are compared, and how far apart the same appeal may be.
#[derive(Debug, Clone)]
pub struct Span {
    /// The first local day.
    pub from: Date,
    /// The last one.
    pub to: Date,
    /// How far apart two systems may have the same appeal.
    pub within: jiff::SignedDuration,
    /// The city's time.
    pub zone: jiff::tz::TimeZone,
}

impl Span {
    /// Whether an appeal is of these days; one that says no time is.
    pub fn has(&self, row: &Row) -> bool {
        let day = |at: &Timestamp| at.to_zoned(self.zone.clone()).date();
        row.times.first().is_none_or(|at| (self.from..=self.to).contains(&day(at)))
    }
}
