//! What a citizen is shown: where their matter stands, what happened when, and what comes next. Nothing about anyone.

use crate::{
    event::kind,
    number::{Number, as_typed},
    public::Public,
    store::{Known, Sequence, StoreError, StoredEvent, TicketRow},
    ticket,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Events that are looked at, the latest; a ticket has a dozen.
const MOST_EVENTS: usize = 60;

/// What was typed.
pub(super) struct Query {
    pub number: String,
    pub code: String,
}

/// Where a matter stands.
#[derive(Serialize)]
pub(super) struct Progress {
    pub number: String,
    pub status: String,
    pub received_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// What comes next, in words.
    pub next: Option<&'static str>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// The answers among it.
    pub replies: Vec<Value>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub at: String,
    /// `received`, `status`, `reply`, `supplemented`, `repeated`, `urged`, `withdrawn`, `rated`, `noted`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The words of a reply, or why there is no ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Step {
    fn new(kind: &'static str, at: &str) -> Self {
        Self { at: at.to_owned(), kind, status: None, text: None }
    }

    /// As a citizen reads it.
    pub fn name(&self) -> &str {
        match self.kind {
            "received" => "收到诉求",
            "status" => self.status.as_deref().map_or("状态更新", status_name),
            "reply" => "答复",
            "supplemented" => "收到补充材料",
            "repeated" => "收到您再次反映",
            "urged" => "收到催办",
            "withdrawn" => "收到撤回申请",
            "rated" => "收到您的评价",
            "noted" => "未形成工单",
            other => other,
        }
    }
}

/// What a look-up finds.
pub(super) enum Found {
    Progress(Box<Progress>),
    Nothing,
    Wait(Duration),
    Unavailable,
}

/// As people type it: spaces and dashes where they like, digits of any width.
fn typed_number(text: &str) -> String {
    let digits: String = as_typed(text).take(40).collect();
    match digits.len() {
        15..=18 if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let (rest, check) = digits.split_at(digits.len() - 1);
            format!("{}-{}-{check}", &rest[..8], &rest[8..])
        }
        _ => text.trim().chars().take(40).collect(),
    }
}

/// Looks up. An unknown number and a wrong code take the same way and the same time.
pub(super) async fn look_up(public: &Public, query: &Query) -> Found {
    let typed = typed_number(&query.number);
    if let Err(wait) = public.tries.take(&typed).await {
        return Found::Wait(wait);
    }
    match find(public, &typed, &query.code).await {
        Ok(None) => Found::Nothing,
        Ok(Some(progress)) => {
            public.tries.give_back(&typed).await;
            Found::Progress(Box::new(progress))
        }
        Err(_) => {
            public.tries.give_back(&typed).await;
            Found::Unavailable
        }
    }
}

async fn find(public: &Public, typed: &str, code: &str) -> Result<Option<Progress>, StoreError> {
    let number = typed.parse::<Number>().unwrap_or(Number { day: 0, sequence: 0 });
    let known = public.store.known(number).await?;
    let hash = match &known {
        Known::Ticket(row) if !row.code_hash.is_empty() => row.code_hash.clone(),
        Known::Ticket(_) | Known::InTheLine { .. } | Known::Noted { .. } | Known::Nothing => {
            public.key.code_hash(number).to_vec()
        }
    };
    let right = public.key.code_matches(number, code, &hash);
    Ok(match known {
        Known::Ticket(row) if right => Some(of_ticket(public, &row).await?),
        Known::InTheLine { received_at } if right => {
            let at = ticket::rfc3339(received_at, &public.zone);
            Some(Progress {
                number: number.to_string(),
                status: "accepted".into(),
                received_at: at.clone(),
                updated_at: at.clone(),
                next: next_step("accepted"),
                steps: vec![Step::new("received", &at)],
                replies: Vec::new(),
            })
        }
        Known::Noted { about: Some(row), .. } if right => Some(of_ticket(public, &row).await?),
        Known::Noted { received_at, what, about: None } if right => {
            let at = ticket::rfc3339(received_at, &public.zone);
            let noted = Step { text: Some(no_ticket(&what).into()), ..Step::new("noted", &at) };
            Some(Progress {
                number: number.to_string(),
                status: "closed".into(),
                received_at: at.clone(),
                updated_at: at.clone(),
                next: None,
                steps: vec![Step::new("received", &at), noted],
                replies: Vec::new(),
            })
        }
        _ => None,
    })
}

