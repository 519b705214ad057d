//! A watched folder as a session: files that have settled are read, several at a time, and put away once every row of
//! theirs is on disk.

use crate::{
    config::Folder,
    folder::{Watch, place_for, put_away},
    import::{Reader, Reading},
};
use async_trait::async_trait;
use jiesu_connector::{Batch, Import, Imported, Importer, Incoming, Lost, Receipt, Refusal, Session, Source};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Files that are read at the same time: a long one holds up no other.
const FILES: usize = 4;
/// How often the folder is looked at.
const PACE: Duration = Duration::from_secs(1);

/// A folder that files are dropped into.
pub(crate) struct Exports {
    pub channel: String,
    pub folder: Option<Folder>,
    pub reader: Arc<Reader>,
}

#[async_trait]
impl Source for Exports {
    async fn open(&self) -> Result<Box<dyn Session>, Lost> {
        let (sender, events) = mpsc::channel(1);
        let watch = match self.folder.clone() {
            Some(folder) => {
                let made = blocking(move || Watch::new(folder).map_err(|error| error.to_string())).await;
                Some(made.map_err(|why| lost(format!("the watched folder cannot be used: {why}")))?)
            }
            None => None,
        };
        Ok(Box::new(Watching {
            channel: self.channel.clone(),
            folder: self.folder.clone(),
            reader: self.reader.clone(),
            watch: watch.map(|watch| Arc::new(Mutex::new(watch))),
            looked: None,
            sender,
            events,
            under_way: BTreeSet::new(),
            offered: None,
            batches: 0,
            rejected: Vec::new(),
        }))
    }

    fn importer(&self) -> Option<&dyn Importer> {
        Some(self.reader.as_ref())
    }
}

fn lost(why: String) -> Lost {
    Lost { why, retry_after: None }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("reading it failed".into()))
}

/// What a reading thread tells.
enum Event {
    Rows(Vec<Incoming>),
    /// The file is through, or can be read no further: why.
    End(PathBuf, Box<Reading>, Option<String>),
    /// It could not be opened.
    Closed(PathBuf, String),
}

struct Watching {
    channel: String,
    folder: Option<Folder>,
    reader: Arc<Reader>,
    watch: Option<Arc<Mutex<Watch>>>,
    looked: Option<Instant>,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    under_way: BTreeSet<PathBuf>,
    /// Handed out, and not yet on disk.
    offered: Option<(u64, Vec<Incoming>)>,
    batches: u64,
    rejected: Vec<(&'static str, u64)>,
}

#[async_trait]
impl Session for Watching {
    async fn next(&mut self) -> Result<Batch, Lost> {
        if let Some((id, messages)) = &self.offered {
            let batch = Batch { id: *id, messages: messages.clone() };
            tokio::time::sleep(PACE).await;
            return Ok(batch);
        }
        loop {
            self.look().await?;
            let event = match tokio::time::timeout(PACE, self.events.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) | Err(_) => continue,
            };
            match event {
                Event::Rows(messages) => {
                    self.batches += 1;
                    self.offered = Some((self.batches, messages.clone()));
                    return Ok(Batch { id: self.batches, messages });
                }
                Event::End(file, reading, fault) => {
                    self.end(file, reading, fault).await?;
                    // So that what was rejected is counted.
                    return Ok(Batch { id: 0, messages: Vec::new() });
                }
                Event::Closed(file, why) => self.fail(file, &why, 0).await?,
            }
        }
    }

    async fn acknowledge(&mut self, _: u64, _: &[Receipt]) -> Result<(), Lost> {
        self.offered = None;
        Ok(())
    }

    async fn refuse(&mut self, _: u64, refusal: Refusal) -> Result<(), Lost> {
        tracing::warn!(channel = self.channel, why = %refusal, "rows could not be stored; they are offered again");
        Ok(())
    }

    fn rejected(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.rejected)
    }

    async fn close(self: Box<Self>) {}
}

