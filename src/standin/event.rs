//! What the stand-in reads of an event. The gateway's own types are not used here on purpose: a core is somebody
//! else's program, and what it can read is what the contract says.

use jiesu_connector::read_json;
use serde::{Deserialize, Serialize, de::IgnoredAny};

/// A CloudEvent about a ticket (CloudEvents 1.0, structured JSON).
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub specversion: String,
    pub id: String,
    #[serde(rename = "source")]
    pub _source: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: String,
    #[serde(default)]
    pub time: Option<String>,
    #[serde(default)]
    pub sequence: Option<String>,
    pub data: Data,
}

/// What the event says.
#[derive(Debug, Deserialize)]
pub(super) struct Data {
    pub ticket: Ticket,
    /// Its shape depends on the type; only that it is JSON matters here.
    #[serde(default, rename = "change")]
    pub _change: Option<IgnoredAny>,
}

/// What the page shows of a ticket (工单).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub number: String,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub demand: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub received_at: Option<String>,
    #[serde(default)]
    pub channel: Option<Channel>,
    #[serde(default)]
    pub hotline: Option<Named>,
    #[serde(default)]
    pub category: Option<Named>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub repeat: Option<Repeat>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Channel {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Location {
    #[serde(default)]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Repeat {
    #[serde(default)]
    pub count: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Characters kept of each long text: the page is for looking on, and memory is bounded.
const KEPT: usize = 2_000;
const KEPT_LINE: usize = 200;
const KEPT_REPLIES: usize = 20;

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let event: Self = read_json(body).map_err(|fault| format!("{}: {}", fault.field, fault.detail))?;
        if event.specversion != "1.0" {
            return Err(format!("specversion: is {:?}; \"1.0\" expected", event.specversion));
        }
        for (field, value) in [("id", &event.id), ("type", &event.kind), ("subject", &event.subject)] {
            if value.is_empty() || value.len() > KEPT_LINE {
                return Err(format!("{field}: has {} bytes; 1 to {KEPT_LINE} expected", value.len()));
            }
        }
        for (field, value) in [("time", &event.time), ("sequence", &event.sequence)] {
            if value.as_ref().is_some_and(|value| value.len() > KEPT_LINE) {
                return Err(format!("{field}: has more than {KEPT_LINE} bytes"));
            }
        }
        if event.subject != event.data.ticket.number {
            return Err("subject: is not data.ticket.number".into());
        }
        Ok(event)
    }

    /// The event in one line of a terminal: type, subject, title, channel.
    pub fn line(&self) -> String {
        let ticket = &self.data.ticket;
        let words = [&ticket.title, &ticket.content].into_iter().flatten().next();
        let channel = ticket.channel.as_ref().and_then(|channel| channel.id.as_deref()).unwrap_or("-");
        let words = terminal(words.map_or("", String::as_str), 40);
        format!(
            "{:<20} {}  {words}  [{}]",
            terminal(&self.kind, 40),
            terminal(&self.subject, 40),
            terminal(channel, 40)
        )
    }
}

impl Ticket {
    /// The same, with long texts cut.
    pub fn cut(mut self) -> Self {
        for text in [&mut self.content, &mut self.demand] {
            cut(text, KEPT);
        }
        for line in [&mut self.kind, &mut self.title, &mut self.status, &mut self.received_at] {
            cut(line, KEPT_LINE);
        }
        for named in [&mut self.hotline, &mut self.category].into_iter().flatten() {
            cut(&mut named.code, KEPT_LINE);
            cut(&mut named.name, KEPT_LINE);
        }
        if let Some(channel) = &mut self.channel {
            cut(&mut channel.id, KEPT_LINE);
            cut(&mut channel.kind, KEPT_LINE);
        }
        if let Some(place) = &mut self.location {
            cut(&mut place.text, KEPT_LINE);
        }
        let old = self.replies.len().saturating_sub(KEPT_REPLIES);
        self.replies.drain(..old);
        for reply in &mut self.replies {
            cut(&mut reply.text, KEPT);
            cut(&mut reply.state, KEPT_LINE);
            cut(&mut reply.reason, KEPT_LINE);
        }
        self
    }
}

fn cut(text: &mut Option<String>, max: usize) {
    if let Some(text) = text
        && let Some((end, _)) = text.char_indices().nth(max)
    {
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
}

/// `text` for a terminal: at most `max` characters, and none that moves the cursor or turns the line around.
pub(super) fn terminal(text: &str, max: usize) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters
        .by_ref()
        .take(max)
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
            c => c,
        })
        .collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}