/// Why a message made no ticket, for the citizen.
fn no_ticket(what: &str) -> &'static str {
    match what {
        "call" => "这通来电没有留下诉求内容，没有形成工单。",
        "event" => "这是一条系统消息，没有形成工单。",
        _ => "这是一条询问，没有形成工单。",
    }
}

async fn of_ticket(public: &Public, row: &TicketRow) -> Result<Progress, StoreError> {
    let places = public.store.events_of(row.number, Sequence(0)).await?;
    let mut steps = Vec::new();
    for place in places.iter().rev().take(MOST_EVENTS) {
        let event = public.store.events(Sequence(place.0 - 1), 1).await?;
        steps.extend(event.first().filter(|event| event.sequence == *place).and_then(step_of));
    }
    let ticket: Value = serde_json::from_str(&row.document).unwrap_or_default();
    let text = |field: &str| ticket[field].as_str().unwrap_or_default().to_owned();
    let local = |at: &Value| {
        let at = at.as_str().unwrap_or_default();
        at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| ticket::rfc3339(at, &public.zone))
    };
    let mut replies = Vec::new();
    for reply in ticket["replies"].as_array().into_iter().flatten() {
        let at = local(&reply["at"]);
        steps.push(Step { text: reply["text"].as_str().map(str::to_owned), ..Step::new("reply", &at) });
        replies.push(serde_json::json!({ "at": at, "text": reply["text"] }));
    }
    steps.push(Step::new("received", &text("received_at")));
    steps.sort_by_key(|step| (step.kind != "received", step.at.parse::<Timestamp>().unwrap_or_default()));
    let status = text("status");
    Ok(Progress {
        number: text("number"),
        received_at: text("received_at"),
        updated_at: steps.last().map_or_else(|| text("received_at"), |step| step.at.clone()),
        next: next_step(&status),
        status,
        steps,
        replies,
    })
}

/// What an event means to the citizen, if anything.
fn step_of(event: &StoredEvent) -> Option<Step> {
    let body: Value = serde_json::from_slice(&event.body).ok()?;
    let at = body["time"].as_str()?;
    let change = &body["data"]["change"];
    match event.kind.as_str() {
        kind::SUPPLEMENTED => Some(Step::new("supplemented", at)),
        kind::REPEATED => Some(Step::new("repeated", at)),
        kind::URGED => Some(Step::new("urged", at)),
        kind::WITHDRAWN => Some(Step::new("withdrawn", at)),
        kind::RATED => Some(Step::new("rated", at)),
        kind::UPDATED => {
            let status = change["status"]["new"].as_str()?;
            Some(Step { status: Some(status.to_owned()), ..Step::new("status", at) })
        }
        _ => None,
    }
}

/// A status, as a citizen reads it.
pub(super) fn status_name(status: &str) -> &str {
    match status {
        "accepted" => "已受理",
        "dispatched" => "已派单",
        "in_progress" => "办理中",
        "returned" => "已退回，正在重新派单",
        "replied" => "已答复",
        "closed" => "已办结",
        "reopened" => "重新办理",
        other => other,
    }
}

/// What comes after a status, for the citizen.
fn next_step(status: &str) -> Option<&'static str> {
    match status {
        "accepted" | "returned" => Some("热线中心把诉求派给承办单位"),
        "dispatched" => Some("承办单位开始办理，可能会与您联系核实"),
        "in_progress" | "reopened" => Some("承办单位办理后给出答复"),
        "replied" => Some("热线中心回访后办结"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_typed_as_people_do() {
        for typed in
            ["20261122-000123-4", " 20261122 000123 4 ", "202611220001234", "２０２６１１２２－０００１２３－４"]
        {
            assert_eq!(typed_number(typed), "20261122-000123-4", "{typed}");
        }
        assert_eq!(typed_number("20261122"), "20261122");
        assert_eq!(typed_number("工单"), "工单");
    }
}
