//! Events of another gateway: the feed of one is the intake of the next.
//!
//! `ticket.created` becomes an appeal that keeps its number there (`origin`); what is added, repeated, urged or taken
//! back goes to the ticket that came of it. Everything else is kept for the record. An event that has come through this
//! gateway before is refused: a loop ends there.

use jiesu_connector::{
    Appeal, Appellant, Attachment, FieldFault, Intent, Kind, Location, MediaRef, Note, Part, PartType, Payload,
    Provenance, Thread, read_json,
};
use serde::Deserialize;
use serde_json::Value;

/// CloudEvents 1.0 in structured JSON.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// Gateways that an event may have come through, at most.
const MAX_HOPS: usize = 8;
const MAX_CODE: usize = 20;
/// Files of one event, at most.
const MAX_FILES: usize = 100;

/// An event of another gateway.
#[derive(Debug, Deserialize)]
pub struct Event {
    specversion: String,
    /// Its id: the same each time it is sent.
    pub id: String,
    /// The gateway that it comes from.
    pub source: String,
    #[serde(rename = "type")]
    kind: String,
    /// The ticket's number there.
    pub subject: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    ticket: Ticket,
    #[serde(default)]
    change: Value,
}

/// What is read of a ticket; it may have more.
#[derive(Debug, Deserialize)]
struct Ticket {
    number: String,
    #[serde(default)]
    hotline: Value,
    #[serde(default)]
    received_at: Option<String>,
    #[serde(default)]
    occurred_at: Option<String>,
    #[serde(default)]
    kind: Value,
    #[serde(default)]
    category: Value,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    content: String,
    #[serde(default)]
    demand: Option<String>,
    #[serde(default)]
    appellant: Value,
    #[serde(default)]
    location: Value,
    #[serde(default)]
    attachments: Vec<File>,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    origin: Option<Provenance>,
}

#[derive(Debug, Clone, Deserialize)]
struct File {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// The field at fault.
    pub fn read(body: &[u8]) -> Result<Self, FieldFault> {
        let fault = |field: &str, detail: &str| FieldFault { field: field.into(), detail: detail.into() };
        let event: Self = read_json(body)?;
        let filled = |text: &str| !text.is_empty() && text.len() <= 200 && !text.contains('\0');
        for (field, text) in [("id", &event.id), ("source", &event.source), ("subject", &event.subject)] {
            if !filled(text) {
                return Err(fault(field, "must be 1 to 200 characters"));
            }
        }
        if event.specversion != "1.0" {
            return Err(fault("specversion", "must be 1.0"));
        }
        if event.data.ticket.number != event.subject {
            return Err(fault("subject", "is not the number of the ticket in it"));
        }
        if event.via().len() > MAX_HOPS {
            return Err(fault("data.ticket.origin.via", "names more than 8 gateways: is this a loop?"));
        }
        Ok(event)
    }

    /// The gateways that it has come through, this one's sender last.
    pub fn via(&self) -> Vec<String> {
        let mut via = self.data.ticket.origin.as_ref().map(|origin| origin.via.clone()).unwrap_or_default();
        via.push(self.source.clone());
        via
    }

    /// It opens a matter: the others are about one.
    pub fn opens(&self) -> bool {
        self.kind == "ticket.created"
    }

    /// The hotline of its ticket.
    pub fn hotline(&self) -> Option<String> {
        text(&self.data.ticket.hotline, "code").filter(|code| code.len() <= MAX_CODE)
    }

    /// Who speaks, as the other gateway calls them: says nothing about them.
    pub fn sender(&self) -> Option<String> {
        text(&self.data.ticket.appellant, "key")
    }

    /// The name under which its ticket is found again.
    pub fn ticket_name(&self) -> String {
        format!("{} {}", self.source, self.subject)
    }

