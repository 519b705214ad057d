//! Whether this node holds a resource: a pure decision, told the time.
//!
//! The lease ends by the store's clock. Here it ends earlier, counted from when the question left, so that this node has
//! stopped before another may begin, whatever their clocks say and however long an answer was under way.

use std::time::Duration;

/// Time since the machine started, the time for which it slept included: a node that was suspended must know.
pub type Moment = Duration;

/// A lease that nobody renews lasts so long, by the store's clock.
pub const TTL: Duration = Duration::from_secs(10);
/// So much earlier it ends here: for the last step of what is under way, and for clocks that do not tick alike.
const MARGIN: Duration = Duration::from_secs(2);
/// From one renewal to the next.
const RENEW: Duration = Duration::from_secs(3);
/// Until the next question after silence, or after another was found to hold it.
const AGAIN: Duration = Duration::from_secs(1);
/// For the answer to one question: a connection may be dead without a word.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// What this node believes of one resource.
#[derive(Debug)]
pub struct Claim {
    here: Option<Here>,
    ask_at: Moment,
}

#[derive(Debug, Clone, Copy)]
struct Here {
    fence: u64,
    until: Moment,
}

/// What the store said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is ours, under this fence.
    Ours(u64),
    /// Another has it.
    Others,
    /// Nothing, or that it cannot say.
    Silence,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the store.
    Ask,
    /// Look again after this.
    Wait(Duration),
    /// The time is over: see [`Claim::give_up`].
    GiveUp,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is ours from now on.
    Gained(u64),
    /// Another has taken it.
    Taken,
    /// The store was not heard of for too long.
    Unheard,
}

impl Claim {
    /// Nothing is held yet.
    pub fn new(now: Moment) -> Self {
        Self { here: None, ask_at: now }
    }

    /// What to do now.
    pub fn next(&self, now: Moment) -> Next {
        let until = self.here.map(|here| here.until);
        if until.is_some_and(|until| now >= until) {
            return Next::GiveUp;
        }
        if now >= self.ask_at {
            return Next::Ask;
        }
        Next::Wait(until.map_or(self.ask_at, |until| until.min(self.ask_at)) - now)
    }

    /// It may have been given back: what is not held is asked for at once.
    pub fn hurry(&mut self, now: Moment) {
        if self.here.is_none() {
            self.ask_at = self.ask_at.min(now);
        }
    }

    /// How long to wait for an answer to a question that leaves now.
    pub fn patience(&self, now: Moment) -> Duration {
        self.here.map_or(PATIENCE, |here| here.until.saturating_sub(now).min(PATIENCE))
    }

    /// Until when it is held, unless the store says so again.
    pub fn until(&self) -> Option<Moment> {
        self.here.map(|here| here.until)
    }

    /// The answer to the question that left at `asked`.
    pub fn answered(&mut self, asked: Moment, now: Moment, answer: Answer) -> Option<Change> {
        let until = asked + TTL - MARGIN;
        match (self.here, answer) {
            // Whatever it says: for a while nothing was known, and this node has to stop first.
            (Some(here), _) if now >= here.until => Some(self.give_up(now)),
            (Some(here), Answer::Ours(fence)) if fence == here.fence => {
                self.here = Some(Here { until: until.max(here.until), ..here });
                self.ask_at = asked + RENEW;
                None
            }
            (Some(_), Answer::Ours(_) | Answer::Others) => {
                (self.here, self.ask_at) = (None, now + AGAIN);
                Some(Change::Taken)
            }
            (None, Answer::Ours(fence)) if now < until => {
                (self.here, self.ask_at) = (Some(Here { fence, until }), asked + RENEW);
                Some(Change::Gained(fence))
            }
            (_, Answer::Silence | Answer::Others | Answer::Ours(_)) => {
                self.ask_at = now + AGAIN;
                None
            }
        }
    }

