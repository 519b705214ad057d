//! Jiesu.
pub mod delivery;
pub mod number;
pub mod store;