    /// What it says.
    pub fn appeal(self, gateway: &str) -> Appeal {
        let name = self.ticket_name();
        let via = self.via();
        let Self { kind, source, subject, data: Data { ticket, change }, .. } = self;
        let origin = Provenance { system: Some(source), number: subject, via };
        if kind == "ticket.created" {
            return ticket.appeal(origin);
        }
        let answers = vec![(scope("ticket", gateway), name)];
        let thread = Thread { answers, ..Thread::default() };
        let words = || change["content"].as_str().unwrap_or_default().to_owned();
        let about = Appeal { thread, ..Appeal::default() };
        match kind.as_str() {
            "ticket.supplemented" => {
                let files = serde_json::from_value(change["attachments"].clone()).unwrap_or_default();
                with_files(Appeal { content: words(), ..about }, files)
            }
            "ticket.repeated" => Appeal { content: words(), ..about },
            "ticket.urged" => Appeal { intent: Intent::Urge, content: words(), ..about },
            "ticket.withdrawn" => Appeal { intent: Intent::Withdraw, content: words(), ..about },
            "ticket.updated" if !arrived(&change).is_empty() => with_files(about, arrived(&change)),
            _ => Appeal { intent: Intent::Note, note: Some(Note::Event(kind)), ..about },
        }
    }
}

/// The names of one gateway's deliveries, apart from those of others.
pub(crate) fn scope(kind: &str, gateway: &str) -> String {
    format!("{kind}/gateway/{gateway}")
}

impl Ticket {
    fn appeal(self, origin: Provenance) -> Appeal {
        let who = &self.appellant;
        // What was masked on the way tells no two citizens apart.
        let plain = |field: &str| text(who, field).filter(|value| !value.contains('*'));
        let flag = |field: &str| who[field].as_bool().unwrap_or_default();
        let appeal = Appeal {
            kind: serde_json::from_value::<Kind>(self.kind).ok(),
            title: self.title,
            content: self.content,
            demand: self.demand,
            appellant: Appellant {
                name: text(who, "name"),
                phone: plain("phone"),
                email: plain("email"),
                wechat_openid: None,
                anonymous: flag("anonymous"),
                confidential: flag("confidential"),
            },
            location: serde_json::from_value::<Location>(self.location).unwrap_or_default(),
            occurred_at: self.occurred_at.or(self.received_at),
            hotline: text(&self.hotline, "code").filter(|code| code.len() <= MAX_CODE),
            category: text(&self.category, "code"),
            origin: Some(origin),
            publish: self.publish,
            ..Appeal::default()
        };
        with_files(appeal, self.attachments)
    }
}

fn with_files(mut appeal: Appeal, files: Vec<File>) -> Appeal {
    appeal.transcript.push(Part::text(appeal.content.as_str()));
    for file in files.into_iter().filter(|file| file.url.is_some()).take(MAX_FILES) {
        let media_type = file.media_type.unwrap_or_else(|| "application/octet-stream".into());
        let attachment = Some(appeal.attachments.len());
        appeal.transcript.push(Part { kind: PartType::of_media(&media_type), text: None, attachment });
        let payload = Payload::Remote(MediaRef(file.url.unwrap_or_default()));
        appeal.attachments.push(Attachment { name: file.name, media_type, payload });
    }
    appeal
}