    /// It is held no more.
    pub fn give_up(&mut self, now: Moment) -> Change {
        (self.here, self.ask_at) = (None, now + AGAIN);
        Change::Unheard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(number: u64) -> Moment {
        Duration::from_millis(number)
    }

    /// A claim that was gained by a question that left at 0.
    fn held() -> Claim {
        let mut claim = Claim::new(ms(0));
        assert_eq!(claim.next(ms(0)), Next::Ask);
        assert_eq!(claim.answered(ms(0), ms(5), Answer::Ours(7)), Some(Change::Gained(7)));
        claim
    }

    #[test]
    fn what_is_held_is_renewed_long_before_it_ends() {
        let mut claim = held();
        assert_eq!(claim.next(ms(5)), Next::Wait(ms(2_995)));
        for round in 1..100 {
            let now = ms(round * 3_000);
            assert_eq!(claim.next(now), Next::Ask);
            assert_eq!(claim.answered(now, now + ms(20), Answer::Ours(7)), None);
        }
        assert_eq!(claim.until(), Some(ms(99 * 3_000 + 8_000)));
    }

    #[test]
    fn a_node_that_hears_nothing_stops_before_the_lease_ends_for_the_others() {
        let mut claim = held();
        let mut now = ms(3_000);
        // The last renewal that the store has seen left at 0; nobody else gets it before 10 s.
        loop {
            match claim.next(now) {
                Next::Ask => {
                    let patience = claim.patience(now);
                    assert!(patience <= ms(2_500) && now + patience <= ms(8_000), "{now:?} {patience:?}");
                    let asked = now;
                    now += patience;
                    if claim.answered(asked, now, Answer::Silence) == Some(Change::Unheard) {
                        break;
                    }
                }
                Next::Wait(wait) => now += wait,
                Next::GiveUp => {
                    claim.give_up(now);
                    break;
                }
            }
        }
        assert!(now <= ms(8_000) && claim.until().is_none(), "{now:?}");
    }

    #[test]
    fn an_answer_that_comes_after_the_end_does_not_save_it() {
        let mut claim = held();
        // Frozen in the middle of a renewal.
        assert_eq!(claim.answered(ms(3_000), ms(60_000), Answer::Ours(7)), Some(Change::Unheard));
        assert_eq!(claim.next(ms(60_000)), Next::Wait(AGAIN));
        // And one that says yes to a question of long ago gives nothing.
        let mut claim = Claim::new(ms(0));
        assert_eq!(claim.answered(ms(0), ms(8_000), Answer::Ours(7)), None);
        assert_eq!(claim.until(), None);
    }

    #[test]
    fn frozen_between_renewals_it_gives_up_before_it_asks() {
        let claim = held();
        assert_eq!(claim.next(ms(7_999)), Next::Ask);
        assert_eq!(claim.next(ms(8_000)), Next::GiveUp);
        assert_eq!(claim.next(ms(3_600_000)), Next::GiveUp);
    }

    #[test]
    fn what_another_has_taken_is_lost_also_if_it_came_back() {
        for answer in [Answer::Others, Answer::Ours(9)] {
            let mut claim = held();
            assert_eq!(claim.answered(ms(3_000), ms(3_010), answer), Some(Change::Taken));
        }
    }

    #[test]
    fn what_another_holds_is_asked_for_every_second_and_silence_takes_nothing_away_at_once() {
        let mut claim = Claim::new(ms(0));
        assert_eq!(claim.answered(ms(0), ms(10), Answer::Others), None);
        assert_eq!((claim.next(ms(1_009)), claim.next(ms(1_010))), (Next::Wait(ms(1)), Next::Ask));
        claim.hurry(ms(500));
        assert_eq!(claim.next(ms(500)), Next::Ask);
        let mut claim = held();
        claim.hurry(ms(10));
        assert_eq!(claim.next(ms(10)), Next::Wait(ms(2_990)), "what is held is not asked for");
        assert_eq!(claim.answered(ms(3_000), ms(5_500), Answer::Silence), None);
        assert_eq!((claim.next(ms(6_500)), claim.patience(ms(6_500))), (Next::Ask, ms(1_500)));
        assert_eq!(claim.answered(ms(6_500), ms(6_510), Answer::Ours(7)), None);
        assert_eq!(claim.until(), Some(ms(14_500)), "counted from when the question left");
    }
}
