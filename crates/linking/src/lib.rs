//! Which appeals speak of the same matter (重复诉求, 同一事件): pure, without store or network.
//!
//! An appeal is folded and taken apart ([`Digest`]): character n-grams weighed by how rare they are, the names in it. What is
//! kept of it is small ([`Record`]). Its rarest n-grams are keys into capped posting lists ([`postings`]), which find
//! candidates in bounded time; a [`Model`] of boosted trees scores each, and [`Linker`] decides. [`MemoryHome`] is the
//! index in this process; a home elsewhere keeps the same bytes and so gives the same decisions.

mod again;
mod common;
mod decide;
mod digest;
mod features;
mod forest;
mod gazetteer;
mod grams;
mod home;
mod model;
mod nearest;
mod numbers;
mod places;
pub mod postings;
pub mod quality;
mod quick;
mod record;
mod shelf;
mod table;
mod topics;
pub mod train;
mod vocabulary;
mod words;

pub use decide::{Band, Candidate, Decision, Linker, Match};
pub use digest::{Appeal, Digest};
pub use features::{FEATURES, Features};
pub use forest::{Forest, Node, Tree};
pub use gazetteer::{BadPlace, Gazetteer, Part, Place};
pub use grams::{Gram, grams};
pub use home::{Gathered, MemoryHome, Placed};
pub use model::{BadModel, Limits, Model};
pub use places::Class;
pub use record::{PLACED_AT, Record};
pub use table::Table;
pub use topics::{Topic, Topics};
pub use vocabulary::{Vocabulary, logarithm};
