//! Wrong status codes: at most five a number in a quarter of an hour.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const TRIES: u32 = 5;
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Numbers remembered at most; then those whose window is over are forgotten, and if none is, nobody may try.
const NUMBERS: usize = 100_000;

/// Wrong tries, by what was typed as the number.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, (u32, Instant)>>);

impl Tries {
    /// Takes one try at `number`, before its code is looked at: tries at the same time count like tries in turn.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn take(&self, number: &str, now: Instant) -> Result<(), Duration> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: Instant| now.saturating_duration_since(since) >= WINDOW;
        if tries.len() >= NUMBERS && !tries.contains_key(number) {
            tries.retain(|_, (_, since)| !over(*since));
            if tries.len() >= NUMBERS {
                return Err(Duration::from_secs(60));
            }
        }
        let (count, since) = tries.entry(number.to_owned()).or_insert((0, now));
        if over(*since) {
            (*count, *since) = (0, now);
        }
        if *count >= TRIES {
            return Err(WINDOW.saturating_sub(now.saturating_duration_since(*since)));
        }
        *count += 1;
        Ok(())
    }

    /// Gives a try back: the code was right, or could not be looked at.
    pub fn give_back(&self, number: &str) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = tries.get_mut(number) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                tries.remove(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_wrong_codes_a_number_rests_for_a_quarter_of_an_hour() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(tries.take("n", start), Ok(()));
        }
        assert_eq!(tries.take("n", start), Err(WINDOW));
        assert_eq!(tries.take("other", start), Ok(()));
        assert_eq!(tries.take("n", start + WINDOW), Ok(()));
        assert_eq!(tries.take("n", start + WINDOW), Ok(()), "the count began anew");
    }

    #[test]
    fn right_codes_cost_no_try() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(tries.take("n", start), Ok(()));
            tries.give_back("n");
        }
    }

    #[test]
    fn a_flood_of_made_up_numbers_closes_the_look_up_for_a_while_and_not_for_ever() {
        let (tries, start) = (Tries::default(), Instant::now());
        (0..NUMBERS).for_each(|number| assert_eq!(tries.take(&number.to_string(), start), Ok(())));
        assert!(tries.take("another", start).is_err());
        assert_eq!(tries.take("another", start + WINDOW), Ok(()));
    }
}
