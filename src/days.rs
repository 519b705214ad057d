//! The days: before one ends an alarm for what still waits, and after its end its certificate (当日工单当日转接).
//!
//! A closed day's record is hashed together with the hash of the day before, so that no day can be changed, left out or
//! put in later without every later hash telling.

mod chain;

pub use chain::{Broken, Chain, verify};

use crate::{
    clock::Clock,
    config::Reconciliation,
    intake::Intake,
    number::day_key,
    store::{ClosedDay, Store, StoreError, Tally, Waiting},
    ticket,
};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Between looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// After midnight a message of the old day may still be on its way to the disk.
const STRAGGLERS: SignedDuration = SignedDuration::from_secs(30);
/// Days closed in one look, after a long rest.
const AT_ONCE: usize = 31;

/// A day, and what waits of it.
type Raised = Option<(u32, Vec<Waiting>)>;

/// What still waits shortly before the day ends.
#[derive(Debug, Clone, Default)]
pub struct Alarm(Arc<Mutex<Raised>>);

impl Alarm {
    /// The alarm in words, if there is one.
    pub fn notice(&self) -> Option<String> {
        let alarm = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (day, waiting) = alarm.as_ref()?;
        let each: Vec<String> =
            waiting.iter().map(|one| format!("{} {}: {}", one.channel, one.hotline, one.count)).collect();
        let total: u64 = waiting.iter().map(|one| one.count).sum();
        Some(format!(
            "{total} messages of {} wait for their ticket before the day ends ({})",
            shown(*day),
            each.join(", ")
        ))
    }

    fn set(&self, alarm: Raised) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = alarm.as_ref().map(|(day, _)| *day) != held.as_ref().map(|(day, _)| *day);
        *held = alarm;
        news
    }
}

/// `20261122` as `2026-11-22`.
pub fn shown(day: u32) -> String {
    format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

/// What is hashed of a day: the hash before, and the record as it stands.
pub fn hash(previous: &[u8; 32], record: &str) -> [u8; 32] {
    Sha256::new_with_prefix(previous).chain_update(record.as_bytes()).finalize().into()
}

/// The sums of a day, as they are shown and closed.
pub fn sums(day: u32, rows: &[Tally]) -> Value {
    let mut total = Tally::default();
    for row in rows {
        total.received += row.received;
        total.ticketed += row.ticketed;
        total.supplement += row.supplement;
        total.repeat += row.repeat;
        total.redelivery += row.redelivery;
        total.rejected += row.rejected;
        total.pending += row.pending;
    }
    let balanced = rows.iter().all(Tally::balanced);
    let mut total = serde_json::to_value(&total).unwrap_or_default();
    if let Some(total) = total.as_object_mut() {
        total.shift_remove("channel");
        total.shift_remove("hotline");
    }
    json!({ "day": shown(day), "rows": rows, "total": total, "balanced": balanced })
}

/// What holds of a closed day: its record fits its hash, and it follows `before`.
pub fn fault(day: &ClosedDay, before: Option<&ClosedDay>) -> Option<&'static str> {
    let follows = before.map_or([0; 32], |before| before.hash);
    match () {
        () if hash(&day.previous, &day.record) != day.hash => Some("its record does not fit its hash"),
        () if day.previous != follows => Some("it does not follow the closed day before it"),
        () => None,
    }
}

/// Watches the clock.
pub struct Days {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The one door, for the counts of what it rejected.
    pub intake: Arc<Intake>,
    /// The city's time.
    pub zone: TimeZone,
    /// What time it is.
    pub clock: Clock,
    /// When to do what.
    pub config: Reconciliation,
    /// What still waits.
    pub alarm: Alarm,
}