impl Watching {
    /// Begins files that have settled.
    async fn look(&mut self) -> Result<(), Lost> {
        if self.under_way.len() >= FILES || self.looked.is_some_and(|at| at.elapsed() < PACE) {
            return Ok(());
        }
        let (Some(watch), Some(folder)) = (self.watch.clone(), &self.folder) else { return Ok(()) };
        let settled = blocking(move || {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.settled().map_err(|error| error.to_string())
        });
        let settled = settled.await.map_err(|why| lost(format!("the watched folder cannot be read: {why}")))?;
        self.looked = Some(Instant::now());
        for file in settled {
            if self.under_way.len() < FILES && self.under_way.insert(file.clone()) {
                tracing::info!(channel = self.channel, file = %file.display(), "a file is read");
                let (reader, sender, done) = (self.reader.clone(), self.sender.clone(), folder.done.clone());
                // A thread of its own: it waits for the store most of the time.
                std::thread::spawn(move || read(&reader, file, &done, &sender));
            }
        }
        Ok(())
    }

    /// Every row of `file` is on disk.
    async fn end(&mut self, file: PathBuf, reading: Box<Reading>, fault: Option<String>) -> Result<(), Lost> {
        let path = file.clone();
        let done = blocking(move || match reading.is_outdated(&path) {
            true => Ok(None),
            false => reading.finish().map(Some),
        });
        let Some(done) = done.await.map_err(lost)? else {
            // What was taken of it is known; what is new in it is not.
            tracing::info!(channel = self.channel, file = %file.display(), "a file has changed while it was read; it is read again");
            self.under_way.remove(&file);
            return Ok(());
        };
        self.count(&done);
        if let Some(fault) = fault {
            return self.fail(file, &fault, done.rows - done.rejected - done.skipped).await;
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        let (from, to) = (file.clone(), folder.done.clone());
        let moved = blocking(move || match put_away(&from, &to) {
            // Whoever dropped it took it back.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        })
        .await;
        moved.map_err(|why| lost(format!("a file that was read cannot be moved away: {why}")))?;
        self.under_way.remove(&file);
        let Imported { rows, rejected, skipped, .. } = done;
        tracing::info!(channel = self.channel, file = %file.display(), rows, rejected, skipped, "a file is through");
        Ok(())
    }

    /// `file` can be read no further, after `taken` rows.
    async fn fail(&mut self, file: PathBuf, why: &str, taken: u64) -> Result<(), Lost> {
        let Some(folder) = &self.folder else { return Ok(()) };
        tracing::warn!(channel = self.channel, file = %file.display(), why, taken, "a file could not be read");
        let (from, to) = (file.clone(), folder.failed.clone());
        let reason =
            format!("{why}\nrows taken before: {taken}\nmend the file and drop it again: what was taken is known\n");
        let moved = blocking(move || {
            // It may be gone: whoever dropped it took it back.
            if !from.exists() {
                return Ok(());
            }
            let place = put_away(&from, &to).map_err(|error| error.to_string())?;
            let mut name = place.file_name().unwrap_or_default().to_os_string();
            name.push(".reason.txt");
            fs::write(place.with_file_name(name), reason).map_err(|error| error.to_string())
        });
        moved.await.map_err(|why| lost(format!("a file that could not be read cannot be moved away: {why}")))?;
        self.under_way.remove(&file);
        Ok(())
    }

    fn count(&mut self, done: &Imported) {
        self.rejected
            .extend([("row", done.rejected), ("skipped", done.skipped)].into_iter().filter(|(_, count)| *count > 0));
    }
}

/// Reads a file to its end, as fast as its rows are taken. Ends with the session.
fn read(reader: &Reader, file: PathBuf, done: &Path, sender: &mpsc::Sender<Event>) {
    let mut reading = match reader.read(&file, &place_for(&file, done)) {
        Ok(reading) => reading,
        Err(why) => return drop(sender.blocking_send(Event::Closed(file, why))),
    };
    let fault = loop {
        match reading.next() {
            Ok(Some(messages)) if messages.is_empty() => {}
            Ok(Some(messages)) => {
                if sender.blocking_send(Event::Rows(messages)).is_err() {
                    return;
                }
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    let _ = sender.blocking_send(Event::End(file, Box::new(reading), fault));
}
