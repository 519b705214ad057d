//! An appeal (诉求), as parsed from what a channel sent.

use crate::{KeptFile, MediaRef};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one citizen says in one message (诉求).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Appeal {
    /// What the message asks of the gateway itself.
    pub intent: Intent,
    /// The ticket that the citizen named (its number), where the message is about one.
    pub about: Option<String>,
    /// What the gateway learns from a message that is no appeal ([`Intent::Note`]).
    pub note: Option<Note>,
    /// What kind of matter it is, where the citizen or the channel said so.
    pub kind: Option<Kind>,
    /// What it is about, where the citizen or the channel said so: by the code of the city's categories, or by one that the
    /// register of hotlines translates.
    pub category: Option<String>,
    /// A title, where one was given.
    pub title: Option<String>,
    /// The citizen's words.
    pub content: String,
    /// How satisfied they are, where they said so in a number ([`Intent::Rate`]); on the channel's own scale.
    pub score: Option<u8>,
    /// What the citizen asks to be done (办理要求).
    pub demand: Option<String>,
    /// Who speaks.
    pub appellant: Appellant,
    /// What of that the channel itself vouches for.
    pub proven: Option<Proven>,
    /// Where it is.
    pub location: Location,
    /// When it happened: RFC 3339 with offset, as given.
    pub occurred_at: Option<String>,
    /// The hotline that the citizen or the partner named.
    pub hotline: Option<String>,
    /// Which ticket of another system it was.
    pub origin: Option<Provenance>,
    /// The citizen agreed to have it published.
    pub publish: bool,
    /// Photos, recordings, files.
    pub attachments: Vec<Attachment>,
    /// The message as the citizen sent it, piece by piece; empty where that says no more than `content`.
    pub transcript: Vec<Part>,
    /// What the channel found out about the message, as words for the ticket's `flags`.
    pub flags: Vec<String>,
    /// Why it may be no citizen's at all: it goes to quarantine, visible, until an operator lets it pass.
    pub suspect: Option<String>,
    /// The channel's own name for the message, where replies refer to it (a mail's Message-ID).
    pub message: Option<String>,
    /// What the message says of the matter that it belongs to; the gateway looks whether there is such a ticket.
    pub thread: Thread,
    /// The citizen is to get the receipt in a message of its own ([`crate::Reply::code`]), if a ticket comes of this one.
    /// Where it goes to everybody at once, see [`crate::Incoming::receipt`].
    pub wants_receipt: bool,
}

/// Which ticket of another system an appeal was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The system: a partner's name, or the CloudEvents `source` of another gateway.
    pub system: Option<String>,
    /// Its number there.
    pub number: String,
    /// The gateways that it has come through, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// What a message says of the matter that it belongs to. The first that holds decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    /// Numbers that it shows together with the proof that went out with them ([`crate::Reply::proof`]).
    pub shown: Vec<(String, String)>,
    /// Delivery keys of earlier messages that it answers, as (scope, value) of [`crate::DeliveryKey`].
    pub answers: Vec<(String, String)>,
    /// A number that the citizen wrote. It counts only for the sender whose ticket it is.
    pub written: Option<String>,
}

impl Thread {
    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a message asks of the gateway itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// Take up a matter, or add to one.
    #[default]
    Appeal,
    /// Hurry up (催办).
    Urge,
    /// Take it back (撤回).
    Withdraw,
    /// How satisfied they are (评价): [`Appeal::score`], or else the content is a digit from 1 to 5. An appeal after all
    /// where nobody asked.
    Rate,
    /// No appeal: kept raw and counted, no ticket. See [`Appeal::note`].
    Note,
}

/// What the gateway learns from a message that is no appeal: a follow, the fate of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Note {
    /// The citizen can be written to (again).
    Reachable,
    /// The citizen cannot be written to any more: replies go by another channel, and the policy on leaving applies.
    Unreachable,
    /// The fate of a reply that went out before.
    Fate {
        /// The channel's name for it, as in [`crate::Sent`].
        message: String,
        /// Why it did not arrive; `None` if it did.
        failed: Option<String>,
    },
    /// Kept for the record; the name of the event, as the channel gives it.
    Event(String),
    /// A program wrote it, and nobody: an automatic answer, a list. Filed with the ticket that it belongs to
    /// ([`Appeal::thread`]), else counted as rejected. The word says what it is.
    Machine(String),
}

