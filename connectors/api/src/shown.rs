//! An appeal as JSON, for people: what `jiesu try` prints, and golden files hold.

use crate::{Appeal, Attachment, Intent, Payload, Thread};
use serde_json::{Map, Value, json};

impl Appeal {
    /// The fields of the `api` body as they would enter the ticket, `transcript`, and the attachments' names, media
    /// types and sizes instead of their bytes.
    pub fn to_json(&self) -> Value {
        let mut shown = Map::new();
        if self.intent != Intent::Appeal {
            shown.insert("intent".into(), json!(self.intent));
        }
        if let Some(number) = &self.about {
            shown.insert("about".into(), json!(number));
        }
        if let Some(note) = &self.note {
            shown.insert("note".into(), json!(note));
        }
        if !self.thread.is_empty() {
            let Thread { shown: proved, answers, written } = &self.thread;
            shown.insert("thread".into(), json!({ "shown": proved, "answers": answers, "written": written }));
        }
        if let Some(reason) = &self.suspect {
            shown.insert("suspect".into(), json!(reason));
        }
        if !self.flags.is_empty() {
            shown.insert("flags".into(), json!(self.flags));
        }
        if let Some(category) = &self.category {
            shown.insert("category".into(), json!(category));
        }
        if let Some(score) = self.score {
            shown.insert("score".into(), json!(score));
        }
        let transcript = self.transcript.iter();
        let rest = json!({
            "kind": self.kind,
            "title": self.title,
            "content": self.content,
            "demand": self.demand,
            "appellant": self.appellant,
            "location": self.location,
            "hotline": self.hotline,
            "occurred_at": self.occurred_at,
            "publish": self.publish,
            "attachments": self.attachments.iter().map(Attachment::to_json).collect::<Vec<_>>(),
            "transcript": transcript
                .map(|part| json!({ "type": part.kind, "text": part.text, "attachment": part.attachment }))
                .collect::<Vec<_>>(),
        });
        if let Value::Object(rest) = rest {
            shown.extend(rest);
        }
        Value::Object(shown)
    }
}

impl Attachment {
    fn to_json(&self) -> Value {
        let mut shown = json!({ "name": self.name, "media_type": self.media_type });
        match &self.payload {
            Payload::Inline(bytes) => shown["bytes"] = json!(bytes.len()),
            Payload::Kept(file) => shown["bytes"] = json!(file.bytes),
            Payload::Remote(media) => {
                shown["bytes"] = Value::Null;
                shown["media"] = json!(media);
            }
        }
        shown
    }
}
