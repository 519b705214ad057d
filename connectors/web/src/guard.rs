//! Who comes too often, counted in the memory that all nodes share, in windows of ten minutes. Where that memory cannot
//! be reached nobody is held up: it protects against nuisance, not the appeals.

use crate::{challenge::Challenges, token::hex};
use jiesu_connector::{Seal, Shared};
use jiff::Timestamp;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Seconds in which submits are counted.
const WINDOW: i64 = 600;
/// Submits from one address before it has to work for further ones, where the channel asks for that.
const FREE: u32 = 10;
/// Passes without work, for browsers without scripts, from one address.
const PATIENT: u32 = 10;
/// At the same time as others: then the count may be a little low.
const ATTEMPTS: usize = 8;

/// Counts who comes.
#[derive(Clone)]
pub(crate) struct Guard {
    pub shared: Arc<dyn Shared>,
    pub seal: Arc<dyn Seal>,
    pub channel: String,
    /// Submits with one phone number in the window; 0 for any number.
    pub per_phone: u32,
    /// Asked where work is to be done.
    pub challenges: Option<Challenges>,
}

/// What a submit shows of itself.
pub(crate) struct Visitor {
    pub address: IpAddr,
    pub phone: Option<String>,
    /// A name for this submit: the same for a second click.
    pub submit: String,
    /// The answer to a challenge.
    pub solution: Option<String>,
    /// What the page carried for who waits.
    pub patience: Option<(String, String)>,
}

/// Whether a submit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does.
    Pass,
    /// Work, or patience, is wanted first.
    Work,
    /// Not for so long.
    Wait(Duration),
}

impl Guard {
    /// Whether there is anything to count.
    pub fn is_needed(&self, visitor: &Visitor) -> bool {
        self.challenges.is_some() || (self.per_phone > 0 && visitor.phone.is_some())
    }

    /// Counts a submit.
    pub async fn judge(&self, visitor: Visitor, now: Timestamp) -> Verdict {
        let phone = match &visitor.phone {
            Some(phone) => self.count("phone", phone.as_bytes(), now).await,
            None => 0,
        };
        let busy = self.per_phone > 0 && phone > self.per_phone;
        let Some(challenges) = &self.challenges else {
            return if busy { Verdict::Wait(rest(now)) } else { Verdict::Pass };
        };
        let address = address_key(visitor.address);
        if !busy && self.count("address", &address, now).await <= FREE {
            return Verdict::Pass;
        }
        if let Some(challenge) = visitor.solution.as_deref().and_then(|solution| challenges.solved(solution, now)) {
            return if self.use_up(&challenge, &visitor.submit).await { Verdict::Pass } else { Verdict::Work };
        }
        let waited = visitor.patience.as_ref().is_some_and(|(token, patience)| challenges.waited(token, patience, now));
        if !waited || !self.use_up(&format!("patience/{}", visitor.submit), &visitor.submit).await {
            return Verdict::Work;
        }
        match self.count("patient", &address, now).await {
            ..=PATIENT => Verdict::Pass,
            _ => Verdict::Wait(rest(now)),
        }
    }

    /// How often `who` came in this window, this time included.
    async fn count(&self, what: &str, who: &[u8], now: Timestamp) -> u32 {
        // Not the number itself: the memory is no place for citizens' data.
        let who = hex(&self.seal.mark("web guard", &[what.as_bytes(), who])[..12]);
        let key = format!("web/{}/{what}/{who}/{}", self.channel, now.as_second().div_euclid(WINDOW));
        for _ in 0..ATTEMPTS {
            let Ok(old) = self.shared.get(&key).await else { return 0 };
            let count = old.as_deref().and_then(|count| count.parse::<u32>().ok()).unwrap_or(0).saturating_add(1);
            let ttl = Duration::from_secs(WINDOW.unsigned_abs());
            match self.shared.compare_and_swap(&key, old.as_deref(), &count.to_string(), ttl).await {
                Ok(true) => return count,
                Ok(false) => {}
                Err(_) => return 0,
            }
        }
        0
    }

