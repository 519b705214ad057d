//! Step 7, issue: a matter becomes a ticket and its event, in one transaction.

use crate::{
    assembly::{self, Matter},
    channels::{Channel, Channels},
    config::{Hotlines, Mode},
    event::{Events, kind},
    files::{self, Files},
    number::ReceiptKey,
    repeats,
    store::{Message, MessageId, NewTicket, Outcome, Sequence, Store, StoreError},
    ticket::{self, AppellantRef, ChannelRef, HotlineRef, Piece, StoredFile, Ticket},
    triage,
};
use jiesu_connector::{Appellant, Kind, PartType, Payload};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Messages made tickets of in one transaction.
const BATCH: usize = 128;
/// Between attempts while the store or the disk cannot write.
const PAUSE: Duration = Duration::from_millis(500);
/// Looked at without being told, at the latest after this.
const IDLE: Duration = Duration::from_secs(10);

/// What makes tickets of messages.
pub struct Issuer {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The channels, for their parsers.
    pub channels: Arc<Channels>,
    /// The register of hotlines.
    pub hotlines: Arc<Hotlines>,
    /// Attachments.
    pub files: Files,
    /// For status codes, citizens' keys and links.
    pub key: ReceiptKey,
    /// Makes events.
    pub events: Events,
    /// The public address, for links.
    pub public_url: String,
    /// The city's time.
    pub zone: TimeZone,
    /// Told of new messages.
    pub arrived: Arc<Notify>,
    /// Tells of new events.
    pub issued: watch::Sender<Sequence>,
    /// When a round was last completed, milliseconds since 1970: a line that stands still is seen.
    pub alive_at: Arc<AtomicI64>,
}

/// A message cannot have its outcome now; it keeps its place.
struct NotNow;

impl Issuer {
    /// Makes tickets of what waits and of what comes, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut after = MessageId(0);
        let mut stuck = false;
        loop {
            self.alive_at.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
            let round = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                round = self.round(after) => round,
            };
            let wait = match round {
                Ok(Some((last, skipped))) => {
                    after = last;
                    stuck |= skipped;
                    continue;
                }
                // The end of the line: from the start again, for what was skipped or released.
                Ok(None) => {
                    after = MessageId(0);
                    if std::mem::take(&mut stuck) { PAUSE } else { IDLE }
                }
                Err(error) => {
                    tracing::warn!(%error, "issuing waits for the store");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.arrived.notified(), if wait == IDLE => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One batch; gives the last message looked at, and whether one was skipped. `None` at the end of the line.
    async fn round(&self, after: MessageId) -> Result<Option<(MessageId, bool)>, StoreError> {
        let messages = self.store.pending(after, BATCH).await?;
        let Some(last) = messages.last().map(|message| message.id) else { return Ok(None) };
        let count = messages.len();
        let outcomes: Vec<Outcome> = messages.into_iter().filter_map(|message| self.outcome(message).ok()).collect();
        let skipped = outcomes.len() < count;
        let quarantined = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Quarantine { .. })).count();
        if !outcomes.is_empty() {
            let issued = outcomes.len() - quarantined;
            self.store.issue(outcomes).await?;
            metrics::counter!("jiesu_issued_total").increment(issued as u64);
            metrics::counter!("jiesu_quarantined_total").increment(quarantined as u64);
            let newest = self.store.last_event().await?;
            self.issued.send_replace(newest);
        }
        Ok(Some((last, skipped)))
    }

    fn outcome(&self, message: Message) -> Result<Outcome, NotNow> {
        let Some(channel) = self.channels.get(message.channel.as_str()) else {
            return Ok(quarantine(message.id, format!("there is no channel {:?} any more", message.channel)));
        };
        match assembly::assemble(channel, message) {
            Ok(matter) => self.ticket(channel, matter),
            Err((message, error)) => {
                tracing::warn!(channel = &*channel.id, number = %message.number, "a message is in quarantine");
                Ok(quarantine(message.id, error.0))
            }
        }
    }

