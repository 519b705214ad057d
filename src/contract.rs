//! The contract as other people's tools read it: JSON Schemas of the ticket and the event, and an AsyncAPI document. A
//! test keeps the files in `docs/` current, and holds real events against them.

use crate::{event::KINDS, ticket};
use serde_json::{Map, Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Null, or `schema`.
fn maybe(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn one_of(values: &[&str]) -> Value {
    json!({ "enum": values })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// An object; fields whose name ends in `?` may be absent. Further fields are allowed: later versions add some.
fn object<const N: usize>(description: &str, fields: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone())).collect();
    json!({ "description": description, "type": "object", "properties": properties, "required": required })
}

fn location() -> Value {
    object(
        "Where it is; coordinates stay as they were sent.",
        [
            ("text", maybe(text())),
            ("lat", maybe(json!({ "type": "number", "minimum": -90, "maximum": 90 }))),
            ("lon", maybe(json!({ "type": "number", "minimum": -180, "maximum": 180 }))),
            ("region", maybe(text())),
            ("datum?", one_of(&["wgs84", "gcj02"])),
        ],
    )
}

fn attachment() -> Value {
    object(
        "A photo, recording or file.",
        [
            ("id", text()),
            ("name", maybe(text())),
            ("media_type", text()),
            ("state?", one_of(&["pending", "kept", "missing"])),
            ("bytes", maybe(json!({ "type": "integer", "minimum": 0 }))),
            ("sha256", maybe(json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }))),
            ("url", maybe(json!({ "type": "string", "format": "uri" }))),
            ("reason?", maybe(text())),
        ],
    )
}

fn piece() -> Value {
    let kinds = ["text", "image", "voice", "video", "location", "link", "file", "menu", "call"];
    object(
        "One message as the citizen sent it.",
        [
            ("id", text()),
            ("at", time()),
            ("type", one_of(&kinds)),
            ("text", maybe(text())),
            ("attachment", maybe(text())),
            ("location?", location()),
            ("machine?", text()),
        ],
    )
}

fn reply() -> Value {
    object(
        "What was answered to the citizen.",
        [
            ("id", text()),
            ("at", time()),
            ("text", text()),
            ("channel", maybe(text())),
            ("state", one_of(&["pending", "delivered", "partial", "refused", "expired", "unknown"])),
            ("reason", maybe(text())),
        ],
    )
}

