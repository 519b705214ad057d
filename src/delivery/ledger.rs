//! What of the event log is done with: a cursor, and the few events beyond it that are done already.

use crate::store::{Progress, Sequence};
use std::collections::{BTreeSet, VecDeque};

/// The bookkeeping of one destination. Everything that was read and is not open is done, so only what is open
/// has to be remembered.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The log was read up to here.
    read_to: i64,
    /// Read, and not done.
    open: BTreeSet<i64>,
    /// Done in an earlier life, and not read again yet: ranges `first..=last`, ascending.
    before: VecDeque<(i64, i64)>,
}

impl Ledger {
    /// Goes on from what was saved.
    pub fn new(saved: Progress) -> Self {
        Self { read_to: saved.cursor.0, open: BTreeSet::new(), before: saved.ahead.into() }
    }

    /// Where to read on: the newest event that need not be read again.
    pub fn read_from(&mut self) -> Sequence {
        while let Some((_, last)) = self.before.front().filter(|(first, _)| *first <= self.read_to + 1) {
            self.read_to = self.read_to.max(*last);
            self.before.pop_front();
        }
        Sequence(self.read_to)
    }

    /// Takes note that the log was read up to `sequence`. True if this event is still to be done.
    pub fn read(&mut self, sequence: Sequence) -> bool {
        self.read_to = self.read_to.max(sequence.0);
        while self.before.front().is_some_and(|(_, last)| *last < sequence.0) {
            self.before.pop_front();
        }
        self.before.front().is_none_or(|(first, _)| *first > sequence.0)
    }

    /// The event will take a while.
    pub fn open(&mut self, sequence: Sequence) {
        self.open.insert(sequence.0);
    }

    /// The event is done with: delivered, or in the dead letters.
    pub fn close(&mut self, sequence: Sequence) {
        self.open.remove(&sequence.0);
    }

    /// Goes back to `after`, never forward: nothing is skipped that was not delivered.
    pub fn rewind(&mut self, after: Sequence) -> Sequence {
        let cursor = self.cursor().min(after).max(Sequence(0));
        *self = Self::new(Progress { cursor, ahead: Vec::new() });
        cursor
    }

    /// Everything up to here is done.
    pub fn cursor(&self) -> Sequence {
        Sequence(self.open.first().map_or(self.read_to, |first| first - 1))
    }

    /// How many events up to `newest` are not done.
    pub fn behind(&self, newest: Sequence) -> u64 {
        self.open.len() as u64 + u64::try_from(newest.0 - self.read_to).unwrap_or(0)
    }

    /// What to save.
    pub fn progress(&self) -> Progress {
        let mut ahead = Vec::new();
        let mut from = None;
        for &open in &self.open {
            if let Some(from) = from
                && from < open
            {
                ahead.push((from, open - 1));
            }
            from = Some(open + 1);
        }
        if let Some(from) = from
            && from <= self.read_to
        {
            ahead.push((from, self.read_to));
        }
        let before = self.before.iter().filter(|(_, last)| *last > self.read_to);
        ahead.extend(before.map(|&(first, last)| (first.max(self.read_to + 1), last)));
        Progress { cursor: self.cursor(), ahead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ledger: &mut Ledger, sequences: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let new = |sequence: &i64| ledger.read(Sequence(*sequence));
        let taken: Vec<i64> = sequences.into_iter().filter(new).collect();
        taken.iter().for_each(|sequence| ledger.open(Sequence(*sequence)));
        taken
    }

    fn progress(cursor: i64, ahead: &[(i64, i64)]) -> Progress {
        Progress { cursor: Sequence(cursor), ahead: ahead.to_vec() }
    }

    #[test]
    fn the_cursor_stops_before_the_first_open_event_and_the_rest_are_ranges() {
        let mut ledger = Ledger::new(Progress::default());
        assert_eq!(read(&mut ledger, 1..=10).len(), 10);
        assert_eq!(ledger.progress(), progress(0, &[]));
        for done in [2, 3, 5, 9, 10] {
            ledger.close(Sequence(done));
        }
        assert_eq!(ledger.progress(), progress(0, &[(2, 3), (5, 5), (9, 10)]));
        ledger.close(Sequence(1));
        assert_eq!(ledger.progress(), progress(3, &[(5, 5), (9, 10)]));
        assert_eq!(ledger.behind(Sequence(12)), 6, "4, 6, 7, 8, 11, 12");
        for done in [4, 6, 7, 8] {
            ledger.close(Sequence(done));
        }
        assert_eq!(ledger.progress(), progress(10, &[]));
    }

    #[test]
    fn what_was_done_before_a_restart_is_not_taken_again_and_not_forgotten() {
        let mut ledger = Ledger::new(progress(3, &[(5, 5), (9, 10), (20, 30)]));
        assert_eq!(ledger.progress(), progress(3, &[(5, 5), (9, 10), (20, 30)]));
        assert_eq!(ledger.read_from(), Sequence(3));
        assert_eq!(read(&mut ledger, 4..=9), [4, 6, 7, 8]);
        assert_eq!(ledger.progress(), progress(3, &[(5, 5), (9, 9), (10, 10), (20, 30)]));
        assert_eq!(ledger.read_from(), Sequence(10));
        assert_eq!(read(&mut ledger, 11..=19).len(), 9);
        assert_eq!(ledger.read_from(), Sequence(30), "a range is stepped over");
        [4, 6, 7, 8].into_iter().chain(11..=19).for_each(|done| ledger.close(Sequence(done)));
        assert_eq!(ledger.progress(), progress(30, &[]));
    }

    #[test]
    fn gaps_in_the_log_do_not_hold_the_cursor() {
        let mut ledger = Ledger::new(Progress::default());
        read(&mut ledger, [5, 8]);
        assert_eq!(ledger.progress(), progress(4, &[(6, 7)]));
        ledger.close(Sequence(5));
        assert_eq!(ledger.progress(), progress(7, &[]));
    }

    #[test]
    fn events_nobody_wants_move_the_cursor() {
        let mut ledger = Ledger::new(Progress::default());
        assert!(ledger.read(Sequence(1)) && ledger.read(Sequence(2)));
        assert_eq!(ledger.cursor(), Sequence(2));
    }

    #[test]
    fn a_rewind_goes_back_and_never_forward() {
        let mut ledger = Ledger::new(progress(10, &[(12, 14)]));
        assert_eq!(ledger.rewind(Sequence(99)), Sequence(10));
        assert_eq!(ledger.rewind(Sequence(4)), Sequence(4));
        assert_eq!(ledger.progress(), progress(4, &[]), "what was done beyond is sent again, too");
        assert_eq!(ledger.rewind(Sequence(-7)), Sequence(0));
        assert_eq!(read(&mut ledger, 1..=3), [1, 2, 3]);
    }
}