    /// Uses `what` up for `submit`: true also if this very submit has done so before.
    async fn use_up(&self, what: &str, submit: &str) -> bool {
        let key = format!("web/{}/used/{what}", self.channel);
        let ttl = Duration::from_secs(crate::challenge::LIFE.unsigned_abs() + 60);
        match self.shared.compare_and_swap(&key, None, submit, ttl).await {
            Ok(true) | Err(_) => true,
            Ok(false) => self.shared.get(&key).await.map_or(true, |by| by.as_deref() == Some(submit)),
        }
    }
}

/// Until the next window.
fn rest(now: Timestamp) -> Duration {
    Duration::from_secs((WINDOW - now.as_second().rem_euclid(WINDOW)).unsigned_abs())
}

/// An IPv4 address, or the /64 of an IPv6 address: what one line gets.
fn address_key(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::{LocalMemory, LocalSeal};
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    fn guard(work: bool) -> Guard {
        let seal: Arc<dyn Seal> = Arc::new(LocalSeal::default());
        let challenges = work.then(|| Challenges::new(seal.clone(), "a", 100));
        Guard { shared: Arc::new(LocalMemory::default()), seal, channel: "a".into(), per_phone: 3, challenges }
    }

    fn visitor(address: u8, phone: &str, submit: usize) -> Visitor {
        let phone = Some(phone.to_owned()).filter(|phone| !phone.is_empty());
        let address = IpAddr::from([203, 0, 113, address]);
        Visitor { address, phone, submit: submit.to_string(), solution: None, patience: None }
    }

    fn judge(guard: &Guard, visitor: Visitor, second: i64) -> Verdict {
        let now = Timestamp::from_second(second).unwrap_or_default();
        let judged = pin!(guard.judge(visitor, now));
        let Poll::Ready(verdict) = judged.poll(&mut Context::from_waker(Waker::noop())) else { panic!("at once") };
        verdict
    }

    #[test]
    fn one_phone_number_is_limited_and_others_are_not() {
        let guard = guard(false);
        for submit in 0..3 {
            assert_eq!(judge(&guard, visitor(1, "13800138000", submit), 10), Verdict::Pass);
        }
        assert_eq!(judge(&guard, visitor(2, "13800138000", 9), 10), Verdict::Wait(Duration::from_secs(590)));
        assert_eq!(judge(&guard, visitor(1, "13900139000", 9), 10), Verdict::Pass);
        assert_eq!(judge(&guard, visitor(1, "", 9), 10), Verdict::Pass);
        assert_eq!(judge(&guard, visitor(2, "13800138000", 9), 600), Verdict::Pass, "the next ten minutes");
    }

    #[test]
    fn who_comes_often_has_to_work_or_to_wait() {
        let guard = guard(true);
        for submit in 0..10 {
            assert_eq!(judge(&guard, visitor(1, "", submit), 10), Verdict::Pass);
        }
        assert_eq!(judge(&guard, visitor(1, "", 10), 10), Verdict::Work);
        assert_eq!(judge(&guard, visitor(2, "", 11), 10), Verdict::Pass, "from another address");
        let challenges = guard.challenges.clone().expect("it asks for work");
        let now = Timestamp::from_second(10).unwrap_or_default();
        for submit in 20..20 + PATIENT as usize {
            let patience = Some(("t".to_owned(), challenges.patience("t", now)));
            let with = |submit| Visitor { patience: patience.clone(), ..visitor(1, "", submit) };
            assert_eq!(judge(&guard, with(submit), 11), Verdict::Work, "too soon");
            assert_eq!(judge(&guard, with(submit), 70), Verdict::Pass);
        }
        let patience = Some(("t".to_owned(), challenges.patience("t", now)));
        let more = judge(&guard, Visitor { patience, ..visitor(1, "", 99) }, 70);
        assert_eq!(more, Verdict::Wait(Duration::from_secs(530)));
    }
}
