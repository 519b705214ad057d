//! How much the gateway says by itself: short messages cost, and a citizen's phone may answer by itself.

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Counts what was said by itself, a day at a time.
pub(crate) struct Budget {
    per_number: u32,
    per_day: u32,
    today: Mutex<Today>,
}

#[derive(Default)]
struct Today {
    date: jiff::civil::Date,
    all: u32,
    /// Bounded by what all may have on one day.
    numbers: HashMap<String, u32>,
}

impl Budget {
    pub(crate) fn new(per_number: u32, per_day: u32) -> Self {
        Self { per_number, per_day, today: Mutex::default() }
    }

    /// Takes one message to `number`; false if that would be too many.
    pub(crate) fn take(&self, number: &str, now: Timestamp) -> bool {
        let date = now.to_zoned(TimeZone::fixed(Offset::constant(8))).date();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.date != date {
            *today = Today { date, ..Today::default() };
        }
        let theirs = today.numbers.get(number).copied().unwrap_or_default();
        if theirs >= self.per_number || today.all >= self.per_day {
            return false;
        }
        today.all += 1;
        today.numbers.insert(number.to_owned(), theirs + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_more_than_their_share_nor_all_more_than_the_day_has() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (day, next) = (at("2026-11-22T23:59:59+08:00"), at("2026-11-23T00:00:00+08:00"));
        let budget = Budget::new(2, 3);
        assert_eq!(["a", "a", "a", "b", "c"].map(|who| budget.take(who, day)), [true, true, false, true, false]);
        assert!(budget.take("a", next));
    }
}
