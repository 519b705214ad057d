//! The key of the receipts.

use super::RunError;
use crate::{config::Loaded, number::ReceiptKey, store::Home};
use sha2::{Digest, Sha256};
use std::{fs, io, path::Path};

/// The key of the receipts: from the configuration, or from the file beside the database, made at the first start.
pub fn receipt_key(loaded: &Loaded) -> Result<ReceiptKey, RunError> {
    if let Some(secret) = &loaded.secrets.store_key {
        return Ok(ReceiptKey::new(Sha256::digest(secret.expose().as_bytes()).into()));
    }
    let Home::Sqlite(path) = &loaded.secrets.store else {
        // The configuration was refused without one.
        return Err(RunError::Key { path: "store.key".into(), error: io::ErrorKind::NotFound.into() });
    };
    let mut path = path.as_os_str().to_owned();
    path.push(".key");
    let path = Path::new(&path);
    key_file(path).map_err(|error| RunError::Key { path: path.display().to_string(), error })
}

fn key_file(path: &Path) -> io::Result<ReceiptKey> {
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(key) => return Ok(ReceiptKey::new(key)),
            Err(_) => {
                let aside = path.with_extension("key.damaged");
                tracing::error!(
                    alarm = true,
                    "the receipt key is damaged and was put aside as {}: earlier status codes do not work any more \
                     until it is restored from a backup",
                    aside.display()
                );
                fs::rename(path, aside)?;
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    write_key(path, &key)?;
    Ok(ReceiptKey::new(key))
}

/// Readable by the owner only, and there after a power cut.
fn write_key(path: &Path, key: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let temporary = path.with_extension("key.new");
    let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(directory)?.sync_all()
}
