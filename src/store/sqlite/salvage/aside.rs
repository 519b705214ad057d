//! Moving files, so that a power cut at any moment leaves either the damaged store or the new one in its place.

use super::super::open::beside;
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// A new store under construction; worth nothing.
const BUILDING: &str = ".salvaging";
/// A new store, complete, that has yet to take its place; its name goes on with the time of the salvage.
const COMPLETE: &str = ".salvaged-";

/// Where the new store is built; what an earlier attempt left there is gone.
pub(super) fn building(path: &Path) -> io::Result<PathBuf> {
    let building = beside(path, BUILDING);
    remove(&building)?;
    Ok(building)
}

/// Declares the new store complete: from here on the move is finished, whatever happens.
pub(super) fn complete(path: &Path, building: &Path, time: &str) -> io::Result<()> {
    File::open(building)?.sync_all()?;
    fs::rename(building, beside(path, &format!("{COMPLETE}{time}")))?;
    sync_directory(path)
}

/// Puts a complete new store into its place, and the damaged files aside; says where those are.
///
/// Does nothing if there is no such store. May be interrupted anywhere, and run again.
pub(in super::super) fn finish(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some((complete, time)) = find(path)? else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    // The log first: it must never lie beside a file that it does not belong to.
    for suffix in ["-wal", ""] {
        let from = beside(path, suffix);
        let mut to = beside(path, &format!(".damaged-{time}{suffix}"));
        if suffix == "-wal" && fs::metadata(&from).is_ok_and(|metadata| metadata.len() == 0) {
            remove(&from)?;
        }
        if from.exists() {
            // Kept already by a run that was interrupted: then what lies there now is not to be lost either.
            while to.exists() {
                to = beside(&to, ".more");
            }
            fs::rename(&from, &to)?;
            sync_directory(path)?;
        }
        if to.exists() {
            kept.push(to);
        }
    }
    remove(&beside(path, "-shm"))?;
    fs::rename(complete, path)?;
    sync_directory(path)?;
    Ok(kept)
}

/// Where the report of the salvage at `time` belongs.
pub(super) fn report(path: &Path, time: &str) -> PathBuf {
    beside(path, &format!(".damaged-{time}.txt"))
}

fn find(path: &Path) -> io::Result<Option<(PathBuf, String)>> {
    let mut prefix = path.file_name().map(OsString::from).unwrap_or_default();
    prefix.push(COMPLETE);
    let Some(prefix) = prefix.to_str() else { return Ok(None) };
    for entry in fs::read_dir(directory(path))? {
        let entry = entry?;
        if let Some(time) = entry.file_name().to_str().and_then(|name| name.strip_prefix(prefix)) {
            return Ok(Some((entry.path(), time.to_owned())));
        }
    }
    Ok(None)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
