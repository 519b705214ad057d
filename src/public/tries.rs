//! Wrong status codes: at most five a number in a quarter of an hour, at all nodes together where they share a Redis.

use crate::{files::hex, number::ReceiptKey};
use jiesu_connector::Shared;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

const TRIES: u32 = 5;
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Numbers remembered at most; then those whose window is over are forgotten, and if none is, nobody may try.
const NUMBERS: usize = 100_000;

/// A look-up waits no longer for the shared memory than this; then this node counts for itself.
const PATIENCE: Duration = Duration::from_millis(300);
/// Against others who count at the same number at the same time.
const ROUNDS: usize = 16;

/// Wrong tries, by what was typed as the number.
pub struct Tries {
    here: Here,
    /// Where all nodes count together, and the key that hides the numbers there.
    together: Option<(Arc<dyn Shared>, ReceiptKey)>,
}

impl Tries {
    /// Counted in this process, and at all nodes where they share a memory.
    pub fn new(together: Option<(Arc<dyn Shared>, ReceiptKey)>) -> Self {
        Self { here: Here::default(), together }
    }

    /// Takes one try at `number`, before its code is looked at: tries at the same time count like tries in turn.
    ///
    /// # Errors
    /// The time until it may be tried again.
    pub async fn take(&self, number: &str) -> Result<(), Duration> {
        self.here.take(number, Instant::now())?;
        let taken = self.count(number, |count| if count < TRIES { Some(count + 1) } else { None }).await;
        if taken.is_err() {
            self.here.give_back(number);
        }
        taken
    }

    /// Gives a try back: the code was right, or could not be looked at.
    pub async fn give_back(&self, number: &str) {
        self.here.give_back(number);
        let _ = self.count(number, |count| Some(count.saturating_sub(1))).await;
    }

    /// Changes the count of all nodes; an error says for how long it must not be changed so.
    async fn count(&self, number: &str, change: impl Fn(u32) -> Option<u32>) -> Result<(), Duration> {
        let Some((shared, key)) = &self.together else { return Ok(()) };
        let name = format!("tries/{}", hex(&key.mac("tries", &[number.as_bytes()])[..16]));
        let counting = async {
            for _ in 0..ROUNDS {
                let now = Timestamp::now().as_second();
                let Ok(held) = shared.get(&name).await else { return Ok(()) };
                let read = held.as_deref().and_then(|held| held.split_once(' '));
                let read = read.and_then(|(count, until)| Some((count.parse().ok()?, until.parse::<i64>().ok()?)));
                let (count, until) =
                    read.filter(|(_, until)| *until > now).unwrap_or((0, now + WINDOW.as_secs() as i64));
                // Clocks differ: never longer than it can be.
                let rest = Duration::from_secs((until - now).unsigned_abs()).min(WINDOW);
                let Some(new) = change(count) else { return Err(rest) };
                match shared.compare_and_swap(&name, held.as_deref(), &format!("{new} {until}"), rest).await {
                    Ok(true) | Err(_) => return Ok(()),
                    Ok(false) => {}
                }
            }
            // So many at once are not one citizen.
            Err(Duration::from_secs(1))
        };
        timeout(PATIENCE, counting).await.unwrap_or(Ok(()))
    }
}

/// The tries at this node.
#[derive(Debug, Default)]
struct Here(Mutex<HashMap<String, (u32, Instant)>>);

impl Here {
    /// Takes one try at `number`, before its code is looked at: tries at the same time count like tries in turn.
    ///
    /// # Errors
    /// The time until it may be tried again.
    fn take(&self, number: &str, now: Instant) -> Result<(), Duration> {
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
    fn give_back(&self, number: &str) {
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
        let (tries, start) = (Here::default(), Instant::now());
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
        let (tries, start) = (Here::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(tries.take("n", start), Ok(()));
            tries.give_back("n");
        }
    }

    #[test]
    fn a_flood_of_made_up_numbers_closes_the_look_up_for_a_while_and_not_for_ever() {
        let (tries, start) = (Here::default(), Instant::now());
        (0..NUMBERS).for_each(|number| assert_eq!(tries.take(&number.to_string(), start), Ok(())));
        assert!(tries.take("another", start).is_err());
        assert_eq!(tries.take("another", start + WINDOW), Ok(()));
    }

    #[tokio::test]
    async fn two_nodes_count_together_and_a_right_code_costs_nothing() {
        let shared: Arc<dyn Shared> = Arc::new(jiesu_connector::LocalMemory::default());
        let key = ReceiptKey::new([3; 32]);
        let nodes = [0, 1].map(|_| Tries::new(Some((Arc::clone(&shared), key.clone()))));
        for round in 0..40 {
            nodes[round % 2].take("n").await.unwrap();
            nodes[(round + 1) % 2].give_back("n").await;
        }
        for round in 0..5 {
            assert_eq!(nodes[round % 2].take("n").await, Ok(()), "{round}");
        }
        for node in &nodes {
            let wait = node.take("n").await.unwrap_err();
            assert!(wait > WINDOW / 2 && wait <= WINDOW, "{wait:?}");
        }
        assert_eq!(nodes[1].take("other").await, Ok(()));
    }
}
