//! The connector from outside.
#![allow(clippy::unwrap_used)]

mod callback;
mod golden;
mod noise;
mod outbound;
mod peers;
mod platform;
mod quota;
mod support;
