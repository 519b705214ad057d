//! The ticket (工单), `jiesu.ticket/1`: what every channel's appeals become.

use crate::config::Mode;
use jiesu_connector::{Kind, Location, PartType, Provenance};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

/// The version of the format.
pub const SCHEMA: &str = "jiesu.ticket/1";

/// A new ticket, as it is stored, delivered and shown.
#[derive(Debug, Serialize)]
pub struct Ticket<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The number on the receipt.
    pub number: String,
    /// The hotline it is for.
    pub hotline: HotlineRef<'a>,
    /// The channel it came by.
    pub channel: ChannelRef<'a>,
    /// Which ticket of another system it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Provenance>,
    /// When its first message was received.
    pub received_at: String,
    /// When the matter happened, as the citizen said.
    pub occurred_at: Option<String>,
    /// What kind of matter it is.
    pub kind: Kind,
    /// What it is about; null until triage has a proposal.
    pub category: Option<Category>,
    /// A title: the citizen's, or the first words.
    pub title: String,
    /// All words of the citizen, in order.
    pub content: String,
    /// What the citizen asks to be done (办理要求).
    pub demand: Option<String>,
    /// Who speaks (诉求人).
    pub appellant: AppellantRef,
    /// Where it is: the first place that the citizen sent.
    pub location: Location,
    /// All places, in order, where the citizen sent more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// Photos, recordings, files.
    pub attachments: Vec<StoredFile>,
    /// The messages as the citizen sent them.
    pub transcript: Vec<Piece>,
    /// How soon.
    pub priority: Priority,
    /// What to look out for.
    pub flags: Vec<String>,
    /// Deadlines; null where no policy says any.
    pub due: Option<Due>,
    /// How often the citizen has raised it; null for once.
    pub repeat: Option<Repeat>,
    /// The incident that this belongs to; null where there is none.
    pub incident: Option<Incident>,
    /// An earlier ticket that may be the same matter: an operator decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similar: Option<Similar>,
    /// Why triage proposes what it proposes.
    pub triage: Triage,
    /// Where it stands.
    pub status: &'static str,
    /// The citizen agreed to have it published.
    pub publish: bool,
    /// What was answered.
    pub replies: Vec<()>,
}

/// A hotline in a ticket.
#[derive(Debug, Serialize)]
pub struct HotlineRef<'a> {
    /// As `12319`.
    pub code: &'a str,
    /// As `城管热线`; the code again where the register does not have it.
    pub name: &'a str,
    /// How it came under 12345.
    pub mode: Mode,
}

/// A channel in a ticket.
#[derive(Debug, Serialize)]
pub struct ChannelRef<'a> {
    /// Its id in the configuration.
    pub id: &'a str,
    /// Its connector.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The channel's own name for the first message, where replies refer to it (a mail's Message-ID).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What it is about.
#[derive(Debug, Serialize)]
pub struct Category {
    /// As in the categories of the city.
    pub code: String,
    /// As in the categories of the city.
    pub name: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Who says so.
    pub by: &'static str,
}

/// Who speaks, in a ticket.
#[derive(Debug, Serialize)]
pub struct AppellantRef {
    /// The same for one citizen, whatever the channel; says nothing about them.
    pub key: String,
    /// Name.
    pub name: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// WeChat openid.
    pub wechat_openid: Option<String>,
    /// Does not want to be known.
    pub anonymous: bool,
    /// Wants to be known to the centre only.
    pub confidential: bool,
}

/// A file of a ticket.
#[derive(Debug, Clone, Serialize)]
pub struct StoredFile {
    /// Unique in the ticket.
    pub id: String,
    /// File name, as given.
    pub name: Option<String>,
    /// Media type, as claimed.
    pub media_type: String,
    /// Of media that the channel only named: `pending`, `kept`, or `missing` for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Size in bytes; null while the channel still has it.
    pub bytes: Option<u64>,
    /// SHA-256 in hexadecimal; null while the channel still has it.
    pub sha256: Option<String>,
    /// Where to get it: signed, expiring; null while the channel still has it.
    pub url: Option<String>,
}