impl Days {
    /// Watches until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut closed_before = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = self.clock.now();
            let today = now.to_zoned(self.zone.clone()).date();
            if closed_before != Some(today) {
                match self.close(now, today).await {
                    Ok(true) => closed_before = Some(today),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "closing a day waits for the store"),
                }
            }
            if let Err(error) = self.watch(now).await {
                tracing::debug!(%error, "the look at what waits waits for the store");
            }
        }
    }

    /// Closes the days that are over; true if none is left open.
    async fn close(&self, now: Timestamp, today: Date) -> Result<bool, StoreError> {
        let mut last = self.store.last_closed().await?;
        let first = match &last {
            Some(last) => date(last.day).and_then(|day| day.tomorrow().ok()),
            None => self.store.first_day().await?.and_then(date),
        };
        let Some(mut day) = first else { return Ok(false) };
        for _ in 0..AT_ONCE {
            if day >= today {
                return Ok(true);
            }
            let midnight = day.saturating_add(1.day()).to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp());
            let over = now.duration_since(midnight.unwrap_or(now));
            if over < STRAGGLERS {
                return Ok(false);
            }
            let key = day_key(day);
            let waits = !self.store.waiting(key, Timestamp::MAX).await?.is_empty();
            if waits && over.unsigned_abs() < self.config.close_after.get() {
                return Ok(false);
            }
            let _ = self.intake.flush().await;
            let rows = self.store.tallies(key).await?;
            let pending: u64 = rows.iter().map(|row| row.pending).sum();
            let mut record = sums(key, &rows);
            record["closed_at"] = ticket::rfc3339(now, &self.zone).into();
            let record = record.to_string();
            let previous = last.as_ref().map_or([0; 32], |last| last.hash);
            let closed = ClosedDay { day: key, previous, hash: hash(&previous, &record), record };
            if !self.store.close_day(closed.clone()).await? {
                return Ok(false);
            }
            match pending {
                0 => tracing::info!(day = shown(key), "the day is closed; everything received has become something"),
                _ => tracing::error!(
                    alarm = true,
                    day = shown(key),
                    pending,
                    "the day is closed, and messages still wait"
                ),
            }
            last = Some(closed);
            day = day.saturating_add(1.day());
        }
        Ok(false)
    }

    /// Raises the alarm, or ends it.
    async fn watch(&self, now: Timestamp) -> Result<(), StoreError> {
        let local = now.to_zoned(self.zone.clone());
        let day = day_key(local.date());
        let waiting = match local.time() >= self.config.alarm_at.0 {
            true => {
                let since = now.checked_sub(self.config.pending_after.get()).unwrap_or(now);
                self.store.waiting(day, since).await?
            }
            false => Vec::new(),
        };
        let count: u64 = waiting.iter().map(|one| one.count).sum();
        metrics::gauge!("jiesu_day_pending_messages").set(count as f64);
        let news = self.alarm.set((count > 0).then_some((day, waiting)));
        match self.alarm.notice() {
            Some(notice) if news => tracing::error!(alarm = true, "{notice}"),
            None if news => tracing::info!("nothing of the day waits any more"),
            _ => {}
        }
        Ok(())
    }
}

/// `20261122` as a date.
fn date(day: u32) -> Option<Date> {
    let part = |number: u32| i8::try_from(number).ok();
    Date::new(i16::try_from(day / 10_000).ok()?, part(day / 100 % 100)?, part(day % 100)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(day: u32, before: Option<&ClosedDay>, record: &str) -> ClosedDay {
        let previous = before.map_or([0; 32], |before| before.hash);
        ClosedDay { day, previous, hash: hash(&previous, record), record: record.into() }
    }

    #[test]
    fn a_day_that_is_changed_left_out_or_put_in_is_told() {
        let first = closed(20_261_120, None, "{\"day\":\"2026-11-20\"}");
        let second = closed(20_261_121, Some(&first), "{\"day\":\"2026-11-21\"}");
        let third = closed(20_261_122, Some(&second), "{\"day\":\"2026-11-22\"}");
        assert_eq!([fault(&first, None), fault(&second, Some(&first)), fault(&third, Some(&second))], [None; 3]);
        let forged = ClosedDay { record: "{}".into(), ..second.clone() };
        assert!(fault(&forged, Some(&first)).is_some_and(|what| what.contains("hash")));
        let anew = closed(20_261_121, Some(&first), "{}");
        assert_eq!(fault(&anew, Some(&first)), None);
        assert!(fault(&third, Some(&anew)).is_some() && fault(&third, Some(&first)).is_some());
        assert!(fault(&second, None).is_some());
    }

    #[test]
    fn days_are_read_and_shown() {
        assert_eq!(date(20_261_122).map(day_key), Some(20_261_122));
        assert_eq!(shown(20_260_103), "2026-01-03");
        assert_eq!(date(20_260_230), None);
    }
}
