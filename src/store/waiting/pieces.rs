//! Messages in several pieces (long short messages).

use super::{FIRST, milliseconds};
use crate::{
    number::Number,
    store::{MessageId, NewMessage},
};
use jiesu_connector::{Piece, digest};

/// A piece that comes later than this after the latest other one is of another message: senders' names repeat.
pub(in crate::store) const REMEMBERED: i64 = 24 * 3_600_000;
/// A piece that comes again within this after its message was whole is no other message's.
pub(in crate::store) const WHOLE: i64 = 600_000;
/// Forgotten at a time, so that nobody waits long for it.
pub(in crate::store) const FORGET: i64 = 16;

/// Where a piece belongs.
pub(in crate::store) enum Place {
    /// It is there already.
    Known(MessageId),
    /// With the others of its message: their number, and what is due.
    With(Number, i64),
    /// It is the first of its message.
    First,
}

/// What a home keeps a message by that comes in pieces.
pub(in crate::store) fn name(message: &NewMessage, piece: &Piece) -> [u8; 16] {
    digest([message.channel.as_bytes(), piece.whole.as_bytes(), &piece.of.to_be_bytes()])
}

/// Whether what comes `now` is of another message than the pieces whose latest came at `last_at`.
pub(in crate::store) fn is_stale(now: i64, last_at: i64, complete: bool) -> bool {
    now - last_at > if complete { WHOLE } else { REMEMBERED }
}

/// When the message goes on whose piece `message` is: with a piece missing as late as it may, otherwise as others do; a
/// message by itself goes on at once when it is whole. `missing` is when the first piece came of one that is not whole;
/// `open` is when its conversation was opened, and whether an urgent word was said there.
pub(in crate::store) fn due(message: &NewMessage, missing: Option<i64>, open: Option<(i64, bool)>) -> i64 {
    let now = message.received_at.as_millisecond();
    let wait = message.piece.as_ref().map_or(0, |piece| milliseconds(piece.wait));
    let due = match (message.window, open, missing) {
        (Some(_), Some((_, true)), None) => FIRST,
        (Some(window), Some((opened_at, urgent)), missing) => {
            let closes = opened_at.saturating_add(milliseconds(window.max));
            let idle = if urgent { 0 } else { milliseconds(window.idle) };
            now.saturating_add(if missing.is_some() { idle.max(wait) } else { idle }).min(closes)
        }
        (.., Some(first)) => now.saturating_add(wait).min(first.saturating_add(REMEMBERED)),
        (.., None) => FIRST,
    };
    due.max(FIRST)
}
