//! From a matter to its ticket.

use super::{Issuer, NotNow, link::Link};
use crate::{
    assembly::Matter,
    channels::Channel,
    config::Mode,
    event::kind,
    files, reply,
    store::{Message, NewMedia, NewReply, NewTicket, Outcome},
    ticket::{self, AppellantRef, ChannelRef, HotlineRef, Piece, StoredFile, Ticket},
    triage::{self, Proposal},
};
use jiesu_connector::{Appeal, Appellant, Attachment, Location, PartType, Payload};
use jiff::Timestamp;
use serde_json::json;

impl Issuer {
    /// The ticket of `matter`, with its event and the media that are still to be fetched.
    pub(super) fn compose(
        &self,
        channel: &Channel,
        mut matter: Matter,
        proposal: Proposal,
        citizen: String,
        link: Link,
    ) -> Result<Outcome, NotNow> {
        let zone = &self.reviser.zone;
        let content = matter.content();
        let title = matter.first(|appeal| appeal.title.clone().filter(|title| !title.trim().is_empty()));
        let demand = matter.first(|appeal| appeal.demand.clone());
        let occurred_at = matter.first(|appeal| appeal.occurred_at.clone());
        let named = matter.first(|appeal| appeal.hotline.clone());
        let location = place(&matter);
        let who = matter.first(|appeal| is_known(&appeal.appellant).then(|| appeal.appellant.clone()));
        let origin = matter.first(|appeal| appeal.message.clone());
        let provenance = matter.first(|appeal| appeal.origin.clone());
        let mut flags = matter.flags();
        let wants_receipt = matter.said.iter().any(|(_, appeal)| appeal.wants_receipt);
        let publish = matter.said.iter().any(|(_, appeal)| appeal.publish);
        let (mut files, mut transcript, mut media) = (Vec::new(), Vec::new(), Vec::new());
        for (message, appeal) in &mut matter.said {
            let at = ticket::rfc3339(message.received_at, zone);
            let first = files.len();
            let attachments = std::mem::take(&mut appeal.attachments);
            self.keep(&message.number.to_string(), 0, attachments, &mut files, &mut media)?;
            for (kind, text, file) in pieces(appeal) {
                let attachment = file.and_then(|file| files.get(first + file)).map(|file: &StoredFile| file.id.clone());
                let id = format!("m{}", transcript.len() + 1);
                let location = place_of(kind, appeal);
                transcript.push(Piece { id, at: at.clone(), kind, text, attachment, location });
            }
        }
        let Some((message, _)) = matter.said.first() else { return Err(NotNow::Later) };
        let code = named.as_deref().unwrap_or(&message.hotline);
        let hotline = self.hotlines.get(code);
        let day = message.received_at.to_zoned(zone.clone()).date();
        let at = ticket::rfc3339(message.received_at, zone);
        let unchecked = matches!(link, Link::Unchecked);
        flags.extend(proposal.flags);
        flags.extend(unchecked.then(|| "unchecked".to_owned()));
        let (repeat, repeats) = link.repeat().map(|(row, decision)| self.counted(row, decision)).unzip();
        let ticket = Ticket {
            schema: ticket::SCHEMA,
            number: message.number.to_string(),
            hotline: HotlineRef {
                code,
                name: hotline.map_or(code, |hotline| &hotline.name),
                mode: hotline.map_or(Mode::Absorbed, |hotline| hotline.mode_on(day)),
            },
            channel: ChannelRef { id: &channel.id, kind: channel.kind, message: origin },
            origin: provenance,
            received_at: at.clone(),
            occurred_at,
            kind: proposal.kind,
            category: proposal.category,
            title: title.unwrap_or_else(|| ticket::title_of(&content)),
            content,
            demand,
            appellant: appellant(citizen, who.unwrap_or_default()),
            location,
            locations: places(&matter),
            attachments: files,
            transcript,
            priority: proposal.priority,
            flags,
            due: proposal.due,
            repeat,
            incident: link.incident(),
            similar: link.similar(),
            triage: proposal.triage,
            status: "accepted",
            publish,
            replies: Vec::new(),
        };
        // Written out once, for the store and for the event alike.
        let document = ticket.to_json().map_err(|_| NotNow::Later)?;
        let mut events = vec![self.reviser.events.event(kind::CREATED, message.number, &at, &document, ())];
        events.extend(ticket.incident.as_ref().map(|incident| {
            let change = json!({ "incident": incident.id, "size": incident.size, "reason": incident.reason });
            self.reviser.events.event(kind::JOINED, message.number, &at, &document, change)
        }));
        let new = NewTicket {
            number: message.number,
            code_hash: self.key.code_hash(message.number),
            channel: channel.id.to_string(),
            hotline: message.hotline.clone(),
            kind: triage::name(ticket.kind),
            appellant: ticket.appellant.key.clone(),
            // Where they can ask or be answered under that name; elsewhere nobody looks for it.
            sender: message.sender.clone().filter(|_| channel.parts.converses || channel.parts.replier.is_some()),
            received_at: message.received_at,
            receipt: receipt(channel, message).filter(|_| wants_receipt),
            document,
            repeats: repeats.map(Box::new),
            joins: link.joins(),
            unchecked,
        };
        let messages = matter.messages();
        Ok(Outcome::Ticket { messages, ticket: Box::new(new), events, media })
    }

