//! A citizen whom the channel knows asks how far their matters are (进度).

use super::Public;
use crate::{channels::Channel, number::Number, store::TicketRow};
use jiesu_connector::{LookUp, Progress, Refusal, Response};
use serde_json::Value;
use std::time::Duration;

/// Matters told at once.
const LATEST: usize = 3;

/// Answers from the store. Another citizen's number is as one that does not exist.
pub(super) async fn answer(public: &Public, channel: &Channel, look_up: LookUp) -> Response {
    let found = match look_up.number.as_deref().map(str::parse::<Number>) {
        None => public.store.tickets_of(&channel.id, &look_up.sender, LATEST).await,
        Some(Err(_)) => Ok(Vec::new()),
        Some(Ok(number)) => public.store.ticket(number).await.map(|row| {
            let theirs = |row: &TicketRow| row.channel == *channel.id && row.sender.as_ref() == Some(&look_up.sender);
            row.into_iter().filter(theirs).collect()
        }),
    };
    let found: Result<Vec<Progress>, Refusal> = match found {
        Ok(rows) => Ok(rows.iter().map(progress).collect()),
        Err(_) => Err(Refusal::Unavailable { retry_after: Duration::from_secs(5) }),
    };
    (look_up.answer)(found.as_deref().map_err(|refusal| *refusal))
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
