//! Whether a channel's sessions can be held at all: where none can, its citizens speak to nobody. Told the time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::{Duration, Instant};

/// No session for so long is no hiccup any more.
const DOWN: Duration = Duration::from_secs(60);

/// What is known of a channel's sessions.
#[derive(Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Default)]
struct State {
    /// Sessions that have proven themselves.
    proven: usize,
    /// Since when there is none, and why the last one was lost.
    down: Option<(Instant, String)>,
}

impl Standing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session could not be opened, or was lost.
    pub fn lost(&self, now: Instant, why: &str) {
        let mut state = self.state();
        if state.proven == 0 {
            state.down.get_or_insert_with(|| (now, String::new())).1 = why.to_owned();
        }
    }

    /// A session has given something, or lasted; as long as the mark lives.
    pub fn proven(&self) -> Proven<'_> {
        let mut state = self.state();
        state.proven += 1;
        state.down = None;
        Proven(self)
    }

    /// Nobody wants a session now.
    pub fn rest(&self) {
        self.state().down = None;
    }

    /// Why there is no session, if there was none for long.
    pub fn trouble(&self, now: Instant) -> Option<String> {
        let state = self.state();
        let (_, why) = state.down.as_ref().filter(|(since, _)| now.duration_since(*since) > DOWN)?;
        Some(format!("no session can be held for more than {} seconds: {why}", DOWN.as_secs()))
    }
}

/// The mark of a session that has proven itself.
pub(super) struct Proven<'a>(&'a Standing);

impl Drop for Proven<'_> {
    fn drop(&mut self) {
        self.0.state().proven -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_that_holds_is_enough_and_none_is_trouble_after_a_minute() {
        let (standing, start) = (Standing::default(), Instant::now());
        let one = standing.proven();
        standing.lost(start, "the other is refused");
        assert_eq!(standing.trouble(start + DOWN * 2), None);
        drop(one);
        standing.lost(start, "refused");
        standing.lost(start + DOWN / 2, "refused again");
        assert_eq!(standing.trouble(start + DOWN), None, "a hiccup");
        assert!(standing.trouble(start + DOWN * 2).is_some_and(|why| why.ends_with("refused again")));
        drop(standing.proven());
        assert_eq!(standing.trouble(start + DOWN * 2), None);
        standing.lost(start, "refused");
        standing.rest();
        assert_eq!(standing.trouble(start + DOWN * 2), None, "nobody wants one");
    }
}
