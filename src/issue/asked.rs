//! Messages that came through the door as appeals, and are about a ticket that is there after all: 请尽快处理; 催办 by a channel
//! that takes no words at the door; a photo that comes late, 补充：…; 好的，谢谢.

use super::{Issuer, NotNow, noted, word::NAMEABLE};
use crate::{
    assembly::Matter,
    channels::Channel,
    number::Number,
    revise::Draft,
    store::{Heard, Message, Outcome, TicketQuery, TicketRow},
};
use jiesu_connector::{Appeal, Ask, Intent, Part, PartType, is_courtesy, is_haste, is_more, named, rating, recognise};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// What says of itself that it adds to something, and a photo without a word, is about a ticket that is not older.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Issuer {
    /// What becomes of messages each of which is a word about a ticket that is there. None if they are an appeal.
    pub(super) async fn asked(
        &self,
        channel: &Arc<Channel>,
        said: &[(Message, Appeal)],
    ) -> Result<Option<Vec<Outcome>>, NotNow> {
        let words: Option<Vec<Appeal>> = said.iter().map(|(_, appeal)| as_word(channel, appeal)).collect();
        let Some(words) = words.filter(|words| !words.is_empty()) else { return self.adds(channel, said).await };
        let mut outcomes = Vec::with_capacity(words.len());
        for ((message, _), word) in said.iter().zip(words) {
            // Where there is no such ticket it is an appeal, so that a person reads it.
            let about = match word.intent {
                Intent::Rate => self.asks_rating(channel, message, &word).await?,
                _ => self.target(channel, message, &word).await?,
            };
            let Some(row) = about else { return Ok(None) };
            outcomes.push(match word.intent {
                Intent::Note => noted(message.id, Some(Heard { about: Some(row.number), what: "progress" })),
                _ => self.word(channel, message.clone(), word).await?,
            });
        }
        Ok(Some(outcomes))
    }

    /// What becomes of messages that add to a ticket that is there, or are only polite. None if they are an appeal.
    async fn adds(&self, channel: &Arc<Channel>, said: &[(Message, Appeal)]) -> Result<Option<Vec<Outcome>>, NotNow> {
        let Some((first, appeal)) = said.first() else { return Ok(None) };
        // Before the words are looked at: most of what programs send has a title.
        if channel.imports() || appeal.title.is_some() {
            return Ok(None);
        }
        // Where each message is a matter of its own, a photo is one.
        let mute = |appeal: &Appeal| channel.window.is_some() && wordless(appeal);
        let adds = |appeal: &Appeal| mute(appeal) || is_more(&appeal.content, &channel.words);
        let polite = |appeal: &Appeal| appeal.attachments.is_empty() && is_courtesy(&appeal.content, &channel.words);
        let number = said.iter().find_map(|(_, appeal)| named(&appeal.content)?.parse::<Number>().ok());
        let all = said.iter().all(|(_, appeal)| adds(appeal) || polite(appeal));
        if !all && number.is_none() {
            return Ok(None);
        }
        let limit = if number.is_some() { NAMEABLE } else { 1 };
        let theirs = self.theirs(channel, first, appeal, limit).await?;
        let row = match number {
            Some(number) => theirs.into_iter().find(|row| row.number == number),
            None => theirs.into_iter().next(),
        };
        let Some(row) = row.filter(|row| is_recent(row, first.received_at)) else { return Ok(None) };
        if all && !said.iter().any(|(_, appeal)| adds(appeal)) {
            let heard = Heard { about: Some(row.number), what: "courtesy" };
            return Ok(Some(said.iter().map(|(message, _)| noted(message.id, Some(heard))).collect()));
        }
        if !is_open(&row) {
            return Ok(None);
        }
        let added = said.iter().map(|(message, appeal)| self.supplement_to(&row, message.clone(), appeal.clone()));
        added.collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// The latest tickets of who speaks, on this channel.
    pub(super) async fn theirs(
        &self,
        channel: &Channel,
        message: &Message,
        appeal: &Appeal,
        limit: usize,
    ) -> Result<Vec<TicketRow>, NotNow> {
        let store = &self.reviser.store;
        if channel.parts.converses {
            let Some(sender) = &message.sender else { return Ok(Vec::new()) };
            return Ok(store.tickets_of(&channel.id, sender, limit).await?);
        }
        if appeal.proven.is_none() {
            return Ok(Vec::new());
        }
        let citizen =
            self.identify(&Matter { said: vec![(message.clone(), appeal.clone())], also: Vec::new() }).await?;
        let of_them = TicketQuery {
            channel: Some(channel.id.to_string()),
            appellant: Some(citizen),
            limit,
            ..Default::default()
        };
        Ok(store.tickets(of_them).await?)
    }
}

/// Photos, films and places, without a word.
fn wordless(appeal: &Appeal) -> bool {
    let mute =
        |part: &Part| matches!(part.kind, PartType::Image | PartType::Video | PartType::File | PartType::Location);
    appeal.content.trim().is_empty() && !appeal.transcript.is_empty() && appeal.transcript.iter().all(mute)
}

/// Whether what comes `at` this time may still be about it.
fn is_recent(row: &TicketRow, at: Timestamp) -> bool {
    received_at(row).is_some_and(|received| at.duration_since(received) < RECENT)
}

/// When the first message of a ticket came.
pub(super) fn received_at(row: &TicketRow) -> Option<Timestamp> {
    Draft::new(row).ticket["received_at"].as_str()?.parse().ok()
}

/// Whether it is still being worked on.
fn is_open(row: &TicketRow) -> bool {
    let withdrawn = |flags: &Value| flags.as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "withdrawn"));
    row.status != "closed" && !withdrawn(&Draft::new(row).ticket["flags"])
}

/// `appeal` as a word to the gateway, if it is nothing else.
fn as_word(channel: &Channel, appeal: &Appeal) -> Option<Appeal> {
    let more = appeal.title.is_some() || appeal.demand.is_some() || appeal.location.lat.is_some();
    if more || !appeal.attachments.is_empty() || appeal.location.text.is_some() || channel.imports() {
        return None;
    }
    let word = |intent| Appeal { intent, ..appeal.clone() };
    if is_haste(&appeal.content, &channel.words) {
        return Some(word(Intent::Urge));
    }
    // The others have taken theirs at the door, or nobody vouches for who speaks.
    if channel.parts.converses || appeal.proven.is_none() {
        return None;
    }
    match recognise(&appeal.content, &channel.words) {
        Some(Ask::Act { intent, number }) => Some(Appeal { about: number, ..word(intent) }),
        Some(Ask::Progress { number }) => Some(Appeal { about: number, ..word(Intent::Note) }),
        None => rating(&appeal.content, &channel.words).map(|_| word(Intent::Rate)),
    }
}