    /// Keeps what came with the message, and notes what is still to be fetched.
    /// They are the ticket's files after the first `before`.
    pub(super) fn keep(
        &self,
        number: &str,
        before: usize,
        attachments: Vec<Attachment>,
        kept: &mut Vec<StoredFile>,
        media: &mut Vec<NewMedia>,
    ) -> Result<(), NotNow> {
        for attachment in attachments {
            let id = format!("f{}", before + kept.len() + 1);
            let mut file = StoredFile {
                id: id.clone(),
                name: attachment.name,
                media_type: attachment.media_type,
                state: None,
                bytes: None,
                sha256: None,
                url: None,
            };
            // It is tried again twice a second, and said once.
            let told = self.files.trouble().is_some();
            match attachment.payload {
                Payload::Inline(bytes) => {
                    let sha256 = self.files.keep(&bytes).map_err(|error| {
                        if !told {
                            tracing::error!(alarm = true, %error, number, "an attachment cannot be written; its ticket waits");
                        }
                        NotNow::Later
                    })?;
                    file.bytes = Some(bytes.len() as u64);
                    file.url = Some(self.file_link(number, &id));
                    file.sha256 = Some(sha256);
                }
                Payload::Kept(upload) => match self.files.adopt(&upload.sha256) {
                    Ok(true) => {
                        file.bytes = Some(upload.bytes);
                        file.url = Some(self.file_link(number, &id));
                        file.sha256 = Some(upload.sha256);
                    }
                    Ok(false) => {
                        tracing::error!(alarm = true, number, "an upload is gone from the files directory");
                        file.state = Some("missing");
                    }
                    Err(error) => {
                        if !told {
                            tracing::error!(alarm = true, %error, number, "an upload cannot be kept; its ticket waits");
                        }
                        return Err(NotNow::Later);
                    }
                },
                Payload::Remote(source) => {
                    file.state = Some("pending");
                    media.push(NewMedia { file: id, source: source.0 });
                }
            }
            kept.push(file);
        }
        Ok(())
    }

    fn file_link(&self, number: &str, id: &str) -> String {
        let expires = Timestamp::now().as_second() + files::LINK_LIFE.as_secs() as i64;
        files::link(&self.key, &self.public_url, number, id, expires)
    }
}

fn appellant(key: String, who: Appellant) -> AppellantRef {
    AppellantRef {
        key,
        name: who.name,
        phone: who.phone,
        email: who.email,
        wechat_openid: who.wechat_openid,
        anonymous: who.anonymous,
        confidential: who.confidential,
    }
}

/// The receipt as a message of its own; its words and its code are put in when it goes out, so that the code is never in
/// the store.
fn receipt(channel: &Channel, message: &Message) -> Option<NewReply> {
    let recipient = message.sender.clone().filter(|_| channel.parts.replier.is_some())?;
    Some(NewReply {
        name: reply::RECEIPT.to_owned(),
        channel: channel.id.to_string(),
        recipient,
        words: String::new(),
        give_up: Timestamp::now().saturating_add(reply::RECEIPT_LIFE).unwrap_or(Timestamp::MAX),
    })
}

pub(super) fn is_known(who: &Appellant) -> bool {
    *who != Appellant::default()
}

/// The pieces of one message; one that has none is its words.
pub(super) fn pieces(appeal: &mut Appeal) -> Vec<(PartType, Option<String>, Option<usize>)> {
    match appeal.transcript.is_empty() {
        true => vec![(PartType::Text, Some(appeal.content.clone()), None)],
        false => appeal.transcript.drain(..).map(|part| (part.kind, part.text, part.attachment)).collect(),
    }
}

/// The place that a piece of a message is.
pub(super) fn place_of(kind: PartType, appeal: &Appeal) -> Option<Location> {
    (kind == PartType::Location && is_place(&appeal.location)).then(|| appeal.location.clone())
}

pub(super) fn is_place(location: &Location) -> bool {
    location.lat.is_some() || location.text.is_some()
}

/// All places of a matter, if there is more than one.
fn places(matter: &Matter) -> Vec<Location> {
    let places = matter.said.iter().map(|(_, appeal)| &appeal.location).filter(|place| is_place(place));
    let places: Vec<_> = places.cloned().collect();
    if places.len() > 1 { places } else { Vec::new() }
}

/// The first place with coordinates, else the first with words; never the words of one with the coordinates of another.
fn place(matter: &Matter) -> Location {
    let first =
        |known: fn(&Location) -> bool| matter.first(|appeal| known(&appeal.location).then(|| appeal.location.clone()));
    let place = first(|place| place.lat.is_some()).or_else(|| first(|place| place.text.is_some())).unwrap_or_default();
    let region = place.region.clone().or_else(|| matter.first(|appeal| appeal.location.region.clone()));
    Location { region, ..place }
}
