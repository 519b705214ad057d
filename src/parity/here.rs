//! What the gateway has of a line: every appeal that was received for it, whatever became of it.

use super::Row;
use crate::{
    assembly,
    channels::Channels,
    config::Hotline,
    number::Number,
    store::{Known, MessageId, Store, StoreError},
    triage,
};
use jiesu_connector::{Appeal, Intent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Messages read at once.
pub const HERE_PAGE: usize = 500;

/// Some of a line's rows, one a message, and where to go on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// The rows, in the order of receipt: those of one number are one appeal.
    pub rows: Vec<Row>,
    /// Go on after this one; none at the end.
    pub next: Option<i64>,
}

/// What was received for `line` on these local days, after the message `after`.
///
/// # Errors
/// The store cannot read.
pub async fn received(
    store: &dyn Store,
    channels: &Channels,
    line: &Hotline,
    days: (u32, u32),
    after: MessageId,
) -> Result<Page, StoreError> {
    let messages = store.received_for(&line.code, days, after, HERE_PAGE).await?;
    let next = messages.last().map(|message| message.id.0);
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages {
        // Words about a ticket and events of the channel are no appeals of their own.
        if matches!(store.known(message.number).await?, Known::Noted { .. } | Known::Nothing) {
            continue;
        }
        let Some(channel) = channels.get(message.channel.as_str()) else { continue };
        let row = match assembly::parse(channel, &message) {
            Ok(appeal) if appeal.intent == Intent::Appeal => row(appeal, message.received_at, message.number, line),
            Ok(_) => continue,
            // In quarantine: it is here, though nobody can read it yet.
            Err(_) => bare(message.number, message.received_at),
        };
        rows.push(row);
    }
    Ok(Page { rows, next })
}

fn bare(number: Number, received_at: Timestamp) -> Row {
    let number = number.to_string();
    Row { place: number.clone(), ids: vec![number], times: vec![received_at], ..Row::default() }
}

fn row(appeal: Appeal, received_at: Timestamp, number: Number, line: &Hotline) -> Row {
    let mut row = bare(number, received_at);
    row.ids.extend(appeal.origin.map(|origin| origin.number));
    let said = appeal.occurred_at.and_then(|at| at.parse::<Timestamp>().ok());
    row.times = said.into_iter().chain([received_at]).collect();
    let translate = |code: String| line.categories.get(&code).cloned().unwrap_or(code);
    Row {
        phone: appeal.appellant.phone,
        name: appeal.appellant.name,
        title: appeal.title,
        content: Some(appeal.content).filter(|content| !content.is_empty()),
        category: appeal.category.map(translate),
        location: appeal.location.text,
        kind: appeal.kind.map(|kind| triage::name(kind).to_owned()),
        ..row
    }
}

impl Page {
    /// The rows of all pages together: what was said in several messages is one.
    pub fn join(pages: impl IntoIterator<Item = Self>) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for row in pages.into_iter().flat_map(|page| page.rows) {
            let place = *places.entry(row.place.clone()).or_insert(rows.len());
            match rows.get_mut(place) {
                None => rows.push(row),
                Some(first) => {
                    first.ids.extend(row.ids.into_iter().filter(|id| *id != row.place));
                    let words = [first.content.take(), row.content].into_iter().flatten();
                    first.content = Some(words.collect::<Vec<_>>().join("\n")).filter(|words| !words.is_empty());
                    first.phone = first.phone.take().or(row.phone);
                    first.name = first.name.take().or(row.name);
                }
            }
        }
        rows
    }
}
