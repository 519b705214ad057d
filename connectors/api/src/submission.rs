//! The appeal as JSON: what partners post, web pages submit, and maps of foreign formats yield.

use crate::{
    Appeal, Appellant, Attachment, FieldFault, Kind, Location, Part, PartType, Payload, Provenance, digest, read_json,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Attachments in one submission, at most.
pub const MAX_ATTACHMENTS: usize = 20;
const MAX_CONTENT: usize = 100_000;
const MAX_LINE: usize = 1_000;

/// An appeal as JSON. Only `content` is required; `null` is the same as leaving a field out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Submission {
    /// The sender's own name for this appeal; the same name with the same content is a redelivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What kind of matter it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What it is about: the code of the city's category, or the sender's own where the register of hotlines translates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The citizen's words. Required.
    pub content: Option<String>,
    /// What the citizen asks to be done (办理要求).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand: Option<String>,
    /// Who speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appellant: Option<Appellant>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The hotline it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotline: Option<String>,
    /// When it happened: RFC 3339 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// The citizen agrees to have it published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<bool>,
    /// Files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<SubmittedFile>>,
}

/// A file in a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubmittedFile {
    /// File name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The bytes, in standard base64 (RFC 4648, section 4). Required.
    pub base64: Option<String>,
}

impl Submission {
    /// Reads a JSON body.
    ///
    /// # Errors
    /// One fault: the field and what would be right.
    pub fn from_json(body: &[u8]) -> Result<Self, FieldFault> {
        read_json(body)
    }

    /// What makes two submissions the same, whatever the spacing and order of the JSON they came in.
    pub fn digest(&self) -> [u8; 16] {
        digest([serde_json::to_vec(self).unwrap_or_default().as_slice()])
    }

    /// Every fault of the fields, in their order.
    pub fn faults(&self) -> Vec<FieldFault> {
        let mut faults = Faults::default();
        match self.content.as_deref() {
            None => faults.add("content", "is required: the citizen's words"),
            Some(text) if says_nothing(text) => faults.add("content", "is empty: give the citizen's words"),
            Some(_) => faults.text("content", &self.content, MAX_CONTENT),
        }
        faults.text("id", &self.id, 200);
        if self.id.as_deref() == Some("") {
            faults.add("id", "is empty: leave it out, or give a name unique to this appeal");
        }
        faults.text("category", &self.category, 40);
        faults.text("title", &self.title, MAX_LINE);
        faults.text("demand", &self.demand, MAX_CONTENT);
        faults.text("hotline", &self.hotline, 20);
        if self.hotline.as_deref().is_some_and(|hotline| hotline.trim().is_empty()) {
            faults.add("hotline", "is empty: leave it out for the channel's own");
        }
        if let Some(who) = &self.appellant {
            faults.text("appellant.name", &who.name, 100);
            faults.text("appellant.phone", &who.phone, 40);
            faults.text("appellant.email", &who.email, 254);
            faults.text("appellant.wechat_openid", &who.wechat_openid, 100);
        }
        if let Some(place) = &self.location {
            faults.text("location.text", &place.text, MAX_LINE);
            faults.text("location.region", &place.region, 20);
            faults.degrees("location.lat", place.lat, 90.0);
            faults.degrees("location.lon", place.lon, 180.0);
            if place.lat.is_some() != place.lon.is_some() {
                let missing = if place.lat.is_none() { "location.lat" } else { "location.lon" };
                faults.add(missing, "is missing: give lat and lon together");
            }
        }
        if let Some(at) = &self.occurred_at
            && (at.len() > 64 || at.parse::<Timestamp>().is_err())
        {
            faults.add("occurred_at", "is no RFC 3339 time with offset, as 2026-11-22T08:00:00+08:00");
        }
        let files = self.attachments.as_deref().unwrap_or_default();
        if files.len() > MAX_ATTACHMENTS {
            faults.add("attachments", &format!("has {} files; at most {MAX_ATTACHMENTS}", files.len()));
        }
        for (index, file) in files.iter().take(MAX_ATTACHMENTS).enumerate() {
            faults.text(&format!("attachments[{index}].name"), &file.name, 255);
            faults.text(&format!("attachments[{index}].media_type"), &file.media_type, 100);
            if let Err(detail) = file.bytes() {
                faults.add(&format!("attachments[{index}].base64"), &detail);
            }
        }
        faults.0
    }

    /// The appeal in it; its transcript is the words, then each file.
    ///
    /// # Errors
    /// Every fault of the fields.
    pub fn into_appeal(self) -> Result<Appeal, Vec<FieldFault>> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        let content = self.content.unwrap_or_default();
        let mut transcript = vec![Part::text(content.as_str())];
        let files = self.attachments.unwrap_or_default().into_iter().enumerate();
        let attachments = files.map(|(index, file)| {
            let payload = Payload::Inline(file.bytes().unwrap_or_default().into());
            let media_type = file.media_type.unwrap_or_else(|| "application/octet-stream".into());
            transcript.push(Part { kind: PartType::of_media(&media_type), text: None, attachment: Some(index) });
            Attachment { name: file.name, media_type, payload }
        });
        let attachments = attachments.collect();
        Ok(Appeal {
            kind: self.kind,
            category: self.category.filter(|category| !category.trim().is_empty()),
            title: self.title,
            content,
            demand: self.demand,
            appellant: self.appellant.unwrap_or_default(),
            location: self.location.unwrap_or_default(),
            occurred_at: self.occurred_at,
            hotline: self.hotline,
            origin: self.id.map(|number| Provenance { number, ..Provenance::default() }),
            publish: self.publish.unwrap_or_default(),
            attachments,
            transcript,
            ..Appeal::default()
        })
    }
}

