//! c
pub mod server;
