//! What a short message says: alphabets, the user data header, and long messages cut and joined.

mod charset;
mod gsm7;
mod guess;
mod join;
mod split;
mod udh;

pub(crate) use charset::Coding;
pub(crate) use join::{join, segment_alone};
pub(crate) use split::{Outgoing, split};
pub(crate) use udh::{Segment, Udh, sniff};
