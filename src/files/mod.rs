//! Attachments on disk, by content; what waits there for its form; and the signed, expiring links to attachments.

mod spool;

pub use spool::{Incomplete, Spool, SpoolError};

use crate::{number::ReceiptKey, store::sqlite::make_directory};
use rustix::fs::{Access, access};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;

/// How long a link to an attachment works. Long, because it stands in events that are delivered byte for byte the
/// same, and a core may be down for days; a fresh one is made whenever a ticket is read.
pub const LINK_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// What waits for its file is tried again far more often; a trouble that is older is another node's by now, or nobody's.
const FRESH: Duration = Duration::from_secs(60);

/// The directory of attachments. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
    trouble: Arc<Mutex<Option<(String, Instant)>>>,
}

/// `bytes` in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Files {
    /// Keeps attachments below `directory`, made when the first comes.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, trouble: Arc::default() }
    }

    /// Why nothing can be kept there, if something waits for that.
    pub fn trouble(&self) -> Option<String> {
        let last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|(_, at)| at.elapsed() < FRESH).map(|(why, _)| why)
    }

    /// Raises the alarm if nothing could be kept there.
    pub fn warn(&self) {
        if let Err(error) = self.probe() {
            tracing::error!(alarm = true, %error, "store.files: nothing can be written there; appeals with files will wait");
        }
    }

    fn settle<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        let trouble = outcome.as_ref().err().map(|error| (error.to_string(), Instant::now()));
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        outcome
    }

    /// Whether something could be kept there. Makes no directory: whoever asks may be another user than the gateway's.
    ///
    /// # Errors
    /// Why not.
    pub fn probe(&self) -> io::Result<()> {
        let named = |path: &'_ Path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
        let mut there = self.directory.ancestors().map(named);
        let there = there.find(|path| path.symlink_metadata().is_ok()).ok_or(io::ErrorKind::NotFound)?;
        if !there.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is no directory", there.display())));
        }
        if there != self.directory {
            return Ok(access(&there, Access::WRITE_OK | Access::EXEC_OK)?);
        }
        let probe = there.join(format!(".probe.{}", ulid::Ulid::generate()));
        File::create_new(&probe)?;
        fs::remove_file(&probe)
    }

    /// Keeps `bytes`; durable on return. Gives their SHA-256 in hexadecimal. The same bytes are kept once.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let name = hex(&Sha256::digest(bytes));
        let path = self.path(&name);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(name);
        }
        self.settle(self.write(&name, &path, bytes)).map(|()| name)
    }

    fn write(&self, name: &str, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.directory);
        make_directory(directory)?;
        let temporary = directory.join(format!(".{name}.{}", ulid::Ulid::generate()));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            File::open(directory)?.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Takes what was uploaded ([`Spool`]) for good; durable on return. False if there is no such file. To take it again
    /// changes nothing.
    ///
    /// # Errors
    /// The disk fails.
    pub fn adopt(&self, sha256: &str) -> io::Result<bool> {
        let path = self.path(sha256);
        if path.exists() {
            return Ok(true);
        }
        self.settle(self.take(sha256, &path))
    }

    fn take(&self, sha256: &str, path: &Path) -> io::Result<bool> {
        let directory = path.parent().unwrap_or(&self.directory);
        make_directory(directory)?;
        match fs::rename(self.uploaded(sha256), path) {
            Ok(()) => File::open(directory)?.sync_all().map(|()| true),
            // Another may just have taken it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.exists()),
            Err(error) => Err(error),
        }
    }

    /// Where what was uploaded waits for its ticket.
    fn uploaded(&self, sha256: &str) -> PathBuf {
        self.directory.join(spool::FOLDER).join(sha256)
    }

    /// Where the bytes of this SHA-256 are.
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.directory.join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

fn signature(key: &ReceiptKey, number: &str, file: &str, expires: i64) -> String {
    hex(&key.mac("file link", &[number.as_bytes(), file.as_bytes(), &expires.to_be_bytes()])[..16])
}

/// A link to a ticket's file that works until `expires` (seconds since 1970).
pub fn link(key: &ReceiptKey, public_url: &str, number: &str, file: &str, expires: i64) -> String {
    let signature = signature(key, number, file, expires);
    format!("{public_url}/files/{number}/{file}?expires={expires}&signature={signature}")
}

/// Whether a link is ours and still works at `now` (seconds since 1970).
pub fn link_is_good(key: &ReceiptKey, number: &str, file: &str, expires: i64, given: &str, now: i64) -> bool {
    let expected = signature(key, number, file, expires);
    bool::from(expected.as_bytes().ct_eq(given.as_bytes())) && now <= expires
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_kept_once_and_found_by_their_digest() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Files::new(directory.path().join("deep/files"));
        let name = files.keep(b"photo").expect("kept");
        assert_eq!(files.keep(b"photo").expect("kept"), name);
        assert_eq!(fs::read(files.path(&name)).expect("there"), b"photo");
    }

    #[test]
    fn what_cannot_be_kept_is_known_before_and_after() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, below) = (directory.path().join("file"), directory.path().join("file/files"));
        fs::write(&file, "").expect("written");
        let files = Files::new(below.clone());
        assert!(files.probe().is_err() && files.trouble().is_none());
        assert!(files.keep(b"photo").is_err() && files.clone().trouble().is_some());
        fs::remove_file(&file).expect("removed");
        assert!(files.probe().is_ok() && !below.exists(), "asking makes nothing");
        files.keep(b"photo").expect("kept");
        assert!(files.probe().is_ok() && files.trouble().is_none());
        assert_eq!(fs::read_dir(&below).expect("there").count(), 1, "nothing is left of the asking");
    }

    #[test]
    fn a_link_is_good_for_one_file_of_one_ticket_for_a_while() {
        let key = ReceiptKey::new([1; 32]);
        let signed = signature(&key, "20261122-000001-7", "a1", 1000);
        assert!(link_is_good(&key, "20261122-000001-7", "a1", 1000, &signed, 1000));
        assert!(!link_is_good(&key, "20261122-000001-7", "a1", 1000, &signed, 1001));
        assert!(!link_is_good(&key, "20261122-000001-7", "a2", 1000, &signed, 999));
        assert!(!link_is_good(&key, "20261122-000001-7", "a1", 1001, &signed, 999));
    }
}