    fn ticket(&self, channel: &Channel, matter: Matter) -> Result<Outcome, NotNow> {
        // Nothing is linked yet, and there is no way to say that something is.
        if let Some(repeat) = repeats::find(&matter) {
            match repeat {}
        }
        let proposal = triage::propose(&matter);
        let Matter { message, appeal } = matter;
        let number = message.number;
        let text = number.to_string();
        let at = ticket::rfc3339(message.received_at, &self.zone);
        let attachments = self.keep(&text, appeal.attachments)?;
        let code = appeal.hotline.as_deref().unwrap_or(&message.hotline);
        let hotline = self.hotlines.get(code);
        let pieces = match appeal.transcript.is_empty() {
            true => vec![(PartType::Text, Some(appeal.content.clone()), None)],
            false => appeal.transcript.into_iter().map(|part| (part.kind, part.text, part.attachment)).collect(),
        };
        let transcript = pieces.into_iter().enumerate().map(|(index, (kind, text, file))| Piece {
            id: format!("m{}", index + 1),
            at: at.clone(),
            kind,
            text,
            attachment: file.and_then(|file| attachments.get(file)).map(|file: &StoredFile| file.id.clone()),
        });
        let appellant = self.appellant(&message, appeal.appellant);
        let ticket = Ticket {
            schema: ticket::SCHEMA,
            number: text,
            hotline: HotlineRef {
                code,
                name: hotline.map_or(code, |hotline| &hotline.name),
                mode: hotline.map_or(Mode::Absorbed, |hotline| hotline.mode),
            },
            channel: ChannelRef { id: &channel.id, kind: channel.kind },
            received_at: at.clone(),
            occurred_at: appeal.occurred_at,
            kind: proposal.kind,
            category: None,
            title: appeal
                .title
                .filter(|title| !title.trim().is_empty())
                .unwrap_or_else(|| ticket::title_of(&appeal.content)),
            content: appeal.content,
            demand: appeal.demand,
            appellant,
            location: appeal.location,
            transcript: transcript.collect(),
            attachments,
            priority: proposal.priority,
            flags: Vec::new(),
            due: None,
            repeat: None,
            incident: None,
            status: "accepted",
            publish: appeal.publish,
            replies: Vec::new(),
        };
        let event = self.events.event(kind::CREATED, number, &at, &ticket, ());
        let new = NewTicket {
            number,
            code_hash: self.key.code_hash(number),
            channel: channel.id.to_string(),
            hotline: message.hotline.clone(),
            kind: kind_name(ticket.kind),
            appellant: ticket.appellant.key.clone(),
            received_at: message.received_at,
            document: serde_json::to_string(&ticket).unwrap_or_default(),
        };
        Ok(Outcome::Ticket { message: message.id, ticket: Box::new(new), events: vec![event] })
    }

    fn keep(&self, number: &str, attachments: Vec<jiesu_connector::Attachment>) -> Result<Vec<StoredFile>, NotNow> {
        let expires = Timestamp::now().as_second() + files::LINK_LIFE.as_secs() as i64;
        let mut kept = Vec::with_capacity(attachments.len());
        for (index, attachment) in attachments.into_iter().enumerate() {
            let id = format!("f{}", index + 1);
            let mut file = StoredFile {
                id,
                name: attachment.name,
                media_type: attachment.media_type,
                bytes: None,
                sha256: None,
                url: None,
            };
            if let Payload::Inline(bytes) = attachment.payload {
                let sha256 = self.files.keep(&bytes).map_err(|error| {
                    tracing::error!(alarm = true, %error, number, "an attachment cannot be written; its ticket waits");
                    NotNow
                })?;
                file.bytes = Some(bytes.len() as u64);
                file.url = Some(files::link(&self.key, &self.public_url, number, &file.id, expires));
                file.sha256 = Some(sha256);
            }
            kept.push(file);
        }
        Ok(kept)
    }

    fn appellant(&self, message: &Message, who: Appellant) -> AppellantRef {
        AppellantRef {
            key: self.citizen(message, &who),
            name: who.name,
            phone: who.phone,
            email: who.email,
            wechat_openid: who.wechat_openid,
            anonymous: who.anonymous,
            confidential: who.confidential,
        }
    }

    /// The same key for the same citizen whatever the channel: by phone number, else mail address, else the channel's
    /// own name for them. Somebody of whom nothing is known is nobody else.
    fn citizen(&self, message: &Message, who: &Appellant) -> String {
        let phone = who.phone.as_deref().map(normal_phone).filter(|phone| phone.len() >= 5);
        let identity = if let Some(phone) = phone {
            format!("tel:{phone}")
        } else if let Some(email) = &who.email {
            format!("mailto:{}", email.trim().to_lowercase())
        } else if let Some(openid) = &who.wechat_openid {
            format!("openid:{openid}")
        } else if let Some(sender) = &message.sender {
            format!("sender:{}:{sender}", message.channel)
        } else {
            format!("number:{}", message.number)
        };
        format!("ap_{}", files::hex(&self.key.mac("citizen", &[identity.as_bytes()])[..10]))
    }
}

fn quarantine(message: MessageId, reason: String) -> Outcome {
    Outcome::Quarantine { message, reason, at: Timestamp::now() }
}

/// Digits only, without China's country code.
fn normal_phone(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let bare = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86").filter(|rest| rest.len() >= 11));
    bare.map_or(digits.clone(), str::to_owned)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Consultation => "consultation",
        Kind::Help => "help",
        Kind::Complaint => "complaint",
        Kind::Report => "report",
        Kind::Suggestion => "suggestion",
        Kind::Praise => "praise",
        Kind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::normal_phone;

    #[test]
    fn one_phone_in_many_spellings_is_one_citizen() {
        for spelling in ["13800138000", "+86 138-0013-8000", "0086 13800138000", "8613800138000"] {
            assert_eq!(normal_phone(spelling), "13800138000");
        }
        assert_eq!(normal_phone("0833-2435678"), "08332435678");
        assert_eq!(normal_phone("86123456"), "86123456", "a local number that begins with 86");
    }
}
