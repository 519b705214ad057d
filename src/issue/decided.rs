//! What the repeat index said of messages that wait for another round.

use crate::{number::Number, repeats::Checked};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Decisions that are remembered at most.
const MOST_DECIDED: usize = 4_096;

/// What the repeat index said of messages that wait for another round: they are in the index already, and are not asked
/// about twice.
#[derive(Default)]
pub struct Decided(Mutex<HashMap<Number, (usize, Checked)>>);

impl Decided {
    /// Of a matter of so many messages.
    pub(super) fn get(&self, number: Number, messages: usize) -> Option<Checked> {
        let decided = self.held();
        decided.get(&number).filter(|(of, _)| *of == messages).map(|(_, checked)| checked.clone())
    }

    pub(super) fn put(&self, number: Number, messages: usize, checked: Checked) {
        let mut decided = self.held();
        if decided.len() >= MOST_DECIDED {
            decided.clear();
        }
        decided.insert(number, (messages, checked));
    }

    pub(super) fn forget(&self, numbers: &[Number]) {
        let mut decided = self.held();
        numbers.iter().for_each(|number| _ = decided.remove(number));
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Number, (usize, Checked)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
