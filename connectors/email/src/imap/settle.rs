//! What becomes of mail in the mailbox once it is on the disk: moved, marked, or at least remembered.

use super::{
    folder,
    session::{COMMAND, Mailbox, STORED, lost, set},
};
use async_imap::error::Error;
use futures_util::TryStreamExt;
use jiesu_connector::Lost;
use std::time::Duration;
use tokio::time::timeout;

/// How long it is remembered what was stored, for servers that let nobody mark mail.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3_600);

impl Mailbox {
    /// Moves or marks what is stored, as the server can.
    pub(super) async fn settle(&mut self, uids: &[u32]) -> Result<(), Lost> {
        let set = set(uids);
        if let Some(target) = self.state.settings.processed.clone().filter(|_| self.can_move) {
            match self.move_to(&set, &folder::encode(&target)).await? {
                Ok(()) => return Ok(()),
                Err(why) => {
                    let channel = self.state.settings.channel.as_str();
                    tracing::warn!(channel, why, "mail cannot be moved to {target:?}; it is marked instead");
                    self.can_move = false;
                }
            }
        }
        self.done.extend(uids);
        if self.can_mark {
            let query = format!("+FLAGS.SILENT ({STORED})");
            let imap = self.imap()?;
            let marked = async { imap.uid_store(&set, &query).await?.try_collect::<Vec<_>>().await };
            match timeout(COMMAND, marked).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(Error::No(_) | Error::Bad(_))) => self.can_mark = false,
                Ok(Err(error)) => return Err(lost(error)),
                Err(_) => return Err(lost("the server does not answer a command")),
            }
        }
        self.remember().await;
        Ok(())
    }

    /// The outer error is a broken session, the inner one a server that will not.
    async fn move_to(&mut self, set: &str, target: &str) -> Result<Result<(), String>, Lost> {
        let mut made = false;
        loop {
            match timeout(COMMAND, self.imap()?.uid_mv(set, target)).await {
                Ok(Ok(())) => return Ok(Ok(())),
                Ok(Err(Error::No(_))) if !made => {
                    made = true;
                    // It may be missing; if it cannot be made, the next answer says why.
                    let _ = timeout(COMMAND, self.imap()?.create(target)).await.map_err(lost)?;
                }
                Ok(Err(Error::No(why) | Error::Bad(why))) => return Ok(Err(why)),
                Ok(Err(error)) => return Err(lost(error)),
                Err(_) => return Err(lost("the server does not answer a command")),
            }
        }
    }

    /// Batches go in the order of their UIDs, so everything up to the last one is stored, unless something was left out.
    async fn remember(&self) {
        let left = !self.state.memory().suspects.is_empty();
        let Some(last) = self.done.iter().max().filter(|_| !left) else { return };
        let (shared, key) = (&self.state.settings.shared, self.memory_key());
        if let Ok(held) = shared.get(&key).await {
            let _ = shared.compare_and_swap(&key, held.as_deref(), &last.to_string(), REMEMBERED).await;
        }
    }
}
