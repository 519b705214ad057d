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
    /// Whether `number` may be tried now.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub fn check(&self, number: &str, now: Instant) -> Result<(), Duration> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= NUMBERS && !tries.contains_key(number) {
            tries.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        }
        match tries.get(number) {
            Some((count, since)) if *count >= TRIES => match WINDOW.checked_sub(now.duration_since(*since)) {
                Some(wait) if !wait.is_zero() => Err(wait),
                _ => Ok(()),
            },
            None if tries.len() >= NUMBERS => Err(Duration::from_secs(60)),
            _ => Ok(()),
        }
    }

    /// Counts a wrong try.
    pub fn wrong(&self, number: &str, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = tries.entry(number.to_owned()).or_insert((0, now));
        if now.duration_since(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_wrong_codes_a_number_rests_for_a_quarter_of_an_hour() {
        let (tries, start) = (Tries::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(tries.check("n", start), Ok(()));
            tries.wrong("n", start);
        }
        assert!(tries.check("n", start).is_err());
        assert_eq!(tries.check("other", start), Ok(()));
        assert_eq!(tries.check("n", start + WINDOW), Ok(()));
        tries.wrong("n", start + WINDOW);
        assert_eq!(tries.check("n", start + WINDOW), Ok(()), "the count began anew");
    }

    #[test]
    fn a_flood_of_made_up_numbers_closes_the_look_up_for_a_while_and_not_for_ever() {
        let (tries, start) = (Tries::default(), Instant::now());
        (0..NUMBERS).for_each(|number| tries.wrong(&number.to_string(), start));
        assert!(tries.check("another", start).is_err());
        assert_eq!(tries.check("another", start + WINDOW), Ok(()));
    }
}
