//! Messages that are no appeal: a word to the gateway (催办, 撤回), or an event of the channel.

use super::{Issuer, NotNow, asked::received_at, noted};
use crate::{
    channels::Channel,
    event::kind,
    number::Number,
    reply,
    revise::Draft,
    store::{Message, NoTicket, Outcome, TicketRow},
    ticket,
};
use jiesu_connector::{Appeal, Intent, Note, PartType, Said};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

/// A score is for one of the latest tickets of its citizen.
const RATABLE: usize = 5;
/// How long the fate of a reply that is not known waits for it; then it is some other program's.
const FATE_WAITS: SignedDuration = SignedDuration::from_secs(10);
/// The same where a channel reports fates by themselves: a report may come before the answer to the sending, which may
/// take a minute.
const REPORT_WAITS: SignedDuration = SignedDuration::from_secs(75);

impl Issuer {
    pub(super) async fn word(
        &self,
        channel: &Arc<Channel>,
        message: Message,
        appeal: Appeal,
    ) -> Result<Outcome, NotNow> {
        let (flag, event) = match appeal.intent {
            Intent::Urge => ("urged", kind::URGED),
            Intent::Withdraw => ("withdrawn", kind::WITHDRAWN),
            Intent::Note => return self.note(channel, message, appeal).await,
            Intent::Rate => return self.rated(channel, message, appeal).await,
            Intent::Appeal => return self.after_all(channel, message, appeal).await,
        };
        let Some(row) = self.target(channel, &message, &appeal).await? else {
            return self.after_all(channel, message, appeal).await;
        };
        let mut draft = Draft::new(&row);
        draft.edit_list("flags", |flags| {
            if !flags.iter().any(|known| known == flag) {
                flags.push(flag.into());
            }
        });
        let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
        // Typed, or the words of a menu item.
        let kind = appeal.transcript.first().map_or(PartType::Text, |part| part.kind);
        draft.edit_list("transcript", |pieces| {
            let id = format!("m{}", pieces.len() + 1);
            pieces.push(json!({ "id": id, "at": at, "type": kind, "text": appeal.content, "attachment": null }));
        });
        let change = self.reviser.told(&row, &draft, event, json!({ "content": appeal.content }));
        Ok(Outcome::Supplement { message: message.id, change: Box::new(change) })
    }

    /// A score, for the latest ticket of the citizen that asks for one.
    async fn rated(&self, channel: &Arc<Channel>, message: Message, appeal: Appeal) -> Result<Outcome, NotNow> {
        let row = self.asks_rating(channel, &message, &appeal).await?;
        if let Some((row, score)) = row.zip(Said::new(&appeal.content, &channel.words).rating()) {
            return Ok(self.rate(&row, message, &Appeal { score: Some(score), ..appeal }));
        }
        // Nobody asked. Said in the middle of something, as an answer to "which floor?", it belongs there.
        if let Some((window, sender)) = channel.window.zip(message.sender.as_deref()) {
            let store = &self.reviser.store;
            if store.talking(&channel.id, sender).await?.is_some() {
                return Err(NotNow::Later);
            }
            let latest = store.tickets_of(&channel.id, sender, 1).await?.pop();
            if let Some(row) = latest.filter(|row| {
                received_at(row).is_some_and(|at| at <= message.received_at && message.received_at < at + window.max)
            }) {
                return self.supplement_to(&row, message, appeal);
            }
        }
        self.after_all(channel, message, appeal).await
    }

    /// The latest ticket of who speaks that asks for a score.
    pub(super) async fn asks_rating(
        &self,
        channel: &Channel,
        message: &Message,
        appeal: &Appeal,
    ) -> Result<Option<TicketRow>, NotNow> {
        let asks = |row: &TicketRow| {
            let ticket = Draft::new(row).ticket;
            ticket["ask_rating"] == true && ticket["rating"].is_null()
        };
        Ok(self.theirs(channel, message, appeal, RATABLE).await?.into_iter().find(asks))
    }

    /// The score goes to this ticket.
    pub(super) fn rate(&self, row: &TicketRow, message: Message, appeal: &Appeal) -> Outcome {
        let score = appeal.score.or_else(|| Said::new(&appeal.content, &self.words).rating());
        let mut draft = Draft::new(row);
        let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
        draft.set("rating", json!({ "score": score, "content": appeal.content, "at": at }));
        let change = json!({ "score": score, "content": appeal.content });
        let change = self.reviser.told(row, &draft, kind::RATED, change);
        Outcome::Supplement { message: message.id, change: Box::new(change) }
    }

