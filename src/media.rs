//! Photos and recordings that a channel only names: fetched at once, because channels delete them; tried again until
//! they are there or gone; and the ticket says honestly what is missing.

use crate::{
    channels::Channels,
    files::{self, Files},
    number::{Number, ReceiptKey},
    reply::later,
    revise::{Draft, Reviser},
    store::{DueMedia, StoreError, TicketChange, TicketRow},
};
use bytes::Bytes;
use jiesu_connector::{Failure, MediaRef};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Fetched at the same time: each may take [`MAX`] of memory.
const AT_ONCE: usize = 8;
/// Looked at without being told, at the latest after this.
const IDLE: Duration = Duration::from_secs(1);
/// After the store could not take one.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// One attempt, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest, in bytes.
const MAX: u64 = 25 << 20;
/// Attempts until it counts as gone: with the waits between them about four days, and channels keep media for three.
const ATTEMPTS: u32 = 600;

/// A ticket, and the id of a file in it.
type Name = (Number, String);

/// Fetches media.
pub struct Fetcher {
    /// The store, the events and the time.
    pub reviser: Reviser,
    /// The channels, for their way to media.
    pub channels: Arc<Channels>,
    /// Where they are kept.
    pub files: Files,
    /// For links.
    pub key: ReceiptKey,
    /// The public address, for links.
    pub public_url: String,
    /// Told of new media.
    pub due: Arc<Notify>,
}

impl Fetcher {
    /// Fetches what is due and what comes, until `stop`. What is cut off then is due again after the start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let fetcher = self;
        let (mut under_way, mut names) = (JoinSet::new(), HashSet::new());
        while !stop.is_cancelled() {
            fetcher.start(&mut under_way, &mut names).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = fetcher.due.notified() => {}
                Some(done) = under_way.join_next() => match done {
                    Ok(name) => drop(names.remove(&name)),
                    // A panic, of which the log tells: nothing is known about which it was.
                    Err(_) if under_way.is_empty() => names.clear(),
                    Err(_) => {}
                },
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    /// Begins what is due and not under way, as far as there is room.
    async fn start(self: &Arc<Self>, under_way: &mut JoinSet<Name>, names: &mut HashSet<Name>) {
        let room = AT_ONCE.saturating_sub(under_way.len());
        if room == 0 {
            return;
        }
        // Those under way are due as well: enough is asked for to see past them.
        let due = self.reviser.store.due_media(Timestamp::now(), AT_ONCE + room).await.unwrap_or_default();
        for due in due {
            let name = (due.number, due.file.clone());
            if under_way.len() < AT_ONCE && names.insert(name.clone()) {
                let fetcher = Arc::clone(self);
                under_way.spawn(async move {
                    if let Err(error) = fetcher.attempt(&due).await {
                        tracing::warn!(%error, "media wait for the store");
                        tokio::time::sleep(STORE_PAUSE).await;
                    }
                    name
                });
            }
        }
    }

    async fn attempt(&self, due: &DueMedia) -> Result<(), StoreError> {
        let channel = self.channels.get(due.channel.as_str());
        let Some(media) = channel.and_then(|channel| channel.parts.media.as_ref()) else {
            return self.gone(due, format!("there is no channel {:?} to fetch it from any more", due.channel)).await;
        };
        let source = MediaRef(due.source.clone());
        let fetched = tokio::time::timeout(PATIENCE, media.fetch(&source, MAX)).await;
        let fetched = fetched.unwrap_or_else(|_| Err(Failure::Retry { after: None, why: "no answer in time".into() }));
        let outcome = if fetched.is_ok() { "kept" } else { "failed" };
        metrics::counter!("jiesu_media_total", "channel" => due.channel.clone(), "outcome" => outcome).increment(1);
        match fetched {
            Ok(bytes) => self.kept(due, bytes).await,
            Err(Failure::Refused { why }) => self.gone(due, why).await,
            Err(failure) if due.attempts >= ATTEMPTS => self.gone(due, failure.to_string()).await,
            Err(Failure::Retry { after: Some(wait), .. }) => {
                let next = Timestamp::now().saturating_add(wait).unwrap_or(Timestamp::MAX);
                self.reviser.store.postpone_media(due.number, &due.file, next).await
            }
            Err(_) => self.reviser.store.postpone_media(due.number, &due.file, later(due.attempts)).await,
        }
    }

    async fn kept(&self, due: &DueMedia, bytes: Bytes) -> Result<(), StoreError> {
        let (files, length) = (self.files.clone(), bytes.len());
        let media_type = jiesu_connector::media_type_of(&bytes);
        let kept = tokio::task::spawn_blocking(move || files.keep(&bytes)).await;
        let sha256 = match kept {
            Ok(Ok(sha256)) => sha256,
            Ok(Err(error)) => return Err(StoreError::Unavailable(error.to_string())),
            Err(error) => return Err(StoreError::Failed(error.to_string())),
        };
        let expires = Timestamp::now().as_second() + files::LINK_LIFE.as_secs() as i64;
        let url = files::link(&self.key, &self.public_url, &due.number.to_string(), &due.file, expires);
        self.write(due, "kept", |file| {
            file["state"] = "kept".into();
            file["bytes"] = json!(length);
            file["sha256"] = sha256.clone().into();
            file["url"] = url.clone().into();
            // What the bytes are counts for more than what the channel called them.
            if let Some(media_type) = media_type {
                file["media_type"] = media_type.into();
            }
        })
        .await
    }

    async fn gone(&self, due: &DueMedia, why: String) -> Result<(), StoreError> {
        self.write(due, "gone", |file| {
            file["state"] = "missing".into();
            file["reason"] = why.clone().into();
        })
        .await
    }

    async fn write(
        &self,
        due: &DueMedia,
        state: &'static str,
        edit: impl Fn(&mut Value) + Send + Sync,
    ) -> Result<(), StoreError> {
        let change = |row: &TicketRow| {
            let mut draft = Draft::new(row);
            draft.edit_list("attachments", |files| {
                files.iter_mut().filter(|file| file["id"] == due.file.as_str()).for_each(&edit);
            });
            TicketChange { fetched: Some((due.file.clone(), state)), ..self.reviser.updated(row, &draft) }
        };
        self.reviser.revise(due.number, change).await.map(drop)
    }
}
