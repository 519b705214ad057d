//! Events (事件推送): none is an appeal by itself. What each does in the line.

use crate::fields::Fields;
use jiesu_connector::Note;

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Greet, and keep it: the citizen follows the account, or came by a QR code.
    Greet,
    /// A menu item was clicked: answered by its key.
    Menu,
    /// Keep it, say nothing.
    Keep,
    /// Keep it, and say how to go on: the citizen's phone shows that it waits for words.
    Guide,
    /// Neither keep it nor say anything: automatic position reports and opened links are nobody's complaint, and
    /// keeping them would follow citizens around.
    Ignore,
}

/// What the event `name` asks for. Names come in mixed case; unknown ones are kept.
pub fn effect(name: &str) -> Effect {
    match name.to_ascii_lowercase().as_str() {
        "subscribe" | "scan" => Effect::Greet,
        "click" => Effect::Menu,
        "scancode_waitmsg" => Effect::Guide,
        "location" | "view" | "view_miniprogram" => Effect::Ignore,
        // The photos and the place that these announce come as messages of their own; delivery results and
        // consents matter to replies.
        _ => Effect::Keep,
    }
}

/// What the gateway learns from the event.
pub fn note(name: &str, fields: &Fields) -> Note {
    match name.to_ascii_lowercase().as_str() {
        "subscribe" => Note::Reachable,
        "unsubscribe" => Note::Unreachable,
        "templatesendjobfinish" => {
            let status = fields.get("Status").unwrap_or_default();
            let failed = (status != "success").then(|| status.to_owned());
            delivered(name, fields.get_any_case("MsgID"), failed)
        }
        "subscribe_msg_sent_event" => {
            let item = |field: &str| {
                ["SubscribeMsgSentEvent.List", "SubscribeMsgSentEvent", "List"]
                    .iter()
                    .find_map(|list| fields.get_any_case(&format!("{list}.{field}")))
            };
            let words = item("ErrorStatus").unwrap_or_default();
            let code = item("ErrorCode").unwrap_or_default();
            let failed = (code != "0").then(|| format!("{code} {words}"));
            delivered(name, item("MsgID"), failed)
        }
        _ => Note::Event(name.to_owned()),
    }
}

fn delivered(name: &str, message: Option<&str>, failed: Option<String>) -> Note {
    message.map_or_else(|| Note::Event(name.to_owned()), |message| Note::Fate { message: message.to_owned(), failed })
}
