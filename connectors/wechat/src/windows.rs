//! The citizens' windows, in the memory that all nodes share: what they did last, and what has gone out since.

use crate::quota::{Quota, Record, Room, Trigger};
use jiesu_connector::{Shared, digest};
use jiff::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// A window that closed is remembered so long; then the platform is asked again.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Rounds against other nodes that change the same record.
const ROUNDS: usize = 8;

/// The windows of one account's citizens.
///
/// The count never exceeds what the platform has counted for certain: what may or may not have gone out is not counted,
/// and what is not known is left to the platform. Losing the memory costs a refused call, no answer.
pub struct Windows {
    app_id: String,
    quota: Quota,
    shared: Arc<dyn Shared>,
    /// When this node last could not note what a citizen did (milliseconds since 1970): older records may be wrong.
    missed_at: AtomicI64,
}

/// A look at one citizen's window.
pub struct Seen {
    /// What it allows.
    pub room: Room,
    /// As the memory had it.
    held: Option<String>,
}

impl Windows {
    /// Of the account `app_id`.
    pub fn new(app_id: String, quota: Quota, shared: Arc<dyn Shared>) -> Self {
        Self { app_id, quota, shared, missed_at: AtomicI64::new(i64::MIN) }
    }

    /// The quota that is counted.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The citizen did something at `now` (milliseconds since 1970).
    pub async fn heard(&self, openid: &str, trigger: Trigger, now: i64) {
        let noted = self.change(openid, |record| {
            let mut record = record.unwrap_or_default();
            record.open(trigger, &self.quota, now);
            Some(record)
        });
        if !noted.await {
            self.missed_at.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// What may go out to the citizen now.
    pub async fn look(&self, openid: &str) -> Seen {
        let held = self.shared.get(&self.key(openid)).await.ok().flatten();
        let record = held.as_deref().and_then(Record::read);
        let record = record.filter(|record| record.at > self.missed_at.load(Ordering::Relaxed));
        Seen { room: record.map_or(Room::Unknown, |record| record.room(now())), held }
    }

    /// A message went out for certain.
    pub async fn sent(&self, openid: &str) {
        let spent = |record: Option<Record>| {
            let mut record = record?;
            record.spend(now());
            Some(record)
        };
        self.change(openid, spent).await;
    }

    /// The platform says that nothing may go out, unless the citizen did something since `seen`.
    pub async fn shut(&self, openid: &str, seen: &Seen, room: Room) {
        let known = seen.held.as_deref().and_then(Record::read);
        // How long a quota that is used up stays so is only known of windows that are known.
        if known.is_none() && room != Room::Late {
            return;
        }
        let mut record = known.unwrap_or_default();
        record.shut(room, now());
        let (key, text) = (self.key(openid), record.to_text());
        // Without the memory the platform is asked again.
        let _ = self.shared.compare_and_swap(&key, seen.held.as_deref(), &text, KEPT).await;
    }

    /// False if the memory could not be reached.
    async fn change(&self, openid: &str, change: impl Fn(Option<Record>) -> Option<Record>) -> bool {
        let key = self.key(openid);
        for _ in 0..ROUNDS {
            let Ok(held) = self.shared.get(&key).await else { return false };
            let Some(new) = change(held.as_deref().and_then(Record::read)) else { return true };
            match self.shared.compare_and_swap(&key, held.as_deref(), &new.to_text(), KEPT).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// The memory is no place for openids.
    fn key(&self, openid: &str) -> String {
        let hash = digest([openid.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        format!("wechat/{}/window/{hash}", self.app_id)
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use jiesu_connector::{LocalMemory, SharedError};
    use std::sync::atomic::AtomicBool;

    /// A memory that can go away.
    #[derive(Default)]
    struct Fickle {
        memory: LocalMemory,
        away: AtomicBool,
    }

    #[async_trait]
    impl Shared for Fickle {
        async fn get(&self, key: &str) -> Result<Option<String>, SharedError> {
            match self.away.load(Ordering::Relaxed) {
                true => Err(SharedError("away".into())),
                false => self.memory.get(key).await,
            }
        }

        async fn compare_and_swap(
            &self,
            key: &str,
            old: Option<&str>,
            new: &str,
            ttl: Duration,
        ) -> Result<bool, SharedError> {
            match self.away.load(Ordering::Relaxed) {
                true => Err(SharedError("away".into())),
                false => self.memory.compare_and_swap(key, old, new, ttl).await,
            }
        }
    }

    fn node(shared: &Arc<Fickle>) -> Windows {
        Windows::new("wx1".into(), Quota::default(), Arc::clone(shared) as Arc<dyn Shared>)
    }

    #[tokio::test]
    async fn all_nodes_agree_and_count_together() {
        let shared = Arc::new(Fickle::default());
        let (one, two) = (node(&shared), node(&shared));
        assert_eq!(one.look("oA").await.room, Room::Unknown);
        one.heard("oA", Trigger::Message, now()).await;
        for left in (1..=5).rev() {
            assert_eq!(two.look("oA").await.room, Room::For(left));
            if left % 2 == 0 { one.sent("oA").await } else { two.sent("oA").await }
        }
        assert_eq!(one.look("oA").await.room, Room::Spent);
        assert_eq!(one.look("oB").await.room, Room::Unknown, "each citizen has a window of their own");
    }

    #[tokio::test]
    async fn what_was_lost_is_not_known_and_nothing_is_refused_for_it() {
        let shared = Arc::new(Fickle::default());
        let one = node(&shared);
        one.heard("oA", Trigger::Message, now() - 49 * 3_600_000).await;
        assert_eq!(one.look("oA").await.room, Room::Late);
        shared.away.store(true, Ordering::Relaxed);
        assert_eq!(one.look("oA").await.room, Room::Unknown);
        // They write while the memory is away: what it holds when it is back is old.
        one.heard("oA", Trigger::Message, now()).await;
        shared.away.store(false, Ordering::Relaxed);
        assert_eq!(one.look("oA").await.room, Room::Unknown);
        tokio::time::sleep(Duration::from_millis(2)).await;
        one.heard("oA", Trigger::Message, now()).await;
        assert_eq!(one.look("oA").await.room, Room::For(5));
    }

    #[tokio::test]
    async fn the_platforms_word_does_not_outlive_what_the_citizen_does_meanwhile() {
        let shared = Arc::new(Fickle::default());
        let one = node(&shared);
        let seen = one.look("oA").await;
        one.shut("oA", &seen, Room::Spent).await;
        assert_eq!(one.look("oA").await.room, Room::Unknown);
        one.shut("oA", &seen, Room::Late).await;
        let seen = one.look("oA").await;
        assert_eq!(seen.room, Room::Late);
        one.heard("oA", Trigger::Message, now()).await;
        one.shut("oA", &seen, Room::Late).await;
        assert_eq!(one.look("oA").await.room, Room::For(5));
    }
}