/// Whether there is nothing to read in `text`; a U+0000 is another fault.
pub fn says_nothing(text: &str) -> bool {
    text.chars().all(|character| character != '\0' && is_unseen(character))
}

/// It leaves nothing to read: space, control characters, and the invisible ones for direction and joining.
fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180e}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{feff}'
        )
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

impl SubmittedFile {
    fn bytes(&self) -> Result<Vec<u8>, String> {
        let Some(text) = &self.base64 else { return Err("is required: the file's bytes in base64".into()) };
        STANDARD.decode(text).map_err(|error| format!("is no standard base64: {error}"))
    }
}

#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, field: &str, detail: &str) {
        self.0.push(FieldFault { field: field.into(), detail: detail.into() });
    }

    /// Too long, or holding a NUL, which no database downstream can keep.
    fn text(&mut self, field: &str, text: &Option<String>, max: usize) {
        let Some(text) = text else { return };
        if text.contains('\0') {
            self.add(field, "contains U+0000, which is no text: leave it out");
        }
        if text.len() > max && text.chars().count() > max {
            self.add(field, &format!("has {} characters; at most {max}", text.chars().count()));
        }
    }

    fn degrees(&mut self, field: &str, value: Option<f64>, max: f64) {
        if value.is_some_and(|degrees| degrees.is_nan() || degrees.abs() > max) {
            self.add(field, &format!("is outside -{max} to {max} degrees"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Vec<String> {
        match Submission::from_json(json.as_bytes()) {
            Err(fault) => vec![fault.field],
            Ok(submission) => submission.faults().into_iter().map(|fault| fault.field).collect(),
        }
    }

    #[test]
    fn each_bad_field_is_named() {
        assert_eq!(fields(r#"{"content":"路灯坏了"}"#), [""; 0]);
        assert_eq!(fields("{}"), ["content"]);
        assert_eq!(fields(r#"{"content":" \n"}"#), ["content"]);
        assert_eq!(fields(r#"{"content":"\u200b\u3000\ufeff\u202e"}"#), ["content"], "nothing that shows");
        assert_eq!(fields(r#"{"content":"\u200b路\u200b灯"}"#), [""; 0]);
        assert_eq!(fields(r#"{"content":"a\u0000b"}"#), ["content"]);
        assert_eq!(fields(r#"{"content":7}"#), ["content"]);
        assert_eq!(fields(r#"{"content":"a","kind":"rant"}"#), ["kind"]);
        assert_eq!(fields(r#"{"content":"a","hotline":""}"#), ["hotline"]);
        assert_eq!(fields(r#"{"content":"a","location":{"lat":91,"lon":0}}"#), ["location.lat"]);
        assert_eq!(fields(r#"{"content":"a","location":{"lat":9}}"#), ["location.lon"]);
        assert_eq!(fields(r#"{"content":"a","occurred_at":"yesterday"}"#), ["occurred_at"]);
        assert_eq!(fields(r#"{"content":"a","attachments":[{"base64":"%"}]}"#), ["attachments[0].base64"]);
        assert_eq!(fields(r#"{"content":"a","appellant":{"fone":"1"}}"#), ["appellant.fone"]);
        assert_eq!(fields(r#"{"content":"a","title":"\ud800"}"#), ["title"]);
        assert_eq!(fields("not json"), ["body"]);
        assert_eq!(fields(r#"{"content":"a""#), ["body"]);
        assert_eq!(fields(&"[".repeat(100_000)), ["body"]);
    }

    #[test]
    fn a_fault_is_told_in_the_words_of_json() {
        let detail = |body: &[u8]| Submission::from_json(body).unwrap_err().detail;
        assert!(detail("{\"content\":\"路灯\"}".as_bytes()[..14].as_ref()).contains("UTF-8"));
        assert!(detail(br#"{"content":"\ud800x"}"#).contains("half a character"));
        assert!(detail(b"{\"content\":\"a\nb\"}").contains("escape it"));
        assert!(detail(br#"{"content":"a","kind":5}"#).contains("complaint"));
        assert!(detail(br#"{"content":"a","location":7}"#).contains("expected an object"));
        assert!(detail(br#"{"content":"a","location":{"lat":"7"}}"#).contains("expected a number"));
        assert!(Submission::from_json("\u{feff}{\"content\":\"a\"}".as_bytes()).is_ok());
    }

    #[test]
    fn words_that_nobody_can_see_are_none() {
        for unseen in ["\u{200b}\u{200d}\u{feff}", "\u{202e}\u{2066}", " \u{3000}\u{3164}\u{7}"] {
            let submission = Submission { content: Some(unseen.into()), ..Submission::default() };
            assert_eq!(submission.faults().first().map(|fault| fault.field.as_str()), Some("content"));
        }
    }

    #[test]
    fn the_same_content_in_other_spacing_and_order_is_the_same() {
        let read = |json: &str| Submission::from_json(json.as_bytes()).map(|s| s.digest());
        let first = read(r#"{"content":"a","title":"b","demand":null}"#);
        assert_eq!(first, read(r#"{ "title": "\u0062", "content": "a" }"#));
        assert_ne!(first, read(r#"{"content":"ab","title":""}"#));
    }
}
