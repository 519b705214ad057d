//! Foreign messages as appeals (诉求): jq filters that cannot run away, and XML and forms as JSON.
//!
//! A [`Map`] is a city's own jq filter: what a vendor sends goes in as JSON, and a [`jiesu_connector::Submission`] comes out.
//! The filter is the operator's, the input a stranger's: no input may make an innocent filter run on, fill the memory or
//! overflow the stack, so a filter is given fuel, and whatever it does costs some ([`Filter::run`]). Fuel is counted in
//! steps and never by the clock: the same bytes give the same appeal on any machine.
#![warn(missing_docs)]

mod filter;
pub mod form;
pub mod json;
mod map;
pub mod multipart;
pub mod said;
pub mod text;
pub mod xml;

pub use filter::{Caps, CompileError, Filter, Place, RunError};
pub use map::{Map, MapError, Mapped};