/// The JSON Schema of a ticket.
pub fn ticket_schema() -> Value {
    let number = json!({ "type": "string", "pattern": "^[0-9]{8}-[0-9]{6,}-[0-9]$" });
    let score = || json!({ "type": "number", "minimum": 0, "maximum": 1 });
    let count = || json!({ "type": "integer", "minimum": 1 });
    let hotline = object(
        "The hotline (热线) it is for, and how that came under 12345 on the day of the ticket.",
        [("code", text()), ("name", text()), ("mode", one_of(&["absorbed", "parallel", "subcentre"]))],
    );
    let channel = object("The channel it came by.", [("id", text()), ("type", text()), ("message?", maybe(text()))]);
    let origin = object(
        "Which ticket of another system it was.",
        [("system", maybe(text())), ("number", text()), ("via?", list(text()))],
    );
    let category =
        object("What it is about.", [("code", text()), ("name", text()), ("confidence", score()), ("by", text())]);
    let appellant = object(
        "Who speaks (诉求人); contact data as the receiver may see it.",
        [
            ("key", text()),
            ("name", maybe(text())),
            ("phone", maybe(text())),
            ("email", maybe(text())),
            ("wechat_openid", maybe(text())),
            ("anonymous", json!({ "type": "boolean" })),
            ("confidential", json!({ "type": "boolean" })),
        ],
    );
    let due = object(
        "Deadlines (办理时限).",
        [
            ("respond_by", time()),
            ("reply_by", time()),
            ("policy", text()),
            ("mode", one_of(&["normal", "holiday", "emergency"])),
        ],
    );
    let repeat = object(
        "The citizen has raised it again (重复诉求).",
        [
            ("of?", maybe(text())),
            ("count", count()),
            ("reason?", text()),
            ("score?", maybe(score())),
            ("first_at?", maybe(time())),
            ("left_out?", count()),
        ],
    );
    let incident = object("Others have the same (同一事件).", [("id", text()), ("size", count()), ("reason", text())]);
    let similar = object(
        "Perhaps the same matter; an operator decides.",
        [("of", text()), ("score", score()), ("reason", text()), ("same_citizen", json!({ "type": "boolean" }))],
    );
    let priority =
        object("How soon.", [("level", json!({ "type": "integer", "minimum": 1, "maximum": 4 })), ("reason", text())]);
    let rating = object(
        "What the citizen answered (评价).",
        [("score", json!({ "type": "integer", "minimum": 1, "maximum": 5 })), ("content", text()), ("at", time())],
    );
    let mut schema = object(
        "A ticket (工单). Receivers ignore fields that they do not know.",
        [
            ("schema", json!({ "const": ticket::SCHEMA })),
            ("number", number),
            ("hotline", hotline),
            ("channel", channel),
            ("origin?", origin),
            ("received_at", time()),
            ("occurred_at", maybe(text())),
            ("kind", one_of(&["consultation", "help", "complaint", "report", "suggestion", "praise", "other"])),
            ("category", maybe(category)),
            ("title", text()),
            ("content", text()),
            ("demand", maybe(text())),
            ("appellant", appellant),
            ("location", location()),
            ("locations?", list(location())),
            ("attachments", list(attachment())),
            ("transcript", list(piece())),
            ("priority", priority),
            ("flags", list(text())),
            ("due", maybe(due)),
            ("repeat", maybe(repeat)),
            ("incident", maybe(incident)),
            ("similar?", maybe(similar)),
            ("triage", json!({ "type": "object" })),
            ("status", one_of(&["accepted", "dispatched", "in_progress", "returned", "replied", "closed", "reopened"])),
            ("unit?", maybe(text())),
            ("ask_rating?", json!({ "type": "boolean" })),
            ("rating?", maybe(rating)),
            ("publish", json!({ "type": "boolean" })),
            ("replies", list(reply())),
        ],
    );
    headed(&mut schema, "jiesu.ticket/1");
    schema
}

fn headed(schema: &mut Value, title: &str) {
    let body = std::mem::take(schema);
    let mut head = json!({ "$schema": DRAFT, "title": title });
    if let (Value::Object(head), Value::Object(body)) = (&mut head, body) {
        head.extend(body);
    }
    *schema = head;
}

/// What an event of this type says in `change`.
fn change(kind: &str) -> Value {
    let words = || ("content", text());
    match kind {
        "ticket.created" => json!({ "type": "null" }),
        "ticket.supplemented" => {
            object("What was added.", [words(), ("transcript", list(piece())), ("attachments", list(attachment()))])
        }
        "ticket.repeated" => object(
            "The new words.",
            [
                words(),
                ("count", json!({ "type": "integer", "minimum": 2 })),
                ("score", json!({ "type": "number" })),
                ("reason", text()),
                ("number", text()),
            ],
        ),
        "ticket.joined" => {
            object("The incident.", [("incident", text()), ("size", json!({ "type": "integer" })), ("reason", text())])
        }
        "ticket.rated" => object("The answer.", [("score", json!({ "type": "integer" })), words()]),
        "ticket.updated" => {
            let sides = object("Before and after.", [("old", json!(true)), ("new", json!(true))]);
            json!({ "description": "Each field that changed.", "type": "object", "additionalProperties": sides })
        }
        _ => object("The words.", [words()]),
    }
}

