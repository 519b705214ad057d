//! One short message as every transport understands it, and what the gateway keeps of it.

use crate::{
    number::{Line, Number, route},
    text::{Coding, Segment, segment_alone},
};
use bytes::Bytes;
use jiesu_connector::{
    Appeal, Appellant, Ask, Attachment, DeliveryKey, Incoming, Intent, Note, OnOtherContent, Part, PartType, Payload,
    Piece, Raw, Said, Words, digest,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// In [`Raw::meta`]: what the citizen asked for in a word, as recognised when the message came in.
pub(crate) const INTENT: &str = "intent";
/// In [`Raw::meta`]: the ticket that the citizen named.
pub(crate) const ABOUT: &str = "about";

/// How long the same message can come again under the same name: names repeat with the year, and some centres begin
/// anew with each restart.
const NAMED: Duration = Duration::from_secs(3 * 86_400);
/// The same for what only its content tells: whoever had no answer, or was told "later", tries again for so long. After
/// that the same words are a citizen who says them again.
const NAMELESS: Duration = Duration::from_secs(600);
/// The same for words to the gateway over a session: a centre that had no answer delivers again as soon as there is a
/// session.
const AT_ONCE: Duration = Duration::from_secs(30);

/// One message, or a part of one, or what became of one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Short {
    /// The citizen, and the code that they wrote to.
    pub line: Line,
    /// The carrier's name for it, if it has one.
    pub id: Option<String>,
    /// What it is read as.
    pub coding: Coding,
    /// Which part of a long message it is.
    pub segment: Option<Segment>,
    /// The text, without headers.
    pub text: Bytes,
    /// What became of a message of ours.
    pub report: Option<Report>,
    /// What an answer to a pseudo number must carry.
    pub link_id: Option<String>,
}

/// What became of a message of ours (状态报告).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The carrier's name for our message.
    pub id: String,
    /// The word for it: `DELIVRD`, `MA:0001`.
    pub status: String,
}

impl Report {
    /// Something is settled; `ACCEPTD` and the like only say that it goes on, `UNKNOWN` says nothing.
    fn note(&self) -> Note {
        match self.status.as_str() {
            "DELIVRD" => Note::Fate { message: self.id.clone(), failed: None },
            "ACCEPTD" | "ENROUTE" | "UNKNOWN" | "" => Note::Event(format!("report {}", self.status)),
            failed => Note::Fate { message: self.id.clone(), failed: Some(failed.to_owned()) },
        }
    }
}

/// What a channel's configuration says of its messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The code that the carrier gave to the hotline.
    pub service_code: String,
    /// Extension codes, and the hotlines behind them.
    pub extensions: Vec<(String, String)>,
    /// How long the other parts of a long message are waited for.
    pub wait_for_parts: Duration,
}

impl Short {
    /// The text by itself; `None` for bytes that are no text, and for one part of several.
    pub(crate) fn said(&self) -> Option<String> {
        if self.segment.is_some() || self.report.is_some() { None } else { self.coding.decode(&self.text) }
    }

    /// Which part of which message; everything that tells that message from others is in its name.
    pub(crate) fn piece(&self, rules: &Rules) -> Option<Piece> {
        let Segment { reference, width, total, place } = self.segment.filter(|_| self.report.is_none())?;
        let line = self.line.name("");
        let whole = format!("{line}/{:?}/{width}/{reference}/{total}", self.coding);
        Some(Piece { whole, place: place.into(), of: total.into(), wait: rules.wait_for_parts })
    }

    /// What it says, read by itself: one part of several says so.
    pub(crate) fn appeal(&self) -> Appeal {
        if let Some(report) = &self.report {
            return Appeal { intent: Intent::Note, note: Some(report.note()), ..Appeal::default() };
        }
        let text = match self.segment {
            Some(Segment { place, total, .. }) => segment_alone(self.coding, place, total, &self.text),
            None => self.coding.decode(&self.text),
        };
        self.saying(text, self.text.clone())
    }

    /// An appeal of this citizen with this text; without one, the bytes are a file, so that nothing is lost.
    pub(crate) fn saying(&self, text: Option<String>, bytes: Bytes) -> Appeal {
        let appellant = Appellant { phone: self.line.citizen.phone().map(str::to_owned), ..Appellant::default() };
        let proven = appellant.first_name();
        match text {
            Some(content) => Appeal {
                transcript: vec![Part::text(content.as_str())],
                content,
                appellant,
                proven,
                ..Appeal::default()
            },
            None => Appeal {
                content: format!("（短信不是文字，共 {} 字节，见附件）", bytes.len()),
                appellant,
                proven,
                attachments: vec![Attachment {
                    name: Some("message.bin".into()),
                    media_type: "application/octet-stream".into(),
                    payload: Payload::Inline(bytes),
                }],
                transcript: vec![Part { kind: PartType::File, text: None, attachment: Some(0) }],
                ..Appeal::default()
            },
        }
    }

