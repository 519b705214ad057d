//! The index from the store: at the start, after Redis has lost it, and on command.

use super::{Repeats, citizen};
use crate::{
    number::{Number, day_key},
    store::{Store, TicketQuery},
};
use jiesu_linking::Appeal;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

/// Tickets read in one go.
const AT_ONCE: usize = 200;

/// A ticket as the index sees it.
pub struct Known {
    title: String,
    text: String,
    /// Who speaks, as the index has it; 0 for nobody.
    pub citizen: u64,
    at: i64,
}

impl Known {
    /// From its document.
    pub fn of(ticket: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let at = ticket["received_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        Self {
            title: text(&ticket["title"]),
            text: [text(&ticket["content"]), text(&ticket["location"]["text"])].join("。"),
            citizen: citizen(ticket["appellant"]["key"].as_str().unwrap_or_default()),
            at: at.map_or(0, |at| at.as_second()),
        }
    }

    /// To be compared.
    pub fn appeal(&self, number: Number) -> Appeal<'_> {
        Appeal { number: number.to_key(), at: self.at, citizen: self.citizen, title: &self.title, text: &self.text }
    }
}

/// The first ticket of a ticket's incident; itself, if it is in none.
pub fn root_of(number: Number, ticket: &Value) -> Number {
    let id = ticket["incident"]["id"].as_str().and_then(|id| id.strip_prefix("in_"));
    id.and_then(|root| root.parse().ok()).unwrap_or(number)
}

/// The ticket that a ticket's matter counts to: an earlier one of its citizen, or itself.
pub fn counts_to(number: Number, ticket: &Value) -> Number {
    ticket["repeat"]["of"].as_str().and_then(|of| of.parse().ok()).unwrap_or(number)
}

/// Removes what the index holds, and builds it anew from the tickets in its window; says how many.
///
/// # Errors
/// Why not, in words.
pub async fn rebuild(repeats: &Repeats, store: &dyn Store, zone: &TimeZone) -> Result<usize, String> {
    let rebuilding = repeats.rebuilding();
    repeats.clear().await.map_err(|error| error.to_string())?;
    let count = fill(repeats, store, zone).await?;
    rebuilding.done();
    Ok(count)
}

/// Puts the tickets of the window that are there now into the index; says how many.
///
/// # Errors
/// Why not, in words.
pub async fn fill(repeats: &Repeats, store: &dyn Store, zone: &TimeZone) -> Result<usize, String> {
    repeats.mark_filling(true).await.map_err(|error| error.to_string())?;
    let window = SignedDuration::try_from(repeats.window()).unwrap_or(SignedDuration::MAX);
    let since = Timestamp::now().saturating_sub(window).unwrap_or(Timestamp::MIN);
    let newest = store.tickets(TicketQuery { limit: 1, ..TicketQuery::default() }).await;
    let newest = newest.map_err(|error| error.to_string())?.first().map(|row| row.number);
    let mut after = Number { day: day_key(since.to_zoned(zone.clone()).date()), sequence: 0 };
    let mut count = 0;
    while newest.is_some_and(|newest| after < newest) {
        let rows = store.tickets_from(after, AT_ONCE).await.map_err(|error| error.to_string())?;
        let Some(last) = rows.last() else { break };
        after = last.number;
        for row in rows.iter().filter(|row| newest.is_some_and(|newest| row.number <= newest)) {
            let ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
            let known = Known::of(&ticket);
            let root = root_of(row.number, &ticket).to_key();
            let counts_to = counts_to(row.number, &ticket).to_key();
            let put = repeats.put(&known.appeal(row.number), counts_to, root).await;
            put.map_err(|error| error.to_string())?;
            count += 1;
            // It is work, and others have some too.
            tokio::task::yield_now().await;
        }
    }
    repeats.mark_filling(false).await.map_err(|error| error.to_string())?;
    if count > 0 {
        tracing::info!(tickets = count, "the repeat index was filled from the store");
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Judgement, store::sqlite::SqliteStore};
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_asked_for_while_a_rebuild_is_under_way_is_not_lost_with_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("jiesu.db")).unwrap();
        let index = Repeats::in_memory(&Judgement::built_in(), Duration::from_secs(60));
        index.rebuild();
        let first = index.rebuilding();
        assert!(!index.must_rebuild(), "it is under way");
        index.rebuild();
        first.done();
        assert!(index.must_rebuild(), "it was asked for after it had begun");
        rebuild(&index, &store, &TimeZone::UTC).await.unwrap();
        assert!(!index.must_rebuild());
        store.close().await.unwrap();
        rebuild(&index, &store, &TimeZone::UTC).await.unwrap_err();
        assert!(index.must_rebuild(), "it failed");
    }
}
