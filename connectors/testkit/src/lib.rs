//! What a connector is tested with: golden files, a door and secrets that are not real, scripted channels, hostile
//! bodies, and the assertions that every connector of the registry must meet.
#![warn(missing_docs)]

mod contract;
mod door;
mod golden;
mod hostile;
pub mod scripted;
mod secrets;
mod settle;

pub use contract::{SECRET, Specimen};
pub use door::FakeDoor;
pub use golden::{Outcome, goldens, push};
pub use hostile::hostile_bodies;
pub use secrets::FakeSecrets;
pub use settle::settled;