/// Files that the other gateway did not have yet when it told of them first.
fn arrived(change: &Value) -> Vec<File> {
    let files =
        |side: &str| serde_json::from_value::<Vec<File>>(change["attachments"][side].clone()).unwrap_or_default();
    let old = files("old");
    let was_there = |file: &File| old.iter().any(|other| other.id == file.id && other.url.is_some());
    files("new").into_iter().filter(|file| file.url.is_some() && !was_there(file)).collect()
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, change: Value) -> Value {
        json!({
            "specversion": "1.0", "id": "ev_1", "source": "jiesu/leshan", "type": kind, "subject": "20261122-000001-2",
            "data": { "change": change, "ticket": {
                "number": "20261122-000001-2", "hotline": { "code": "12366" }, "kind": "complaint", "content": "不开发票",
                "received_at": "2026-11-22T08:00:00+08:00", "category": { "code": "06" },
                "appellant": { "key": "ap_1", "name": "王**", "phone": "138****8000", "email": "a@b.cn", "confidential": true },
                "location": { "text": "嘉州大道", "lat": null, "lon": null, "region": "511102" },
                "attachments": [{ "id": "f1", "media_type": "image/png", "url": "https://c/f1" }, { "id": "f2", "media_type": "image/png" }],
                "origin": { "system": "app", "number": "7", "via": [] },
            } },
        })
    }

    fn appeal(kind: &str, change: Value) -> Appeal {
        Event::read(event(kind, change).to_string().as_bytes()).unwrap().appeal("city")
    }

    #[test]
    fn a_new_ticket_is_an_appeal_that_keeps_its_number_and_no_masked_telephone() {
        let appeal = appeal("ticket.created", Value::Null);
        assert_eq!(
            (appeal.intent, appeal.content.as_str(), appeal.kind),
            (Intent::Appeal, "不开发票", Some(Kind::Complaint))
        );
        let origin = appeal.origin.unwrap();
        assert_eq!((origin.system.as_deref(), origin.number.as_str()), (Some("jiesu/leshan"), "20261122-000001-2"));
        assert_eq!(origin.via, ["jiesu/leshan"]);
        assert_eq!((appeal.appellant.phone, appeal.appellant.email.as_deref()), (None, Some("a@b.cn")));
        assert!(appeal.appellant.confidential && appeal.thread.is_empty());
        assert_eq!((appeal.hotline.as_deref(), appeal.category.as_deref()), (Some("12366"), Some("06")));
        assert_eq!(appeal.occurred_at.as_deref(), Some("2026-11-22T08:00:00+08:00"));
        assert_eq!(appeal.attachments.len(), 1, "what has no link yet comes later");
    }

    #[test]
    fn what_happens_to_a_ticket_leads_to_the_one_that_came_of_it() {
        let name = vec![("ticket/gateway/city".to_owned(), "jiesu/leshan 20261122-000001-2".to_owned())];
        for (kind, intent) in [
            ("ticket.supplemented", Intent::Appeal),
            ("ticket.repeated", Intent::Appeal),
            ("ticket.urged", Intent::Urge),
            ("ticket.withdrawn", Intent::Withdraw),
        ] {
            let appeal = appeal(kind, json!({ "content": "再说一次" }));
            assert_eq!(
                (appeal.intent, appeal.content.as_str(), &appeal.thread.answers),
                (intent, "再说一次", &name),
                "{kind}"
            );
        }
        let late = json!({ "attachments": { "old": [{ "id": "f2" }, { "id": "f1", "url": "x" }],
            "new": [{ "id": "f1", "url": "x" }, { "id": "f2", "url": "https://c/f2" }] } });
        assert_eq!(appeal("ticket.updated", late).attachments.len(), 1);
        for kind in ["ticket.updated", "ticket.joined", "ticket.rated", "ticket.unheard_of"] {
            assert_eq!(appeal(kind, json!({})).note, Some(Note::Event(kind.into())));
        }
    }

    #[test]
    fn a_bad_event_is_told_by_its_field() {
        let field = |change: fn(&mut Value)| {
            let mut event = event("ticket.created", Value::Null);
            change(&mut event);
            Event::read(event.to_string().as_bytes()).unwrap_err().field
        };
        assert_eq!(field(|event| event["specversion"] = json!("0.3")), "specversion");
        assert_eq!(field(|event| event["id"] = json!("")), "id");
        assert_eq!(field(|event| event["source"] = json!("x".repeat(201))), "source");
        assert_eq!(field(|event| event["subject"] = json!("other")), "subject");
        assert_eq!(field(|event| event["data"] = json!(7)), "data");
        assert_eq!(
            field(|event| event["data"]["ticket"]["origin"]["via"] = vec!["a"; 8].into()),
            "data.ticket.origin.via"
        );
        assert!(Event::read(b"not json").is_err() && Event::read("[".repeat(10_000).as_bytes()).is_err());
    }
}