/// A message of a ticket.
#[derive(Debug, Serialize)]
pub struct Piece {
    /// Unique in the ticket.
    pub id: String,
    /// When it was received.
    pub at: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PartType,
    /// Its words.
    pub text: Option<String>,
    /// The id of its file.
    pub attachment: Option<String>,
    /// Its place, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// How soon.
#[derive(Debug, Serialize)]
pub struct Priority {
    /// 1 (at once) to 4.
    pub level: u8,
    /// Why.
    pub reason: String,
}

/// Deadlines (办理时限).
#[derive(Debug, Serialize)]
pub struct Due {
    /// The citizen is contacted by then.
    pub respond_by: String,
    /// The citizen is answered by then.
    pub reply_by: String,
    /// Whose deadlines.
    pub policy: String,
    /// The mode of operation.
    pub mode: &'static str,
}

/// That a matter was raised before (重复诉求).
#[derive(Debug, Clone, Serialize)]
pub struct Repeat {
    /// The first ticket's number.
    pub of: String,
    /// How often it was raised in all: the first time counts too.
    pub count: u64,
    /// Why it is the same matter.
    pub reason: String,
    /// From 0 to 1.
    pub score: f64,
    /// When the first was received.
    pub first_at: Value,
    /// Pieces that are not in the transcript, because it is long enough.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde asks.
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// An incident (同一事件).
#[derive(Debug, Clone, Serialize)]
pub struct Incident {
    /// The same in all its tickets.
    pub id: String,
    /// Distinct citizens in it.
    pub size: usize,
    /// Why this ticket is in it.
    pub reason: String,
}

/// A ticket that may be the same matter.
#[derive(Debug, Clone, Serialize)]
pub struct Similar {
    /// Its number.
    pub of: String,
    /// From 0 to 1.
    pub score: f64,
    /// Why.
    pub reason: String,
    /// It is of the same citizen.
    pub same_citizen: bool,
}

/// Why triage proposes what it proposes.
#[derive(Debug, Default, Serialize)]
pub struct Triage {
    /// Of the kind.
    pub kind: String,
    /// Of the category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Of each flag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Why there are no deadlines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// Bytes of a ticket's JSON beside its words, about.
const FRAME: usize = 1024;

impl Ticket<'_> {
    /// As JSON, in one piece of memory: the words stand in it up to three times.
    ///
    /// # Errors
    /// None: it holds strings and numbers only.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut json = Vec::with_capacity(FRAME + 3 * self.content.len());
        serde_json::to_writer(&mut json, self)?;
        String::from_utf8(json).map_err(serde::ser::Error::custom)
    }
}

/// `at` in `zone`, RFC 3339 with milliseconds and offset.
pub fn rfc3339(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

/// A title out of the citizen's words: the first sentence, at most 30 characters, without control characters.
pub fn title_of(content: &str) -> String {
    let stop = |letter: char| matches!(letter, '。' | '！' | '？' | '!' | '?' | '\n' | '\r' | '；' | ';');
    let first = content.trim().split(stop).map(str::trim).find(|part| !part.is_empty()).unwrap_or("（无文字）");
    let mut letters = first.chars().filter(|letter| !letter.is_control());
    let mut title: String = letters.by_ref().take(30).collect();
    if letters.next().is_some() {
        title.pop();
        title.push('…');
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_sentence_cut_at_thirty_characters() {
        assert_eq!(title_of("  嘉州大道路灯坏了三天。晚上很黑。"), "嘉州大道路灯坏了三天");
        assert_eq!(title_of(&"很".repeat(31)).chars().count(), 30);
        assert_eq!(title_of("？！"), "（无文字）");
    }

    #[test]
    fn times_carry_milliseconds_and_the_offset_of_the_city() {
        let at: Timestamp = "2026-11-22T00:00:01.123456Z".parse().expect("a time");
        let zone = TimeZone::get("Asia/Shanghai").expect("the zone");
        assert_eq!(rfc3339(at, &zone), "2026-11-22T08:00:01.123+08:00");
    }
}