/// What kind of matter an appeal is (诉求类型).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// 咨询
    Consultation,
    /// 求助
    Help,
    /// 投诉
    Complaint,
    /// 举报
    Report,
    /// 意见建议
    Suggestion,
    /// 表扬
    Praise,
    /// 其他
    Other,
}

/// Who speaks (诉求人).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Appellant {
    /// Name.
    pub name: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// WeChat openid, within the official account.
    pub wechat_openid: Option<String>,
    /// Does not want to be known.
    #[serde(deserialize_with = "null_is_default")]
    pub anonymous: bool,
    /// Wants to be known to the centre only.
    #[serde(deserialize_with = "null_is_default")]
    pub confidential: bool,
}

/// What a channel vouches for of whom it hears: it has it from the platform, the carrier or a signature, and not only from
/// what somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// [`Appellant::phone`]
    Phone,
    /// [`Appellant::email`]
    Email,
    /// [`Appellant::wechat_openid`]
    Openid,
}

impl Appellant {
    /// The first name that it gives: what somebody vouches for who vouches for the whole.
    pub fn first_name(&self) -> Option<Proven> {
        self.names().next().map(|(name, _)| name)
    }

    /// The names by which somebody can be told from others, the one that counts first first.
    pub fn names(&self) -> impl Iterator<Item = (Proven, &str)> {
        let phone = self.phone.as_deref().filter(|phone| is_phone(phone));
        let email = self.email.as_deref().filter(|email| is_email(email));
        let openid = self.wechat_openid.as_deref().filter(|openid| !openid.trim().is_empty());
        let names = [(Proven::Phone, phone), (Proven::Email, email), (Proven::Openid, openid)];
        names.into_iter().filter_map(|(name, text)| Some((name, text?)))
    }
}

/// Whether a phone number is somebody's own: not what stands where nobody gave one (无, 00000000000, 12345678901), and no
/// service number (12345), under which many would be taken for one citizen.
pub fn is_phone(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(digit).collect();
    let steps: Vec<u32> = digits.windows(2).map(|pair| (pair[1] + 10 - pair[0]) % 10).collect();
    let placeholder = |step: u32| steps.iter().all(|it| *it == step);
    (7..=20).contains(&digits.len()) && !placeholder(0) && !placeholder(1)
}

/// A decimal digit, of either width.
pub fn digit(character: char) -> Option<u32> {
    match character {
        '０'..='９' => Some(u32::from(character) - u32::from('０')),
        _ => character.to_digit(10),
    }
}

/// Whether it looks like somebody's address; 无 is none.
pub fn is_email(text: &str) -> bool {
    let text = text.trim();
    let parts = text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    parts.is_some() && !text.contains(char::is_whitespace)
}

/// `null` where a partner means "not said".
pub(crate) fn null_is_default<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Ids only in logs: names, numbers and addresses are masked.
impl std::fmt::Debug for Appellant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appellant")
            .field("name", &self.name.as_deref().map(mask_name))
            .field("phone", &self.phone.as_deref().map(mask_phone))
            .field("email", &self.email.as_ref().map(|_| "***"))
            .field("wechat_openid", &self.wechat_openid.as_ref().map(|_| "***"))
            .field("anonymous", &self.anonymous)
            .field("confidential", &self.confidential)
            .finish()
    }
}

/// `王小明` as `王**`.
pub fn mask_name(name: &str) -> String {
    name.chars().take(1).chain("**".chars()).collect()
}

/// `13800138000` as `138****8000`, with China's code or without; shorter numbers keep less.
pub fn mask_phone(phone: &str) -> String {
    let phone = phone.trim();
    let abroad = ["+86", "0086"].into_iter().find_map(|code| phone.strip_prefix(code));
    let national = abroad.map(|rest| rest.trim_start_matches([' ', '-', '\u{a0}'])).filter(|rest| rest.len() >= 11);
    // Without a sign before it 86 is a country's code only before a whole mobile number.
    let bare = phone.strip_prefix("86").filter(|rest| rest.len() == 11 && rest.starts_with('1'));
    let characters: Vec<char> = national.or(bare).unwrap_or(phone).chars().collect();
    let (head, tail) = match characters.len() {
        0..=4 => (0, 0),
        5..=8 => (1, 2),
        _ => (3, 4),
    };
    let (head, tail) = (&characters[..head], &characters[characters.len() - tail..]);
    head.iter().chain(&['*'; 4]).chain(tail).collect()
}

