//! Messages that came through the door as appeals, and are about a ticket that is there after all: 请尽快处理; 催办 by a channel
//! that takes no words at the door; a photo that comes late, 补充：…; 好的，谢谢.

use super::{Issuer, NotNow, noted};
use crate::{
    assembly::Matter,
    channels::Channel,
    number::Number,
    revise::Draft,
    store::{Message, NoTicket, Outcome, TicketQuery, TicketRow},
};
use jiesu_connector::{Appeal, Ask, Intent, Part, PartType, Said};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

/// What says of itself that it adds to something, and a photo without a word, is about a ticket that is not older.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What messages may be, if they are no appeal.
enum Heard {
    /// Each a word to the gateway.
    Words(Vec<Appeal>),
    /// Something to add to a ticket.
    Addition(Addition),
}

struct Addition {
    /// The ticket, if one is named.
    number: Option<Number>,
    /// Nothing else was said than that.
    only: Only,
}

/// What was said at most.
#[derive(PartialEq, Eq)]
enum Only {
    /// 好的，谢谢.
    Courtesies,
    /// What adds to something, and courtesies.
    Additions,
    /// Anything, beside a ticket's number.
    Anything,
}

impl Issuer {
    /// What becomes of messages each of which is a word about a ticket that is there, or that add to one. None if they are an
    /// appeal.
    pub(super) async fn asked(
        &self,
        channel: &Arc<Channel>,
        said: &[(Message, Appeal)],
    ) -> Result<Option<Vec<Outcome>>, NotNow> {
        let words = match heard(channel, said) {
            Some(Heard::Words(words)) => words,
            Some(Heard::Addition(addition)) => return self.adds(channel, said, addition).await,
            None => return Ok(None),
        };
        let mut outcomes = Vec::with_capacity(words.len());
        for ((message, _), word) in said.iter().zip(words) {
            // Where there is no such ticket it is an appeal, so that a person reads it.
            let about = match word.intent {
                Intent::Rate => self.asks_rating(channel, message, &word).await?,
                _ => self.target(channel, message, &word).await?,
            };
            let Some(row) = about else { return Ok(None) };
            outcomes.push(match word.intent {
                Intent::Note => noted(message.id, Some(NoTicket { about: Some(row.number), what: "progress" })),
                _ => self.word(channel, message.clone(), word).await?,
            });
        }
        Ok(Some(outcomes))
    }

    /// What becomes of messages that add to a ticket that is there, or are only polite. None if they are an appeal.
    async fn adds(
        &self,
        channel: &Arc<Channel>,
        said: &[(Message, Appeal)],
        addition: Addition,
    ) -> Result<Option<Vec<Outcome>>, NotNow> {
        let Some((first, appeal)) = said.first() else { return Ok(None) };
        let row = match addition.number {
            Some(number) => self.their_ticket(channel, first, appeal, number).await?,
            None => self.theirs(channel, first, appeal, 1).await?.pop(),
        };
        let Some(row) = row.filter(|row| is_recent(row, first.received_at)) else { return Ok(None) };
        if addition.only == Only::Courtesies {
            let shown = NoTicket { about: Some(row.number), what: "courtesy" };
            return Ok(Some(said.iter().map(|(message, _)| noted(message.id, Some(shown))).collect()));
        }
        if !is_open(&row) {
            return Ok(None);
        }
        let added = said.iter().map(|(message, appeal)| self.supplement_to(&row, message.clone(), appeal.clone()));
        added.collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// The ticket of this number, if it is one of who speaks, on this channel.
    pub(super) async fn their_ticket(
        &self,
        channel: &Channel,
        message: &Message,
        appeal: &Appeal,
        number: Number,
    ) -> Result<Option<TicketRow>, NotNow> {
        let row = self.reviser.store.ticket(number).await?.filter(|row| row.channel == *channel.id);
        let Some(row) = row else { return Ok(None) };
        let is_theirs = match (channel.parts.converses, &appeal.proven) {
            (true, _) => message.sender.is_some() && row.sender == message.sender,
            (false, None) => false,
            (false, Some(_)) => Draft::new(&row).ticket["appellant"]["key"] == self.speaker(message, appeal).await?,
        };
        Ok(is_theirs.then_some(row))
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
        let of_them = TicketQuery {
            channel: Some(channel.id.to_string()),
            appellant: Some(self.speaker(message, appeal).await?),
            limit,
            ..Default::default()
        };
        Ok(store.tickets(of_them).await?)
    }

    /// The key of who speaks.
    async fn speaker(&self, message: &Message, appeal: &Appeal) -> Result<String, NotNow> {
        self.identify(&Matter { said: vec![(message.clone(), appeal.clone())], also: Vec::new() }).await
    }
}

/// What messages may be by what they say, if they are no appeal.
fn heard(channel: &Channel, said: &[(Message, Appeal)]) -> Option<Heard> {
    let heard = said.iter().map(|(_, appeal)| (appeal, Said::new(&appeal.content, &channel.words)));
    let heard: Vec<(&Appeal, Said<'_>)> = heard.collect();
    let (first, _) = heard.first()?;
    let words: Option<Vec<Appeal>> = heard.iter().map(|(appeal, said)| as_word(channel, appeal, said)).collect();
    if let Some(words) = words {
        return Some(Heard::Words(words));
    }
    // Before the words are looked at: most of what programs send has a title. And of somebody whom nobody vouches for, no
    // ticket is known to be theirs.
    if channel.imports() || first.title.is_some() || !channel.parts.converses && first.proven.is_none() {
        return None;
    }
    // Where each message is a matter of its own, a photo is one.
    let adds = |(appeal, said): &(&Appeal, Said<'_>)| channel.window.is_some() && wordless(appeal) || said.is_more();
    let polite = |(appeal, said): &(&Appeal, Said<'_>)| appeal.attachments.is_empty() && said.is_courtesy();
    let number = heard.iter().find_map(|(_, said)| said.number()?.parse::<Number>().ok());
    let only = match () {
        () if heard.iter().all(polite) && !heard.iter().any(adds) => Only::Courtesies,
        () if heard.iter().all(|one| adds(one) || polite(one)) => Only::Additions,
        () => Only::Anything,
    };
    (only != Only::Anything || number.is_some()).then_some(Heard::Addition(Addition { number, only }))
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
fn as_word(channel: &Channel, appeal: &Appeal, said: &Said<'_>) -> Option<Appeal> {
    let more = appeal.title.is_some() || appeal.demand.is_some() || appeal.location.lat.is_some();
    if more || !appeal.attachments.is_empty() || appeal.location.text.is_some() || channel.imports() {
        return None;
    }
    let word = |intent| Appeal { intent, ..appeal.clone() };
    if said.is_haste() {
        return Some(word(Intent::Urge));
    }
    // The others have taken theirs at the door, or nobody vouches for who speaks.
    if channel.parts.converses || appeal.proven.is_none() {
        return None;
    }
    match said.asks() {
        Some(Ask::Act { intent, number }) => Some(Appeal { about: number, ..word(intent) }),
        Some(Ask::Progress { number }) => Some(Appeal { about: number, ..word(Intent::Note) }),
        None => said.rating().map(|_| word(Intent::Rate)),
    }
}
