//! Conversations: what one citizen says within a while is one matter.

use super::{FIRST, LATE, milliseconds};
use crate::store::{NewMessage, Pace};

/// A conversation of so many messages is whole; what follows is another, so that no ticket grows without end.
const MOST: i64 = 200;

/// Where a sender's conversation stands. `last_at` lies in the future until the first word is said, so that it closes no
/// sooner than it must; `messages` is negative once an urgent word has ended its waiting.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Talk {
    pub number: i64,
    pub opened_at: i64,
    pub last_at: i64,
    pub messages: i64,
}

impl Talk {
    /// Opened by `message` under `number`, and when it closes; `None` if the message may open none.
    pub(in crate::store) fn open(message: &NewMessage, number: i64) -> Option<(Self, i64)> {
        let window = message.window?;
        let now = message.received_at.as_millisecond();
        let (idle, max) = (milliseconds(window.idle), milliseconds(window.max));
        let (last_at, messages, due) = match message.pace {
            Pace::Urgent => (now, -1, FIRST),
            Pace::Wordless => (now.saturating_add(max.saturating_sub(idle).max(0)), 1, now.saturating_add(max)),
            Pace::Usual | Pace::End => (now, 1, now.saturating_add(idle.min(max))),
        };
        Some((Self { number, opened_at: now, last_at, messages }, due.max(FIRST)))
    }

    /// As it stands once `message` has joined it, and when it closes then ([`LATE`] if nothing of it waits any more); `None` if
    /// it is over. `waits`: a message of it has no ticket yet.
    pub(in crate::store) fn join(self, message: &NewMessage, waits: bool) -> Option<(Self, i64)> {
        let window = message.window?;
        let now = message.received_at.as_millisecond();
        let urgent = self.messages < 0;
        let closes = self.opened_at.saturating_add(milliseconds(window.max));
        let idle = milliseconds(window.idle);
        // One that is a ticket already is over, whatever the clock says; only to an urgent one more is added.
        let over = !waits && !urgent;
        if over || self.messages.abs() >= MOST || now >= closes || now >= self.last_at.saturating_add(idle) {
            return None;
        }
        let last_at = match message.pace {
            Pace::End => now.saturating_sub(idle),
            Pace::Wordless => self.last_at.max(now),
            Pace::Usual | Pace::Urgent => now,
        };
        let urgent = urgent || message.pace == Pace::Urgent;
        let messages = if urgent { -self.messages.abs() - 1 } else { self.messages + 1 };
        let due = match (waits, urgent) {
            (false, _) => LATE,
            (true, true) => FIRST,
            (true, false) => last_at.saturating_add(idle).min(closes).max(FIRST),
        };
        Some((Self { last_at, messages, ..self }, due))
    }
}
