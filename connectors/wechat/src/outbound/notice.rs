//! Notices (模板消息, 长期订阅通知): what may still reach a citizen whose last message is too long ago.

use super::Api;
use jiesu_connector::{BuildError, Failure, Reply, Sent, digest};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A notice for answers that may not go out as customer-service messages (errors 45015 and 45047).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Which of the platform's two kinds.
    pub kind: NoticeKind,
    /// The template's id, from the account's console.
    pub template_id: String,
    /// The template's fields, as `thing1 = "{text}"`; `{number}`, `{text}` and `{status_url}` are filled in and cut to
    /// what the field may hold.
    pub fields: BTreeMap<String, String>,
}

/// The platform's two kinds of notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// A template message (模板消息).
    Template,
    /// A notice that the citizen agreed to (订阅通知); long-term ones are open to government services.
    Subscription,
}

impl Notice {
    pub(crate) fn faults(&self) -> Vec<BuildError> {
        let mut faults = Vec::new();
        if self.template_id.trim().is_empty() {
            faults.push(BuildError::new("notice.template_id", "is empty: copy it from the account's console"));
        }
        if self.fields.is_empty() {
            let what = "is empty: name the template's fields, as thing1 = \"{text}\"";
            faults.push(BuildError::new("notice.fields", what));
        }
        faults
    }

    pub(crate) async fn send(&self, api: &Api, reply: &Reply) -> Result<Sent, Failure> {
        let status_url = &api.account.status_url;
        let data: Map<String, Value> = self
            .fields
            .iter()
            .map(|(name, text)| {
                let filled = text.replace("{number}", &reply.number).replace("{status_url}", status_url);
                let value = cut(&filled.replace("{text}", &reply.text), capacity(name));
                (name.clone(), json!({ "value": value }))
            })
            .collect();
        let mut body = json!({ "touser": reply.to, "template_id": self.template_id, "data": data });
        let path = match self.kind {
            NoticeKind::Template => {
                body["url"] = status_url.as_str().into();
                // The same id to the same citizen goes out once in ten minutes: a time-out can be tried again.
                let id = digest([reply.id.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                body["client_msg_id"] = id.into();
                "/cgi-bin/message/template/send"
            }
            NoticeKind::Subscription => {
                body["page"] = status_url.as_str().into();
                "/cgi-bin/message/subscribe/bizsend"
            }
        };
        let answer = api.call(path, &body).await?;
        let message = answer.get("msgid").filter(|id| !id.is_null());
        Ok(Sent { message: message.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)) })
    }
}

/// How many characters a field may hold, by the kind in its name (the platform's table of parameters).
fn capacity(name: &str) -> usize {
    match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "thing" | "const" => 20,
        "phrase" => 5,
        "name" => 10,
        "character_string" | "number" | "letter" | "time" | "date" => 32,
        _ => 100,
    }
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}
