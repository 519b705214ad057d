//! What all nodes must have in common besides the store: the key, and the directory of attachments. Who has another one
//! would give receipts that the others do not know, or keep photos that the others do not see.

use super::standing::Standings;
use crate::{
    files::{Files, hex},
    number::ReceiptKey,
    store::{Store, StoreError, sqlite::make_directory},
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Below the directory of attachments: a file for each node that runs.
const FOLDER: &str = ".nodes";

/// Says which key a node has, and nothing of the key.
pub fn sign_of(key: &ReceiptKey) -> String {
    hex(&key.mac("which key", &[])[..8])
}

/// The node that runs with another key, if one does.
///
/// # Errors
/// The store cannot read.
pub async fn other_key(store: &dyn Store, key: &ReceiptKey) -> Result<Option<String>, StoreError> {
    let (own, all) = (sign_of(key), super::standing::read(store).await?);
    Ok(all.into_iter().find(|node| node.key != own).map(|node| node.name))
}

/// Sees to it that all nodes keep attachments in the same place.
pub(super) struct Place {
    files: Files,
    /// Nodes that are not seen there, and have been told of.
    missing: Mutex<BTreeSet<String>>,
}

impl Place {
    pub(super) fn new(files: Files) -> Self {
        Self { files, missing: Mutex::default() }
    }

    fn mark(&self, node: &str) -> PathBuf {
        self.files.directory().join(FOLDER).join(node.replace('/', "."))
    }

    /// Leaves this node's mark, and looks for the others'.
    pub(super) async fn look(&self, standings: &Standings) -> Result<(), StoreError> {
        let all = standings.all().await?;
        let marks: Vec<(String, PathBuf)> =
            all.iter().filter(|node| node.marked).map(|node| (node.name.clone(), self.mark(&node.name))).collect();
        let own = self.mark(standings.node.name());
        let looked = tokio::task::spawn_blocking(move || {
            leave(&own)?;
            Ok::<_, io::Error>(marks.into_iter().filter(|(_, mark)| !mark.exists()).map(|(name, _)| name).collect())
        });
        let missing: BTreeSet<String> = match looked.await {
            Ok(Ok(missing)) => missing,
            // The disk tells of itself where it matters.
            Ok(Err(_)) | Err(_) => return Ok(()),
        };
        standings.mark();
        let mut told = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        for node in missing.difference(&told) {
            tracing::error!(
                alarm = true,
                node,
                "store.files is not the directory that this node has: photos of one are not seen by the other"
            );
        }
        *told = missing;
        Ok(())
    }

    /// This node runs no more.
    pub(super) fn leave(&self, node: &str) {
        let _ = fs::remove_file(self.mark(node));
    }
}

fn leave(mark: &PathBuf) -> io::Result<()> {
    if mark.exists() {
        return Ok(());
    }
    if let Some(folder) = mark.parent() {
        make_directory(folder)?;
    }
    fs::write(mark, "")
}