    /// The ticket that a word is about: the one that the citizen names, if it is theirs; their latest, if they name none.
    /// A wrong number is about nothing: it must not take back another matter, and a person reads it.
    pub(super) async fn target(
        &self,
        channel: &Channel,
        message: &Message,
        appeal: &Appeal,
    ) -> Result<Option<TicketRow>, NotNow> {
        if let Some(row) = self.follow(channel, message, &appeal.thread).await? {
            return Ok(Some(row));
        }
        let about = appeal.about.as_deref();
        let Some(sender) = &message.sender else { return Ok(None) };
        let store = &self.reviser.store;
        // What they are still talking about comes first, and has no ticket yet.
        let talking = store.talking(&channel.id, sender).await?.filter(|number| *number != message.number);
        let Some(about) = about else {
            return match talking {
                Some(_) => Err(NotNow::Later),
                None => Ok(self.theirs(channel, message, appeal, 1).await?.pop()),
            };
        };
        let Ok(number) = about.parse::<Number>() else { return Ok(None) };
        if talking == Some(number) {
            return Err(NotNow::Later);
        }
        self.their_ticket(channel, message, appeal, number).await
    }

    async fn note(&self, channel: &Channel, message: Message, mut appeal: Appeal) -> Result<Outcome, NotNow> {
        let reach = match appeal.note.take() {
            Some(Note::Reachable) => Some(self.back(channel, &message).await?),
            Some(Note::Unreachable) => Some(self.gone(channel, &message).await?),
            Some(Note::Fate { message: sent_as, failed }) => {
                if let Some(reported) = self.reviser.store.report(&channel.id, &sent_as, failed.as_deref()).await? {
                    if let Some((state, why)) = reply::verdict(&reported.fates) {
                        reply::settle(&self.reviser, &self.channels, &reported.due, state, why, None).await?;
                    }
                    return Ok(noted(message.id, None));
                }
                let sent = self.reviser.store.sent_reply(&channel.id, &sent_as).await?;
                // The fate of a reply can be here before its sending is stored.
                let age = self.reviser.clock.now().duration_since(message.received_at);
                let reports = channel.parts.replier.as_ref().is_some_and(|replier| replier.reports_within().is_some());
                if sent.is_none() && age < if reports { REPORT_WAITS } else { FATE_WAITS } {
                    return Err(NotNow::Later);
                }
                if let Some(sent) = sent {
                    let state = if failed.is_some() { reply::State::Refused } else { reply::State::Delivered };
                    reply::settle(&self.reviser, &self.channels, &sent, state, failed, None).await?;
                }
                None
            }
            Some(Note::Machine(what)) => {
                if let Some(row) = self.follow(channel, &message, &appeal.thread).await? {
                    return Ok(self.file(&row, message, &appeal, &what));
                }
                let labels = [("channel", channel.id.to_string()), ("reason", "machine".to_owned())];
                metrics::counter!("jiesu_rejected_total", &labels).increment(1);
                None
            }
            // Whoever speaks of a ticket by its name there has a receipt for each word of it.
            Some(Note::Event(_)) if !appeal.thread.is_empty() => {
                let about = self.follow(channel, &message, &appeal.thread).await?.map(|row| row.number);
                return Ok(noted(message.id, Some(NoTicket { about, what: "event" })));
            }
            Some(Note::Event(_)) | None => None,
        };
        let reach = reach.zip(message.sender).map(|(reachable, sender)| (channel.id.to_string(), sender, reachable));
        Ok(Outcome::Noted { message: message.id, reach, shown: None })
    }

    /// Files what a program wrote with the ticket that it belongs to; nobody is told as if the citizen had spoken.
    fn file(&self, row: &TicketRow, message: Message, appeal: &Appeal, what: &str) -> Outcome {
        let mut draft = Draft::new(row);
        let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
        draft.edit_list("transcript", |pieces| {
            let id = format!("m{}", pieces.len() + 1);
            let text = &appeal.content;
            pieces
                .push(json!({ "id": id, "at": at, "type": "text", "text": text, "attachment": null, "machine": what }));
        });
        Outcome::Supplement { message: message.id, change: Box::new(self.reviser.updated(row, &draft)) }
    }
}
