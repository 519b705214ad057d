//! IMAP (RFC 9051, RFC 3501): mail from a mailbox at a provider.
//!
//! Nothing depends on `\Seen`, because people read the mailbox too, nor on dates, because the gateway may have been away
//! for a week. What is in the folder and not marked as stored is new; what comes a second time is known by its content.

mod folder;
mod log_in;
mod session;
mod settle;

use crate::{authenticity::Verifier, config::Server};
use async_trait::async_trait;
use jiesu_connector::{Lost, Probe, Session, Shared, Source};
use session::Mailbox;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A mail during whose transfer the session broke so often, it alone, is left for a while.
const POISONED: u32 = 4;
/// For so long.
const LEFT: Duration = Duration::from_secs(3_600);

/// What one mailbox is taken from and to.
pub struct Settings {
    /// The channel's id, for its label.
    pub channel: String,
    /// The server.
    pub server: Server,
    /// The folder that mail is taken from.
    pub folder: String,
    /// The folder that it is moved to.
    pub processed: Option<String>,
    /// A mailbox that gave no sign of life for so long is an alarm.
    pub silent: Duration,
    /// Bytes of one mail.
    pub max_size: usize,
    /// Verifies senders.
    pub verifier: Option<Arc<Verifier>>,
    /// Where is noted what is stored, for servers that let nobody mark mail.
    pub shared: Arc<dyn Shared>,
}

/// A mailbox at a provider.
#[derive(Clone)]
pub struct Pull(Arc<State>);

/// What outlives a session.
struct State {
    settings: Settings,
    memory: Mutex<Memory>,
}

struct Memory {
    /// When the mailbox last said what is in it.
    alive: Instant,
    /// Why the last session was lost.
    lost: Option<String>,
    /// Mails that the server counts and does not show.
    unseen: usize,
    /// Mails that are left for a while.
    left: usize,
    /// Mails whose transfer is under way.
    under_way: Vec<(u32, u32)>,
    /// Mails during whose transfer the session broke: how often, and when last.
    suspects: HashMap<(u32, u32), (u32, Instant)>,
}

impl Pull {
    /// Opens nothing yet.
    pub fn new(settings: Settings) -> Self {
        let memory = Memory {
            alive: Instant::now(),
            lost: None,
            unseen: 0,
            left: 0,
            under_way: Vec::new(),
            suspects: HashMap::new(),
        };
        Self(Arc::new(State { settings, memory: Mutex::new(memory) }))
    }
}

impl State {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mailbox said what is in it: `waiting` mails, `left` of which are left for a while. `unseen` more are counted by
    /// the server and not shown; `None` if that was not looked at.
    fn alive(&self, waiting: usize, left: usize, unseen: Option<usize>) {
        let unseen = {
            let mut memory = self.memory();
            (memory.alive, memory.left) = (Instant::now(), left);
            memory.unseen = if waiting > 0 { 0 } else { unseen.unwrap_or(memory.unseen) };
            memory.unseen
        };
        let label = || self.settings.channel.clone();
        let now = jiff::Timestamp::now().as_second() as f64;
        metrics::gauge!("jiesu_mailbox_alive_timestamp_seconds", "channel" => label()).set(now);
        metrics::gauge!("jiesu_mailbox_waiting", "channel" => label()).set((waiting + unseen) as f64);
    }

    /// The session is lost.
    fn lost(&self, lost: Lost) -> Lost {
        self.memory().lost = Some(lost.why.clone());
        lost
    }

    /// A mailbox that stopped giving mail is an alarm, not a silence.
    fn trouble(&self) -> Option<String> {
        let memory = self.memory();
        if memory.alive.elapsed() > self.settings.silent {
            let limit = self.settings.silent.as_secs();
            let why = memory.lost.as_deref().unwrap_or("the session does not answer");
            return Some(format!("the mailbox has given nothing for more than {limit} seconds: {why}"));
        }
        match (memory.unseen, memory.left) {
            (0, 0) => None,
            (0, left) => Some(format!("{left} mails break the session and are left for an hour")),
            (unseen, _) => Some(format!("the server counts {unseen} mails more in the folder than it shows")),
        }
    }

    /// The transfer of these begins.
    fn begin(&self, mails: &[(u32, u32)]) {
        self.memory().under_way = mails.to_vec();
    }

    /// It ended well.
    fn end(&self) {
        let mut memory = self.memory();
        for mail in std::mem::take(&mut memory.under_way) {
            memory.suspects.remove(&mail);
        }
    }

    /// A new session: what was under way in the last one may be why it broke. From now on those go one by one.
    fn suspect(&self) {
        let mut memory = self.memory();
        let under_way = std::mem::take(&mut memory.under_way);
        let alone = under_way.len() == 1;
        for mail in under_way {
            let (times, last) = memory.suspects.entry(mail).or_insert((0, Instant::now()));
            *times = if alone { *times + 1 } else { (*times).max(1) };
            *last = Instant::now();
        }
    }

    /// Whether a mail goes with others, alone, or not at all for now.
    fn company(&self, mail: (u32, u32)) -> Company {
        match self.memory().suspects.get(&mail) {
            None => Company::Others,
            Some((times, last)) if *times > POISONED && last.elapsed() < LEFT => Company::Left,
            Some(_) => Company::Alone,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Company {
    Others,
    Alone,
    Left,
}

#[async_trait]
impl Source for Pull {
    async fn open(&self) -> Result<Box<dyn Session>, Lost> {
        self.0.suspect();
        let opened = Mailbox::open(Arc::clone(&self.0)).await;
        opened.map(|mailbox| Box::new(mailbox) as Box<dyn Session>).map_err(|lost| self.0.lost(lost))
    }

    fn trouble(&self) -> Option<String> {
        self.0.trouble()
    }
}

/// Tries the log-in and looks for the folder.
pub struct LogIn(pub Pull);

#[async_trait]
impl Probe for LogIn {
    async fn probe(&self) -> Result<(), String> {
        let settings = &self.0.0.settings;
        let (mut session, _) = log_in::log_in(&settings.server).await.map_err(|lost| format!("imap: {}", lost.why))?;
        let folder = folder::encode(&settings.folder);
        let found = session.examine(&folder).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), session.logout()).await;
        found.map(drop).map_err(|error| format!("imap: the folder {:?} cannot be opened: {error}", settings.folder))
    }
}
