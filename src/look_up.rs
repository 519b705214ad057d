//! A citizen whom a channel knows asks how far their matters are (进度).

use crate::{
    channels::Channel,
    number::Number,
    store::{Store, StoreError, TicketRow},
};
use jiesu_connector::{Progress, Refusal};
use serde_json::Value;
use std::time::Duration;

/// Channels wait for about five seconds (WeChat), as at the door.
const PATIENCE: Duration = Duration::from_secs(4);
/// Matters told at once.
const LATEST: usize = 3;

/// What the store knows of `number`, or of the latest matters of `sender`. Another citizen's number is as one that does
/// not exist.
///
/// # Errors
/// The store cannot say now.
pub async fn look_up(
    store: &dyn Store,
    channel: &Channel,
    sender: &str,
    number: Option<&str>,
) -> Result<Vec<Progress>, Refusal> {
    let found = tokio::time::timeout(PATIENCE, find(store, channel, sender, number)).await;
    let unavailable = Refusal::Unavailable { retry_after: Duration::from_secs(5) };
    found.map_err(|_| unavailable).and_then(|found| found.map_err(|_| unavailable))
}

/// Newest first. What they are still talking about has a number on its receipts, but no ticket yet.
async fn find(
    store: &dyn Store,
    channel: &Channel,
    sender: &str,
    asked: Option<&str>,
) -> Result<Vec<Progress>, StoreError> {
    let Some(asked) = asked else {
        let talking = store.talking(&channel.id, sender).await?;
        let rows = store.tickets_of(&channel.id, sender, LATEST).await?;
        // It may have become a ticket between the two.
        let talking = talking.filter(|number| rows.iter().all(|row| row.number != *number));
        return Ok(talking.into_iter().map(received).chain(rows.iter().map(progress)).take(LATEST).collect());
    };
    let Ok(number) = asked.parse::<Number>() else { return Ok(Vec::new()) };
    if store.talking(&channel.id, sender).await? == Some(number) {
        return Ok(vec![received(number)]);
    }
    let theirs = |row: &TicketRow| row.channel == *channel.id && row.sender.as_deref() == Some(sender);
    Ok(store.ticket(number).await?.filter(theirs).iter().map(progress).collect())
}

fn received(number: Number) -> Progress {
    Progress { number: number.to_string(), status: "accepted".into(), unit: None, reply: None }
}

fn progress(row: &TicketRow) -> Progress {
    let ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
    let last = ticket["replies"].as_array().and_then(|replies| replies.last());
    Progress {
        number: row.number.to_string(),
        status: row.status.clone(),
        unit: ticket["unit"].as_str().map(str::to_owned),
        reply: last.and_then(|reply| reply["text"].as_str()).map(str::to_owned),
    }
}
