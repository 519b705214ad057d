//! What the repeat index said of messages that wait for another round.

use crate::{number::Number, repeats::Checked};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Decisions that are remembered at most.
const MOST_DECIDED: usize = 4_096;

/// What the repeat index said of messages that wait for another round: they are in the index already, and are not asked
/// about twice.
#[derive(Default)]
pub struct Decided {
    known: Mutex<HashMap<Number, (usize, Checked)>>,
    /// What has its outcome in this round, and is not stored yet.
    ready: Mutex<HashSet<Number>>,
}

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

    pub(super) fn clear(&self) {
        self.held().clear();
        self.stored();
    }

    /// This number's outcome is stored with the others of its round.
    pub(super) fn is_ready(&self, number: Number) -> bool {
        self.ready().contains(&number)
    }

    pub(super) fn make_ready(&self, numbers: impl IntoIterator<Item = Number>) {
        self.ready().extend(numbers);
    }

    /// The round's outcomes were stored, or could not be.
    pub(super) fn stored(&self) {
        self.ready().clear();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Number, (usize, Checked)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, HashSet<Number>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
