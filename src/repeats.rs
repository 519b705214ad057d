//! Step 5, repeats (重复诉求): the same citizen again, or the same incident from others?
//!
//! Nothing is compared yet, so nothing is linked: a ticket says `repeat: null`, which is what is known.

use crate::assembly::Matter;

/// The earlier ticket that a matter repeats.
#[derive(Debug)]
pub enum Repeat {}

/// Looks for an earlier ticket of the same matter.
pub fn find(_matter: &Matter) -> Option<Repeat> {
    None
}
