//! The room on the disk, and how much of it new messages may take: what is in the line already must get through.

use std::path::Path;

/// Kept for the store's own work: this, or an eighth of a small disk.
const RESERVE: u64 = 64 << 20;
/// What a message's ticket and events take in the log and in the file, beside its words.
const TICKET: u64 = 8 << 10;
/// How often its words are written: as received, in the ticket, in its transcript, in the event; each in the log, too.
const TIMES: u64 = 8;
/// With so much free nobody counts what waits.
pub(super) const AMPLE: u64 = 16 << 30;

/// What so many messages with bodies of so many bytes take until they are delivered.
pub(super) fn cost(messages: u64, bytes: u64) -> u64 {
    messages.saturating_mul(TICKET).saturating_add(bytes.saturating_mul(TIMES))
}

/// A disk, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk {
    pub free: u64,
    pub total: u64,
}

impl Disk {
    /// That of the file at `path`.
    pub fn of(path: &Path) -> Option<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let space = rustix::fs::statvfs(directory).ok()?;
        Some(Self { free: space.f_bavail * space.f_frsize, total: space.f_blocks * space.f_frsize })
    }

    /// What new messages never get.
    pub fn reserve(self) -> u64 {
        RESERVE.min(self.total / 8)
    }

    /// What new messages may take: neither the reserve, nor what the file grows by when `uncopied` bytes of the log are
    /// copied into it, nor what `waiting` messages (see [`cost`]) will take. Negative when there is too little already.
    pub fn room(self, uncopied: u64, waiting: u64) -> i64 {
        let spoken_for = self.reserve().saturating_add(uncopied).saturating_add(waiting);
        i64::try_from(self.free).unwrap_or(i64::MAX).saturating_sub(i64::try_from(spoken_for).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::{Disk, cost};

    const MIB: u64 = 1 << 20;

    #[test]
    fn new_messages_get_what_the_line_will_not_need() {
        let disk = Disk { free: 40 * MIB, total: 80 * MIB };
        assert_eq!(disk.reserve(), 10 * MIB);
        assert_eq!(disk.room(0, 0), 30 * MIB as i64);
        assert_eq!(disk.room(20 * MIB, 0), 10 * MIB as i64, "the log will be in the file as well");
        assert!(disk.room(20 * MIB, cost(1000, MIB)) < 0, "a thousand tickets are still to be written");
        assert!(disk.room(u64::MAX, u64::MAX) < 0);
        assert_eq!(Disk { free: 1 << 40, total: 1 << 41 }.reserve(), 64 * MIB);
    }
}
