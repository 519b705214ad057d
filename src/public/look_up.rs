//! A citizen whom the channel knows asks how far their matters are (进度).

use super::Public;
use crate::{
    channels::Channel,
    number::Number,
    store::{StoreError, TicketRow},
};
use jiesu_connector::{LookUp, Progress, Refusal, Response};
use serde_json::Value;
use std::time::Duration;

/// Channels wait for about five seconds (WeChat), as at the door.
const PATIENCE: Duration = Duration::from_secs(4);
/// Matters told at once.
const LATEST: usize = 3;

/// Answers from the store. Another citizen's number is as one that does not exist.
pub(super) async fn answer(public: &Public, channel: &Channel, look_up: LookUp) -> Response {
    let LookUp { sender, number, answer } = look_up;
    let found = tokio::time::timeout(PATIENCE, find(public, channel, &sender, number.as_deref())).await;
    let unavailable = Refusal::Unavailable { retry_after: Duration::from_secs(5) };
    let found = found.map_err(|_| unavailable).and_then(|found| found.map_err(|_| unavailable));
    answer(found.as_deref().map_err(|refusal| *refusal))
}

/// Newest first. What they are still talking about has a number on its receipts, but no ticket yet.
async fn find(
    public: &Public,
    channel: &Channel,
    sender: &str,
    asked: Option<&str>,
) -> Result<Vec<Progress>, StoreError> {
    let store = &public.store;
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