/// The JSON Schema of an event.
pub fn event_schema() -> Value {
    let mut ticket = ticket_schema();
    if let Some(ticket) = ticket.as_object_mut() {
        ticket.shift_remove("$schema");
        ticket.shift_remove("title");
    }
    let data = object(
        "The ticket after the change, and the change.",
        [("ticket", json!({ "$ref": "#/$defs/ticket" })), ("change", json!(true))],
    );
    let mut schema = object(
        "A CloudEvent 1.0 about a ticket. Receivers ignore types and fields that they do not know.",
        [
            ("specversion", json!({ "const": "1.0" })),
            ("id", json!({ "type": "string", "pattern": "^ev_[0-9A-Z]{26}$" })),
            ("source", json!({ "type": "string", "pattern": "^jiesu(/[A-Za-z0-9._-]+)?$" })),
            ("type", text()),
            ("subject", text()),
            ("time", time()),
            ("datacontenttype", json!({ "const": "application/json" })),
            ("sequence", json!({ "type": "string", "pattern": "^[0-9]{16}$" })),
            ("data", data),
        ],
    );
    let of_type = |kind: &&str| {
        json!({
            "if": { "properties": { "type": { "const": kind } } },
            "then": { "properties": { "data": { "properties": { "change": change(kind) } } } },
        })
    };
    schema["allOf"] = KINDS.iter().map(of_type).collect();
    schema["$defs"] = json!({ "ticket": ticket });
    headed(&mut schema, "Jiesu event");
    schema
}

/// The AsyncAPI 3.0 document of the events that receivers get.
pub fn asyncapi() -> Value {
    let payload = json!({ "schemaFormat": "application/schema+json;version=draft-2020-12", "schema": { "$ref": "./event.schema.json" } });
    let header = |description: &str| json!({ "type": "string", "description": description });
    let headers = json!({
        "type": "object",
        "required": ["webhook-id", "webhook-timestamp"],
        "properties": {
            "webhook-id": header("The event's id: the same each time it is sent. Receivers drop repeats by it."),
            "webhook-timestamp": header("Unix seconds of this attempt; more than 5 minutes off is refused."),
            "webhook-signature": header("One or more of `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, with spaces between."),
        },
    });
    let name = |kind: &str| kind.trim_start_matches("ticket.").to_owned();
    let message = |kind: &&str| {
        let body = json!({
            "name": kind, "title": kind, "contentType": "application/cloudevents+json",
            "headers": { "$ref": "#/components/schemas/headers" }, "payload": payload,
        });
        (name(kind), body)
    };
    let messages: Map<String, Value> = KINDS.iter().map(message).collect();
    let refer = |at: &str| {
        KINDS.iter().map(|kind| (name(kind), json!({ "$ref": format!("{at}/{}", name(kind)) }))).collect::<Map<_, _>>()
    };
    let in_channel: Vec<Value> =
        refer("#/channels/events/messages").into_iter().map(|(_, reference)| reference).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Jiesu events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every event about a ticket, posted to the core and to each subscriber: CloudEvents 1.0 in structured JSON, \
                            signed as Standard Webhooks, at least once, in order per ticket. Answer 2xx once it is stored, 409 if it is \
                            there already, 400 or 422 if it is at fault. `jiesu stand-in --conform URL` tries a receiver.",
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": { "receiver": { "host": "receiver.example.cn", "protocol": "https", "security": [{ "$ref": "#/components/securitySchemes/signature" }] } },
        "channels": { "events": { "address": "/events", "title": "The receiver's own address", "messages": refer("#/components/messages") } },
        "operations": { "receive": { "action": "receive", "channel": { "$ref": "#/channels/events" }, "messages": in_channel } },
        "components": {
            "messages": messages,
            "schemas": { "headers": headers },
            "securitySchemes": { "signature": { "type": "symmetricEncryption", "description": "Standard Webhooks, symmetric (`whsec_…`)." } },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn the_documents_in_docs_are_current() {
        for (name, document) in [
            ("ticket.schema.json", ticket_schema()),
            ("event.schema.json", event_schema()),
            ("asyncapi.json", asyncapi()),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
            let expected = format!("{document:#}\n");
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&path, &expected).unwrap();
            }
            let found = fs::read_to_string(&path).unwrap_or_default();
            assert!(found == expected, "docs/{name} is stale; run the tests with UPDATE_EXPECT=1 to write it anew");
        }
    }

    /// Every reference of the AsyncAPI document leads somewhere, within it or to the file beside it.
    #[test]
    fn every_reference_of_the_asyncapi_document_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    object.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = asyncapi();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found.iter().filter(|reference| *reference != "./event.schema.json") {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in KINDS {
            assert!(
                document.pointer(&format!("/components/messages/{}", kind.trim_start_matches("ticket."))).is_some()
            );
        }
    }
}
