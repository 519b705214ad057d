//! Sessions with a message centre: one engine for every protocol of the kind, and what it asks of them.

mod dialect;
mod exchange;
mod frames;
mod link;
mod source;
mod tls;

pub(crate) use dialect::{Dialect, Garbage, Heard, Limits, Submission, Taken};
pub(crate) use exchange::Exchange;
pub(crate) use link::Outcome;
pub(crate) use source::{Account, Centre, LogIn};
pub(crate) use tls::tls;
