//! Contacts that the channel itself delimits (a call): one ticket of all their messages, whatever the order in which they
//! came; what comes later is added to it.

use super::{Issuer, NotNow, noted, quarantine};
use crate::{
    assembly::{self, Matter},
    channels::Channel,
    revise::Draft,
    store::{Known, Message, MessageId, NoTicket, Outcome, TicketRow},
};
use jiesu_connector::{Appeal, Attachment, Intent, ParseError, Part, PartType, Raw};
use serde_json::json;
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
                let shown = NoTicket { about: None, what: "call" };
                outcomes.extend(ids.into_iter().map(|id| noted(id, Some(shown))));
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
                _ => Ok(noted(message.id, None)),
            };
        }
        // The others have no outcome yet; theirs comes first.
        if !store.conversation(message.number).await?.is_empty() {
            return Err(NotNow::Later);
        }
        let all = store.contact(message.number).await?;
        let mut raws: Vec<&Raw> = all.iter().map(|message| &message.raw).collect();
        if raws.is_empty() {
            raws.push(&message.raw);
        }
        let gathered = assembly::gather(channel, &raws);
        drop(raws);
        let deserves_one = gathered.as_ref().is_ok_and(|whole| whole.intent == Intent::Appeal);
        match appeal.intent {
            Intent::Appeal => {}
            // One of the others makes the ticket in a moment: a repeat was undone.
            Intent::Rate if deserves_one => return Err(NotNow::Later),
            _ => return Ok(noted(message.id, None)),
        }
        match gathered {
            Ok(appeal) if appeal.intent == Intent::Appeal => {
                count(channel, "late_ticket");
                self.ticket(channel, Matter { said: vec![(message, appeal)], also: Vec::new() }).await
            }
            Ok(_) => Ok(noted(message.id, None)),
            Err(ParseError(reason)) => Ok(quarantine(message.id, reason)),
        }
    }

    /// Adds it to the ticket; what the ticket has already adds nothing: a recording that is announced twice, what was gathered
    /// before.
    fn add(&self, row: &TicketRow, message: Message, mut appeal: Appeal) -> Result<Outcome, NotNow> {
        let ticket = Draft::new(row).ticket;
        let list = |field: &str| ticket[field].as_array().map_or(&[][..], Vec::as_slice);
        let has = |part: &Part, file: Option<&Attachment>| match file.and_then(|file| file.name.as_deref()) {
            Some(name) => list("attachments").iter().any(|known| known["name"] == name),
            None => list("transcript")
                .iter()
                .any(|known| known["type"] == json!(part.kind) && known["text"] == json!(part.text)),
        };
        let (parts, files) = (std::mem::take(&mut appeal.transcript), std::mem::take(&mut appeal.attachments));
        for mut part in parts {
            let file = part.attachment.and_then(|place| files.get(place));
            if has(&part, file) {
                continue;
            }
            part.attachment = file.cloned().map(|file| {
                appeal.attachments.push(file);
                appeal.attachments.len() - 1
            });
            appeal.transcript.push(part);
        }
        let texts =
            appeal.transcript.iter().filter(|part| part.kind == PartType::Text).filter_map(|part| part.text.as_deref());
        appeal.content = texts.collect::<Vec<_>>().join("\n");
        let caller = appeal.appellant.phone.is_some() && ticket["appellant"]["phone"].is_null();
        if appeal.transcript.is_empty() && !caller {
            let unchanged = self.reviser.updated(row, &Draft::new(row));
            return Ok(Outcome::Supplement { message: message.id, change: Box::new(unchanged) });
        }
        if appeal.transcript.is_empty() {
            appeal.transcript.push(Part { kind: PartType::Call, text: Some("来电号码".into()), attachment: None });
        }
        self.supplement_to(row, message, appeal)
    }
}

fn count(channel: &Channel, outcome: &'static str) {
    metrics::counter!("jiesu_contacts_total", "channel" => channel.id.to_string(), "outcome" => outcome).increment(1);
}
