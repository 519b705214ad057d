//! Room that is kept beside the store, so that it can be opened on a full disk: opening needs some (the log, and its
//! shared index), and a gateway that cannot start drains nothing and tells nobody.

use super::{open::beside, space::Disk};
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Beside the store's file.
const NAME: &str = ".spare";
/// Bytes: for opening, and for the tickets of some dozens of messages.
const SIZE: u64 = 1 << 20;

/// Keeps the room, unless it is kept already or there is little left.
pub(super) fn keep(path: &Path) {
    let name = beside(path, NAME);
    let kept = fs::metadata(&name).is_ok_and(|metadata| metadata.len() >= SIZE);
    let room = || Disk::of(path).is_some_and(|disk| disk.free > disk.reserve() + SIZE);
    if kept || !room() {
        return;
    }
    if let Err(error) = allocate(&name) {
        tracing::debug!(%error, "no room is kept for a start on a full disk");
        let _ = fs::remove_file(&name);
    }
}

/// On the disk, not only in its length.
fn allocate(name: &Path) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(name)?;
    match fallocate(&file, FallocateFlags::empty(), 0, SIZE) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fs::write(name, vec![0; SIZE as usize]),
        done => Ok(done?),
    }
}

/// Gives the room up; false if none was kept.
pub(super) fn give_up(path: &Path) -> bool {
    fs::remove_file(beside(path, NAME)).is_ok()
}
