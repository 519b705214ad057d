//! Contacts that the channel itself delimits (calls).

use super::{FIRST, LATE, milliseconds};
use crate::store::NewMessage;
use jiesu_connector::{Contact, digest};

/// What comes after so long a silence begins another: no platform keeps its calls, or its recordings, for longer.
pub(in crate::store) const REMEMBERED: i64 = 90 * 24 * 3_600_000;
/// One that never comes to rest is a ticket after so long, where the channel has no window that says otherwise.
const LONGEST: i64 = 24 * 3_600_000;
/// Forgotten at a time, so that nobody waits long for it.
pub(in crate::store) const FORGET: i64 = 16;
/// `due` of a message of a contact that is not whole yet; [`due`] sets the time.
pub(in crate::store) const OPEN: i64 = 1;

/// What a home keeps a contact by.
pub(in crate::store) fn name(message: &NewMessage, contact: &Contact) -> [u8; 16] {
    digest([message.channel.as_bytes(), contact.name.as_bytes()])
}

/// `due` of one more message, `open` saying whether others still wait.
pub(in crate::store) fn joins(open: bool) -> i64 {
    if open { OPEN } else { LATE }
}

/// When a contact goes on: what is there of it, what is to be expected, when it began and when the latest came.
pub(in crate::store) fn due(
    message: &NewMessage,
    contact: &Contact,
    (brings, expects): (u32, u32),
    (opened_at, last_at): (i64, i64),
) -> i64 {
    let settle = milliseconds(contact.patience.settle);
    let wait = milliseconds(contact.patience.wait(brings, expects));
    let (idle, longest) =
        message.window.map_or((i64::MAX, LONGEST), |window| (milliseconds(window.idle), milliseconds(window.max)));
    let due = last_at.saturating_add(wait.min(idle.max(settle))).min(opened_at.saturating_add(longest));
    due.max(FIRST)
}
