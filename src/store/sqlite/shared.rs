//! What the store's threads share: how it is, and how much room there is.

use super::{handle::Handle, lock::Lock, names::Names, space, tail::Tail};
use crate::store::NewMessage;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

/// What the store's threads share.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    trouble: Mutex<Option<String>>,
    pub(super) troubled: AtomicBool,
    /// Too little room left for new messages; what is in the line may still use it.
    pub(super) low_space: AtomicBool,
    /// So many bytes may new messages take until the keeper looks again.
    pub(super) room: AtomicI64,
    pub(super) names: Arc<Names>,
    pub(super) tail: Arc<Tail>,
    /// The checkpoint failed: the writer opens its handle anew.
    pub(super) suspect: AtomicBool,
    /// Something was written since the keeper last copied the log.
    pub(super) written: AtomicBool,
    /// The log is large: the writer begins it anew.
    pub(super) restart_log: AtomicBool,
    pub(super) stopping: AtomicBool,
    /// Held until the last thread has ended, so that two writers never meet.
    pub(super) lock: Lock,
}

impl Shared {
    /// Of the store at `path`, which is held by `lock`.
    pub(super) fn new(path: &Path, handle: &Handle, lock: Lock) -> Self {
        Self {
            path: path.to_owned(),
            trouble: Mutex::new(None),
            troubled: AtomicBool::new(false),
            low_space: AtomicBool::new(false),
            room: AtomicI64::new(i64::MAX),
            names: handle.names().clone(),
            tail: handle.tail().clone(),
            suspect: AtomicBool::new(false),
            written: AtomicBool::new(true),
            restart_log: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            lock,
        }
    }

    /// What keeps it from taking messages.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trouble.or_else(|| self.low_space.load(Ordering::Relaxed).then(|| "the disk is nearly full".into()))
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        self.troubled.store(trouble.is_some(), Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Whether there is room for these messages and for what becomes of them. It is theirs then.
    pub(super) fn take_room(&self, messages: &[NewMessage]) -> bool {
        let bytes = messages.iter().map(|message| message.incoming.raw.body.len() as u64).sum();
        let cost = i64::try_from(space::cost(messages.len() as u64, bytes)).unwrap_or(i64::MAX);
        self.room.fetch_sub(cost, Ordering::Relaxed) >= cost
    }

    /// A transaction went through: whatever the trouble was, it is over.
    pub(super) fn note_written(&self) {
        self.written.store(true, Ordering::Relaxed);
        if self.troubled.load(Ordering::Relaxed) {
            tracing::warn!("the store can write again");
            self.set_trouble(None);
        }
    }
}
