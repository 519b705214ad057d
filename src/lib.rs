//! Jiesu.
pub mod number;
pub mod store;
