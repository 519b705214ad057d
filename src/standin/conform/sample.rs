//! Events for trials.

use crate::number::Number;
use serde_json::{Value, json};
use ulid::Ulid;

/// A ticket that is plainly a trial, with a number of its own.
pub(super) struct Sample {
    pub number: String,
    sequence: u64,
}

impl Sample {
    pub fn new() -> Self {
        let random = Ulid::generate().random() % 900_000_000;
        let number = Number { day: 20_000_101, sequence: random as u32 + 1 };
        Self { number: number.to_string(), sequence: 0 }
    }

    /// The next event of this ticket: its id and body.
    pub fn event(&mut self, kind: &str, change: Value) -> (String, Value) {
        self.sequence += 1;
        let id = format!("ev_{}", Ulid::generate());
        let event = json!({
            "specversion": "1.0", "id": id, "source": "jiesu/conformance", "type": kind, "subject": self.number,
            "time": "2000-01-01T08:00:00.000+08:00", "datacontenttype": "application/json",
            "sequence": format!("{:016}", self.sequence),
            "data": { "ticket": self.ticket(), "change": change },
        });
        (id, event)
    }

    pub fn created(&mut self) -> (String, Value) {
        self.event("ticket.created", Value::Null)
    }

    fn ticket(&self) -> Value {
        let words = "【联调测试】本工单由 jiesu stand-in --conform 生成，请勿派单。";
        json!({
            "schema": "jiesu.ticket/1", "number": self.number,
            "hotline": { "code": "12345", "name": "政务服务便民热线", "mode": "absorbed" },
            "channel": { "id": "conformance", "type": "api" },
            "received_at": "2000-01-01T08:00:00.000+08:00", "occurred_at": null, "kind": "other", "category": null,
            "title": "【联调测试】请勿派单", "content": words, "demand": null,
            "appellant": { "key": "ap_00000000000000000000", "name": null, "phone": null, "email": null,
                "wechat_openid": null, "anonymous": true, "confidential": false },
            "location": { "text": null, "lat": null, "lon": null, "region": null },
            "attachments": [],
            "transcript": [{ "id": "m1", "at": "2000-01-01T08:00:00.000+08:00", "type": "text", "text": words, "attachment": null }],
            "priority": { "level": 4, "reason": "联调测试" }, "flags": [], "due": null, "repeat": null, "incident": null,
            "triage": { "kind": "联调测试" }, "status": "accepted", "publish": false, "replies": [],
        })
    }
}