    /// What this message asks of the gateway itself, if anything, and the same for [`Raw::meta`]: such a word is no piece of
    /// what the citizen tells.
    fn ask(said: &Said<'_>) -> (Option<Ask>, BTreeMap<String, String>) {
        let mut meta = BTreeMap::new();
        let ask = said.asks();
        let intent = match &ask {
            Some(Ask::Act { intent: Intent::Withdraw, .. }) => "withdraw",
            Some(Ask::Act { .. }) => "urge",
            Some(Ask::Progress { .. }) => "progress",
            None if said.rating().is_some() => "rate",
            None => return (None, meta),
        };
        meta.insert(INTENT.into(), intent.into());
        if let Some(Ask::Act { number: Some(number), .. }) = &ask {
            meta.insert(ABOUT.into(), number.clone());
        }
        (ask, meta)
    }

    /// On its way through the door, with the bytes that it was read from; over a session with that session's name for it.
    /// Beside it what it asks of the gateway itself.
    pub(crate) fn incoming(
        &self,
        rules: &Rules,
        words: &Words,
        media_type: &str,
        raw: Bytes,
        session: Option<&str>,
        now: Timestamp,
    ) -> (Incoming, Option<Ask>) {
        let text = self.said();
        let said = text.as_deref().map(|text| Said::new(text, words));
        let (ask, meta) = said.as_ref().map(Self::ask).unwrap_or_default();
        let segment = self.segment.map(|part| [part.reference.to_be_bytes(), [part.total, part.place]].concat());
        let status = self.report.as_ref().map(|report| format!("{} {}", report.id, report.status));
        let digest = digest([
            self.line.name("").as_bytes(),
            format!("{:?}", self.coding).as_bytes(),
            &segment.unwrap_or_default(),
            status.unwrap_or_default().as_bytes(),
            &self.text,
        ]);
        let hotline = route(&self.line.code, &rules.service_code, &rules.extensions).map(str::to_owned);
        // The same word again is soon meant again: 进度, a score for another ticket.
        let is_word = !meta.is_empty() || said.is_some_and(|said| said.is_end());
        let life = if is_word { AT_ONCE } else { NAMELESS };
        let incoming = Incoming {
            joins: self.report.is_none() && meta.is_empty(),
            raw: Raw { media_type: media_type.to_owned(), meta, body: raw },
            keys: match (&self.id, session) {
                (Some(id), _) => keys("id", NAMED, &format!("{id}/{}", self.line.name("")), now),
                (None, None) => keys("content", NAMELESS, &hex(&digest), now),
                (None, Some(session)) => {
                    let mut names = keys("sequence", NAMELESS, &format!("{session}/{}", hex(&digest)), now);
                    names.extend(keys("content", life, &hex(&digest), now));
                    names
                }
            },
            digest,
            sender: match &self.line.citizen {
                Number::Service(number) if number.is_empty() => None,
                _ => Some(self.line.name(&rules.service_code)),
            },
            hotline,
            receipt: false,
        };
        (incoming, ask)
    }
}

/// Names that count for `life` at least and for twice as long at most: time in two rows of slices, one half a slice
/// behind the other, so that two moments less than half a slice apart share a slice in one of the rows.
pub(crate) fn keys(scope: &str, life: Duration, name: &str, now: Timestamp) -> Vec<DeliveryKey> {
    let (now, half) = (now.as_second(), i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 4).max(1));
    let key = |row: &str, slice: i64| DeliveryKey {
        scope: format!("{scope}/{row}"),
        value: format!("{slice}/{name}"),
        on_other_content: OnOtherContent::NewAppeal,
    };
    vec![key("a", now.div_euclid(2 * half)), key("b", (now + half).div_euclid(2 * half))]
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_without_a_name_are_a_redelivery_for_minutes_and_a_word_to_the_gateway_for_seconds() {
        let words = Words::default();
        let short = |text: &'static str| Short {
            line: Line { citizen: Number::of("13800138000", false), code: "12345".into() },
            id: None,
            coding: Coding::Utf8,
            segment: None,
            text: Bytes::from_static(text.as_bytes()),
            report: None,
            link_id: None,
        };
        let begin = Timestamp::from_second(1_763_800_000).unwrap();
        let heard = |text, session: &str, after: i64| {
            let now = begin.saturating_add(jiff::SignedDuration::from_secs(after)).unwrap();
            short(text).incoming(&Rules::default(), &words, "x", Bytes::new(), Some(session), now).0.keys
        };
        let known = |text, session: &str, after: i64| {
            let first = heard(text, "a/1", 0);
            heard(text, session, after).iter().any(|key| first.contains(key))
        };
        assert!(known("lamp", "a/2", 500) && known("lamp", "b/1", 600), "the centre had no answer, or tries later");
        assert!(!known("lamp", "a/2", 1_201), "the citizen says it again");
        for word in ["5", "进度", "完毕"] {
            assert!(known(word, "a/1", 500), "the centre tries again in the same session");
            assert!(known(word, "b/1", 20), "or as soon as there is another");
            assert!(!known(word, "a/2", 61) && !known(word, "b/1", 61), "a minute later it is meant again");
        }
    }

    #[test]
    fn a_name_counts_for_its_life_and_not_for_ever() {
        let life = Duration::from_secs(600);
        let at = |second: i64| keys("id", life, "x", Timestamp::from_second(1_763_800_000 + second).unwrap());
        let same = |a: i64, b: i64| at(a).iter().any(|key| at(b).contains(key));
        for begin in (0..2_400).step_by(7) {
            assert!((0..600).step_by(13).all(|later| same(begin, begin + later)), "{begin}");
            assert!((1_200..3_000).step_by(13).all(|later| !same(begin, begin + later)), "{begin}");
        }
    }
}
