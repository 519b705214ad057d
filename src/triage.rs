//! Step 6, triage: a first proposal, with its reason, never a verdict.
//!
//! What the citizen or the channel said is taken over; nothing is guessed yet.

use crate::{assembly::Matter, ticket::Priority};
use jiesu_connector::Kind;

/// A first proposal.
#[derive(Debug)]
pub struct Proposal {
    /// What kind of matter it is.
    pub kind: Kind,
    /// How soon.
    pub priority: Priority,
}

/// Proposes kind and priority.
pub fn propose(matter: &Matter) -> Proposal {
    let kind = matter.first(|appeal| appeal.kind).unwrap_or(Kind::Other);
    Proposal { kind, priority: Priority { level: 3, reason: "一般事项（未经分类）".into() } }
}
