//! Jiesu 接诉: one front door for every hotline of a city.
//!
//! # The straight line
//!
//! ```text
//! receive ─▶ accept ─▶ acknowledge │ assemble ─▶ repeats ─▶ triage ─▶ issue │ deliver ─▶ reply
//!  connector   store     connector │ one conversation, in order, one task    │ one cursor per destination
//! ```
//!
//! A connector *receives* ([`public`] and [`sources`] call it), the one door *accepts* ([`intake`]), and only then the
//! connector acknowledges. What was accepted is [assembled](assembly), compared with what was said before
//! ([`repeats`]), given a first proposal ([`triage`]), and [issued](issue) as a ticket with its events in one
//! transaction. Each destination reads the event log at its own cursor ([`delivery`]), and what the core answers
//! goes back to the citizen ([`reply`]). All of it rests on the [`store`].
pub mod admin;
pub mod assembly;
pub mod background;
pub mod channels;
pub mod citizens;
pub mod clock;
pub mod config;
pub mod contract;
pub mod days;
pub mod delivery;
pub mod event;
pub mod files;
pub mod gateway;
pub mod intake;
pub mod issue;
pub mod look_up;
pub mod media;
pub mod network;
pub mod nodes;
pub mod number;
pub mod openapi;
pub mod parity;
pub mod public;
pub mod registry;
pub mod repeats;
pub mod reply;
pub mod revise;
pub mod server;
pub mod shared;
pub mod sources;
pub mod standin;
pub mod store;
pub mod ticket;
pub mod triage;
pub mod way;

pub use gateway::{RunError, run};
