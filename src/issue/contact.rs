//! Contacts that the channel itself delimits (a call): one ticket of all their messages, whatever the order in which they
//! came; what comes later is added to it.

use super::{Issuer, NotNow, quarantine};
use crate::{
    assembly::{self, Matter},
    channels::Channel,
    revise::Draft,
    store::{Known, Message, MessageId, Outcome, TicketRow},
};
use jiesu_connector::{Appeal, Intent, ParseError, Raw};
use std::sync::Arc;

impl Issuer {
    /// What becomes of the messages of a contact that is complete, or whose time is over.
    pub(super) async fn contact(&self, channel: &Arc<Channel>, messages: Vec<Message>) -> Result<Vec<Outcome>, NotNow> {
        let mut outcomes = Vec::new();
        let mut said = Vec::with_capacity(messages.len());
        for message in messages {
            match assembly::parse(channel, &message) {
                Ok(appeal) if appeal.intent == Intent::Rate => outcomes.push(Outcome::Apart { message: message.id }),
                _ => said.push(message),
            }
        }
        if said.is_empty() {
            return Ok(outcomes);
        }
        let raws: Vec<&Raw> = said.iter().map(|message| &message.raw).collect();
        let gathered = assembly::gather(channel, &raws);
        let ids: Vec<MessageId> = said.iter().map(|message| message.id).collect();
        match gathered {
            Ok(appeal) if appeal.intent == Intent::Appeal => {
                count(channel, "ticket");
                let first = said.swap_remove(0);
                let matter = Matter { said: vec![(first, appeal)], also: ids.into_iter().skip(1).collect() };
                outcomes.push(self.ticket(channel, matter).await?);
            }
            Ok(_) => {
                count(channel, "nothing_said");
                outcomes.extend(ids.into_iter().map(noted));
            }
            Err(ParseError(reason)) => {
                outcomes.extend(ids.into_iter().map(|id| quarantine(id, reason.clone())));
            }
        }
        Ok(outcomes)
    }

    /// What becomes of one that came when its contact had its outcome: it adds to the ticket. Where there is none, because
    /// nothing had been said, everything is looked at again.
    pub(super) async fn late(&self, channel: &Arc<Channel>, message: Message) -> Result<Outcome, NotNow> {
        let appeal = match assembly::parse(channel, &message) {
            Ok(appeal) => appeal,
            Err(ParseError(reason)) => return Ok(quarantine(message.id, reason)),
        };
        let store = &self.reviser.store;
        if let Known::Ticket(row) = store.known(message.number).await? {
            return match appeal.intent {
                Intent::Rate => Ok(self.rate(&row, message, &appeal)),
                Intent::Appeal => self.add(&row, message, appeal),
                _ => Ok(noted(message.id)),
            };
        }
        // The others have no outcome yet; theirs comes first.
        if !store.conversation(message.number).await?.is_empty() {
            return Err(NotNow::Later);
        }
        if appeal.intent != Intent::Appeal {
            return Ok(noted(message.id));
        }
        let all = store.contact(message.number).await?;
        let mut raws: Vec<&Raw> = all.iter().map(|message| &message.raw).collect();
        if raws.is_empty() {
            raws.push(&message.raw);
        }
        let gathered = assembly::gather(channel, &raws);
        drop(raws);
        match gathered {
            Ok(appeal) if appeal.intent == Intent::Appeal => {
                count(channel, "late_ticket");
                self.ticket(channel, Matter { said: vec![(message, appeal)], also: Vec::new() }).await
            }
            Ok(_) => Ok(noted(message.id)),
            Err(ParseError(reason)) => Ok(quarantine(message.id, reason)),
        }
    }

    /// Adds it to the ticket; what the ticket has already, as a recording that is announced twice, adds nothing.
    fn add(&self, row: &TicketRow, message: Message, mut appeal: Appeal) -> Result<Outcome, NotNow> {
        let ticket = Draft::new(row).ticket;
        let known: Vec<&str> =
            ticket["attachments"].as_array().into_iter().flatten().filter_map(|file| file["name"].as_str()).collect();
        let is_new = |name: &Option<String>| name.as_deref().is_none_or(|name| !known.contains(&name));
        if !appeal.attachments.is_empty() && !appeal.attachments.iter().any(|file| is_new(&file.name)) {
            appeal.attachments.clear();
            appeal.transcript.retain(|part| part.attachment.is_none());
            if appeal.content.is_empty() && appeal.transcript.is_empty() {
                let unchanged = self.reviser.updated(row, &Draft::new(row));
                return Ok(Outcome::Supplement { message: message.id, change: Box::new(unchanged) });
            }
        }
        self.supplement_to(row, message, appeal)
    }
}

fn noted(message: MessageId) -> Outcome {
    Outcome::Noted { message, reach: None }
}

fn count(channel: &Channel, outcome: &'static str) {
    metrics::counter!("jiesu_contacts_total", "channel" => channel.id.to_string(), "outcome" => outcome).increment(1);
}