/// `wang@example.com` as `w***@example.com`.
pub fn mask_email(email: &str) -> String {
    let first: String = email.chars().take(1).collect();
    email.rsplit_once('@').map_or_else(|| "***".to_owned(), |(_, domain)| format!("{first}***@{domain}"))
}

/// Where it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Location {
    /// In words.
    pub text: Option<String>,
    /// Latitude in degrees, -90 to 90.
    pub lat: Option<f64>,
    /// Longitude in degrees, -180 to 180.
    pub lon: Option<f64>,
    /// Administrative division code (GB/T 2260), as `511102`.
    pub region: Option<String>,
    /// What `lat` and `lon` refer to, where the channel said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datum: Option<Datum>,
}

/// What coordinates refer to. Kept as sent, never converted silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Datum {
    /// The world's.
    Wgs84,
    /// China's public maps': up to 600 m off the former.
    Gcj02,
}

/// A photo, recording or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// File name, as given.
    pub name: Option<String>,
    /// Media type, as claimed.
    pub media_type: String,
    /// The bytes, or where to get them.
    pub payload: Payload,
}

/// The bytes of an attachment, or where to get them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// They came with the message.
    Inline(Bytes),
    /// The gateway took them out of the request ([`crate::Form`]).
    Kept(KeptFile),
    /// The channel only named them; see [`crate::Media`].
    Remote(MediaRef),
}

/// One piece of what the citizen sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartType,
    /// Its words, if any.
    pub text: Option<String>,
    /// Index in [`Appeal::attachments`], if it has bytes.
    pub attachment: Option<usize>,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum PartType {
    Text,
    Image,
    Voice,
    Video,
    Location,
    Link,
    File,
    Menu,
    Call,
}

impl Part {
    /// Words.
    pub fn text(words: impl Into<String>) -> Self {
        Self { kind: PartType::Text, text: Some(words.into()), attachment: None }
    }
}

impl PartType {
    /// What an attachment of `media_type` is.
    pub fn of_media(media_type: &str) -> Self {
        match media_type.split('/').next() {
            Some(kind) if kind.eq_ignore_ascii_case("image") => Self::Image,
            Some(kind) if kind.eq_ignore_ascii_case("audio") => Self::Voice,
            Some(kind) if kind.eq_ignore_ascii_case("video") => Self::Video,
            _ => Self::File,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_no_number_is_nobodys() {
        let numbers = ["13800138000", "+86 138-0013-8000", "0833-2435678", "2435678", "１３８００１３８０００"];
        assert!(numbers.into_iter().all(is_phone));
        let none = ["", "无", "-", "匿名", "00000000000", "11111111111", "12345678901", "12345", "10086", "110"];
        assert!(!none.into_iter().any(is_phone));
        assert!(is_email("wang@example.com") && !["", "无", "@", "wang", "a b@c.cn"].into_iter().any(is_email));
        let who = Appellant { phone: Some("无".into()), email: Some("wang@example.com".into()), ..Default::default() };
        assert_eq!(who.first_name(), Some(Proven::Email));
    }

    #[test]
    fn masks_keep_what_a_clerk_needs_to_ask_back_and_no_more() {
        assert_eq!(mask_phone("13800138000"), "138****8000");
        for spelling in
            ["+8613800138000", "+86-138-0013-8000", "+86 138 0013 8000", "0086 13800138000", "8613800138000"]
        {
            assert_eq!(mask_phone(spelling), "138****8000", "{spelling}");
        }
        assert_eq!(mask_phone("+85261234567"), "+85****4567");
        assert_eq!(mask_phone("2435678"), "2****78");
        assert_eq!(mask_phone("110"), "****");
        assert_eq!(mask_name("王小明"), "王**");
        let who = Appellant { phone: Some("13812345678".into()), email: Some("a@b.cn".into()), ..Default::default() };
        let shown = format!("{who:?}");
        assert!(shown.contains("138****5678") && !shown.contains("13812345678") && !shown.contains("a@b"), "{shown}");
    }
}
