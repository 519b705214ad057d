//! Which files of a folder are there to be read.

use crate::config::Folder;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

/// What a file looked like, and since when.
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    since: Instant,
}

/// Looks at a folder again and again. A file counts once neither its size nor its time has changed for a while, so that
/// one that is still being copied is left alone.
pub(crate) struct Watch {
    folder: Folder,
    seen: HashMap<PathBuf, Seen>,
}

impl Watch {
    /// # Errors
    /// The folders for files that are through cannot be made.
    pub fn new(folder: Folder) -> io::Result<Self> {
        for place in [&folder.done, &folder.failed] {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", place.display()));
            fs::create_dir_all(place).map_err(named)?;
        }
        Ok(Self { folder, seen: HashMap::new() })
    }

    /// Files that have settled, by name.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn settled(&mut self) -> io::Result<Vec<PathBuf>> {
        let mut here = HashMap::new();
        let mut settled = Vec::new();
        for entry in fs::read_dir(&self.folder.watch)? {
            let entry = entry?;
            let path = entry.path();
            // Not a link's target: nobody may have the gateway read, and move, what they cannot.
            let Ok(found) = entry.metadata() else { continue };
            if !found.is_file() || is_under_way(&path) {
                continue;
            }
            let (size, modified) = (found.len(), found.modified().ok());
            let before = self.seen.remove(&path).filter(|seen| seen.size == size && seen.modified == modified);
            let seen = before.unwrap_or(Seen { size, modified, since: Instant::now() });
            if seen.since.elapsed() >= self.folder.settle {
                settled.push(path.clone());
            }
            here.insert(path, seen);
        }
        self.seen = here;
        settled.sort();
        Ok(settled)
    }
}

/// By its name it is still being written, or none of ours.
fn is_under_way(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let unfinished = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".rejected.csv", ".lock"];
    name.starts_with('.') || name.starts_with("~$") || unfinished.iter().any(|ending| name.ends_with(ending))
}

/// Where `file` goes in `folder`: a name that is taken there gets a number.
pub(crate) fn place_for(file: &Path, folder: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut place = folder.join(&*name);
    let mut count = 2;
    while place.exists() {
        place = folder.join(format!("{count}-{name}"));
        count += 1;
    }
    place
}

/// Moves `file` into `folder`.
pub(crate) fn put_away(file: &Path, folder: &Path) -> io::Result<PathBuf> {
    let place = place_for(file, folder);
    match fs::rename(file, &place) {
        // Another disk: copied whole before the first goes.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let part = folder.join(format!(".{}.part", place.file_name().unwrap_or_default().to_string_lossy()));
            fs::copy(file, &part)?;
            fs::File::open(&part)?.sync_all()?;
            fs::rename(&part, &place)?;
            fs::remove_file(file)?;
        }
        other => other?,
    }
    fs::File::open(folder)?.sync_all()?;
    Ok(place)
}
