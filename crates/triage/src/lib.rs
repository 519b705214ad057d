//! Triage (预分办): kind, category, priority, flags and deadlines of an appeal. A first proposal with its reason, never a
//! verdict; pure, without store or network.

mod calendar;
mod categories;
mod deadlines;
mod lexicon;
mod linear;
mod policy;
mod rules;
pub mod train;
mod ways;

pub use calendar::{BeyondCalendar, Calendar};
pub use categories::{Categories, Category};
pub use deadlines::{Due, Mode, Term};
pub use linear::{BadModel, Guess, Linear};
pub use policy::{Policy, Profile};
pub use rules::{Finding, Proposal, Said, Words};
pub use ways::{Ways, Word};
