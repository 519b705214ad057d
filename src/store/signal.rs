//! What the nodes of one store tell each other.

/// Something was done to the store that others wait for. Says that it is worth looking, and nothing of what is there:
/// whoever missed one finds the same by looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Messages were accepted, or came back into the line.
    Arrived,
    /// Events were appended to the log.
    Issued,
    /// A reply or a receipt was put into the outbox.
    ReplyDue,
    /// There are photos or recordings to fetch.
    MediaDue,
    /// An operator did something: stopped a channel or a destination, undid a repeat, split a citizen, asked for dead
    /// letters again.
    Desk,
    /// A resource was given back, and may be had.
    Left,
}
