//! How much the gateway says by itself: short messages cost, and a citizen's phone may answer by itself.

use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Why a receipt does not go out.
pub(crate) const NO_BUDGET: &str = "the day's budget for what the gateway says by itself is used up";

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

    /// Whether there is still one for `number`.
    pub(crate) fn has_room(&self, number: &str, now: Timestamp) -> bool {
        self.with(now, |today| today.room(number, self))
    }

    /// Takes one message to `number`; false if that would be too many.
    pub(crate) fn take(&self, number: &str, now: Timestamp) -> bool {
        self.with(now, |today| {
            let room = today.room(number, self);
            if room {
                today.all += 1;
                *today.numbers.entry(number.to_owned()).or_default() += 1;
            }
            room
        })
    }

    /// One that was taken was not sent after all.
    pub(crate) fn give_back(&self, number: &str) {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken on the day before: nothing of it is counted any more.
        if let Some(theirs) = today.numbers.get_mut(number).filter(|theirs| **theirs > 0) {
            *theirs -= 1;
            today.all -= 1;
        }
    }

    fn with<T>(&self, now: Timestamp, what: impl FnOnce(&mut Today) -> T) -> T {
        let date = now.to_zoned(TimeZone::fixed(Offset::constant(8))).date();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.date != date {
            *today = Today { date, ..Today::default() };
        }
        what(&mut today)
    }
}

impl Today {
    fn room(&self, number: &str, budget: &Budget) -> bool {
        self.numbers.get(number).is_none_or(|theirs| *theirs < budget.per_number)
            && budget.per_number > 0
            && self.all < budget.per_day
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
        assert!(budget.take("a", next) && !budget.has_room("a", next));
        budget.give_back("a");
        assert!(budget.has_room("a", next), "what did not leave is not counted");
    }
}
