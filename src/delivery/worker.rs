//! The task of one destination: waits for whatever comes next, and lets the parts decide.

mod settle;

use super::{
    Command,
    attempt::Transport,
    calls::{Call, Called, Caller, pause},
    destination::{Destination, Map},
    health::Health,
    ledger::Ledger,
    mask::render,
    outcome::Outcome,
    pace::Pace,
    status::{Meters, Shared},
    window::{Key, Window},
};
use crate::{
    nodes::Term,
    number::Number,
    store::{EventLog, Sequence, StoreError, StoredEvent},
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::HashSet,
    hash::RandomState,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire},
        },
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Events with bodies in memory, at least.
const WINDOW: usize = 256;
/// Saves under way: as soon as one has been written, and while it is being synced, the next gets in line, so that every
/// commit of the store takes the latest progress along.
const SAVES: usize = 2;
/// Between saves, unless as many events are unsaved as may be under way: what is delivered meanwhile shares one.
const SAVE_EVERY: Duration = Duration::from_millis(2);
/// Replays in play, about.
const REPLAYS: usize = 64;
/// For what is under way when the worker is told to stop.
const LAST_ATTEMPTS: Duration = Duration::from_secs(4);
/// For the last save.
const LAST_SAVE: Duration = Duration::from_secs(2);
/// Attempts that are settled in one turn of the loop.
const TURN: usize = 64;

/// One destination's delivery.
pub struct Delivery<T> {
    caller: Caller,
    destination: Destination,
    transport: Arc<T>,
    shared: Arc<Shared>,
    meters: Meters,
    jitter: RandomState,
    window: Window,
    /// Shared with the store, which asks it for the progress when it writes.
    ledger: Arc<Mutex<Ledger>>,
    health: Health,
    pace: Pace,
    /// Down, and said so.
    reported: bool,
    paused: bool,
    /// Replays in play, and those settled while the store is being asked for more.
    replays: HashSet<Sequence>,
    settled: Vec<Sequence>,
    calls: FuturesUnordered<Call>,
    newest: Sequence,
    /// Counts the rewinds.
    era: u32,
    rewinds: Vec<Rewind>,
    /// Counts the saves.
    saves: u64,
    /// Not before then.
    next_save: Instant,
    /// The last save that has asked for the progress.
    asked: Arc<AtomicU64>,
    doing: Doing,
}

/// A rewind that is not saved yet.
struct Rewind {
    done: oneshot::Sender<Sequence>,
    cursor: Sequence,
    /// The save that covers it.
    save: Option<u64>,
}

/// What is under way, and what is due.
#[derive(Default)]
struct Doing {
    /// Nothing more in the log, for now.
    caught_up: bool,
    reading: bool,
    loading: bool,
    /// There may be dead letters to send again.
    replays_due: bool,
    asking_replays: bool,
    filing: usize,
    unsaved: bool,
    /// Done with since the last save.
    fresh: usize,
    /// Saves under way.
    saving: usize,
    failed_saves: u32,
    stopping: Option<Instant>,
}

/// An attempt about to start.
struct Flight {
    key: Key,
    event: StoredEvent,
    body: Bytes,
}

/// An attempt that has ended.
struct Landed {
    key: Key,
    event: StoredEvent,
    outcome: Outcome,
    took: Duration,
}

async fn fly<T: Transport>(transport: Arc<T>, Flight { key, event, body }: Flight) -> Landed {
    let started = Instant::now();
    let outcome = transport.attempt(&event.id, body).await;
    Landed { key, event, outcome, took: started.elapsed() }
}

impl<T: Transport> Delivery<T> {
    /// A delivery that has not begun.
    pub fn new(
        store: Arc<dyn EventLog>,
        destination: Destination,
        transport: Arc<T>,
        probe_interval: Duration,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            caller: Caller { store, name: destination.name.as_str().into() },
            transport,
            meters: Meters::new(&destination.name),
            shared,
            jitter: RandomState::new(),
            window: Window::new(WINDOW.max(destination.concurrency * 4)),
            ledger: Arc::default(),
            health: Health::new(destination.retry, probe_interval),
            pace: Pace::new(destination.concurrency),
            paused: destination.paused,
            destination,
            reported: false,
            replays: HashSet::new(),
            settled: Vec::new(),
            calls: FuturesUnordered::new(),
            newest: Sequence(0),
            era: 0,
            rewinds: Vec::new(),
            saves: 0,
            next_save: Instant::now(),
            asked: Arc::default(),
            doing: Doing { replays_due: true, ..Doing::default() },
        }
    }

    /// Delivers until `stop`, or until another node may deliver: then nothing is saved any more, for the other one may have
    /// come further, or have gone back.
    pub async fn run(
        mut self,
        commands: &mut mpsc::Receiver<Command>,
        mut wake: watch::Receiver<Sequence>,
        term: &Term,
        stop: CancellationToken,
    ) {
        tokio::select! {
            progress = self.caller.progress() => *self.ledger() = Ledger::new(progress),
            () = stop.cancelled() => return,
        };
        self.set_paused(self.paused);
        let mut flights = FuturesUnordered::new();
        let (mut commanded, mut waking) = (true, true);
        while !self.is_over(flights.len()) {
            if term.is_over() {
                return;
            }
            while let Some(flight) = self.next_flight(flights.len()) {
                flights.push(fly(Arc::clone(&self.transport), flight));
            }
            self.ask(&mut wake);
            self.show(flights.len());
            let alarm = self.alarm(flights.len());
            tokio::select! {
                biased;
                () = stop.cancelled(), if self.doing.stopping.is_none() => {
                    self.doing.stopping = Some(Instant::now() + LAST_ATTEMPTS);
                }
                command = commands.recv(), if commanded => match command {
                    Some(command) => self.obey(command),
                    None => commanded = false,
                },
                Some(called) = self.calls.next() => self.answered(called),
                Some(landed) = flights.next() => {
                    self.landed(landed);
                    for _ in 1..TURN {
                        let Some(Some(landed)) = flights.next().now_or_never() else { break };
                        self.landed(landed);
                    }
                }
                // What comes while the log is read stays new until then: the answer may be of before, and say that this is all.
                changed = wake.changed(), if waking && !self.doing.reading => match changed {
                    Ok(()) => self.doing.caught_up = false,
                    Err(_) => waking = false,
                },
                () = sleep_until(alarm.unwrap_or_else(Instant::now)), if alarm.is_some() => {}
            }
        }
        self.save_last().await;
    }

    fn is_over(&self, in_flight: usize) -> bool {
        let Some(deadline) = self.doing.stopping else { return false };
        (in_flight == 0 && self.doing.filing == 0) || deadline <= Instant::now()
    }

    /// The next attempt, if one may start.
    fn next_flight(&mut self, in_flight: usize) -> Option<Flight> {
        while self.doing.stopping.is_none() && !self.paused && in_flight < self.pace.limit() {
            let now = Instant::now();
            self.window.wake_waiting(now);
            if self.health.next_start(self.window.has_ready(), now)? > now {
                return None;
            }
            let Some((key, event)) = self.window.take_next() else {
                self.window.wake_suspended();
                return None;
            };
            match self.form(&event) {
                Ok(Some(body)) => {
                    self.health.started(key);
                    return Some(Flight { key, event, body });
                }
                Ok(None) => self.leave_out(key, &event),
                Err(reason) => {
                    self.window.landed(&event);
                    self.bury(key, event, reason, 0);
                }
            }
        }
        None
    }

    /// What is sent of an event: as much as the destination may see, in its own form; nothing where its map says so.
    fn form(&self, event: &StoredEvent) -> Result<Option<Bytes>, String> {
        let body = render(&event.body, self.destination.contact).map_err(|unreadable| unreadable.to_string())?;
        match &self.destination.map {
            Some(Map(map)) => Ok(map(&body)?.map(Bytes::from)),
            None => Ok(Some(body)),
        }
    }

    /// Asks the store for what is missing, and tells it what is new.
    fn ask(&mut self, wake: &mut watch::Receiver<Sequence>) {
        if self.may_save() && (self.next_save <= Instant::now() || self.doing.fresh >= self.destination.concurrency) {
            self.save();
        }
        if self.doing.stopping.is_some() {
            return;
        }
        if !self.doing.loading
            && let Some((after, limit)) = self.window.next_load()
        {
            self.doing.loading = true;
            self.calls.push(self.caller.load(self.era, after, limit));
        }
        if self.doing.replays_due && !self.doing.asking_replays && self.replays.len() < REPLAYS / 2 {
            (self.doing.replays_due, self.doing.asking_replays) = (false, true);
            self.calls.push(self.caller.replays(self.replays.len() + REPLAYS));
        }
        let room = self.window.room();
        if !self.doing.caught_up && !self.doing.reading && room > 0 {
            self.doing.reading = true;
            // What comes from here on wakes us again.
            self.newest = self.newest.max(*wake.borrow_and_update());
            self.calls.push(self.caller.read(self.era, self.ledger().read_from(), room));
        }
    }

    /// When to look again, though nothing happens.
    fn alarm(&self, in_flight: usize) -> Option<Instant> {
        let save = self.may_save().then_some(self.next_save);
        if self.doing.stopping.is_some() || self.paused {
            return self.doing.stopping.into_iter().chain(save).min();
        }
        let ready = self.window.has_ready();
        let may_start = (ready || self.window.has_suspended()) && in_flight < self.pace.limit();
        let now = Instant::now();
        let start = self.health.next_start(ready, now).filter(|at| may_start && *at > now);
        self.window.next_wake().into_iter().chain(start).chain(save).min()
    }

    fn answered(&mut self, called: Called) {
        match called {
            Called::Read { era, events } => {
                self.doing.reading = false;
                if era == self.era {
                    // Fewer than were asked for may have been too many bytes for one read.
                    self.doing.caught_up = events.is_empty();
                    events.into_iter().for_each(|event| self.take(event));
                }
            }
            Called::Loaded { era, after, events } => {
                self.doing.loading = false;
                if era == self.era
                    && let Some((key, number)) = self.window.loaded(after, events)
                {
                    let (destination, sequence) = (&self.destination.name, key.sequence);
                    tracing::error!(destination, %sequence, "an event is no longer in the log and cannot be delivered");
                    self.finish(key, number);
                }
            }
            Called::Replays { asked, events } => {
                self.doing.asking_replays = false;
                self.doing.replays_due |= events.len() >= asked;
                for event in events {
                    if !self.settled.contains(&event.sequence) && self.replays.insert(event.sequence) {
                        self.window.admit(event, true);
                    }
                }
                self.settled.clear();
            }
            Called::Filed { key, number } => {
                self.doing.filing -= 1;
                self.finish(key, number);
            }
            Called::Saved { save, outcome } => self.saved(save, outcome.err()),
        }
    }

    /// Takes an event from the log.
    fn take(&mut self, event: StoredEvent) {
        self.newest = self.newest.max(event.sequence);
        if !self.ledger().read(event.sequence) {
            return;
        }
        if self.destination.filter.wants(&event.kind, &event.body) {
            self.ledger().open(event.sequence);
            self.window.admit(event, false);
        } else {
            self.doing.unsaved = true;
        }
    }

    /// The event is done with.
    fn finish(&mut self, key: Key, number: Number) {
        let counts = self.window.finish(number);
        if key.replay {
            self.replays.remove(&key.sequence);
            if self.doing.asking_replays {
                self.settled.push(key.sequence);
            }
        } else if counts {
            self.ledger().close(key.sequence);
            self.doing.unsaved = true;
            self.doing.fresh += 1;
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Requeued => self.doing.replays_due = true,
            Command::Pause(paused) => self.set_paused(paused),
            Command::Rewind { after, done } => {
                let cursor = self.ledger().rewind(after);
                self.window.clear();
                self.era += 1;
                (self.doing.caught_up, self.doing.unsaved) = (false, true);
                self.rewinds.push(Rewind { done, cursor, save: None });
            }
        }
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.shared.set_paused(paused);
        self.meters.paused(paused);
    }

    fn may_save(&self) -> bool {
        self.doing.unsaved && self.doing.saving < SAVES && self.asked.load(Acquire) >= self.saves
    }

    fn save(&mut self) {
        self.saves += 1;
        self.next_save = Instant::now() + SAVE_EVERY;
        self.rewinds.iter_mut().for_each(|rewind| _ = rewind.save.get_or_insert(self.saves));
        self.doing.unsaved = false;
        self.doing.fresh = 0;
        self.doing.saving += 1;
        let (save, asked, ledger) = (self.saves, Arc::clone(&self.asked), Arc::clone(&self.ledger));
        let latest = Arc::new(move || {
            asked.fetch_max(save, AcqRel);
            ledger.lock().unwrap_or_else(PoisonError::into_inner).progress()
        });
        // An operator who asked for everything once more is told when that cannot be lost any more.
        let durable = !self.rewinds.is_empty();
        self.calls.push(self.caller.save(save, latest, durable, pause(self.doing.failed_saves + 1)));
    }

    fn saved(&mut self, save: u64, error: Option<StoreError>) {
        self.doing.saving -= 1;
        self.asked.fetch_max(save, AcqRel);
        let destination = &self.destination.name;
        if let Some(error) = error {
            self.rewinds.iter_mut().filter(|rewind| rewind.save == Some(save)).for_each(|rewind| rewind.save = None);
            self.doing.unsaved = true;
            self.doing.failed_saves += 1;
            if self.doing.failed_saves == 1 {
                tracing::warn!(destination, %error, "progress cannot be saved; delivery goes on");
            }
            return;
        }
        if std::mem::take(&mut self.doing.failed_saves) > 0 {
            tracing::info!(destination, "progress is saved again");
        }
        for Rewind { done, cursor, .. } in self.rewinds.extract_if(.., |rewind| rewind.save == Some(save)) {
            // Whoever asked may have gone.
            let _ = done.send(cursor);
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn save_last(self) {
        if self.doing.unsaved || self.doing.saving > 0 {
            let progress = self.ledger().progress();
            let save = self.caller.store.save_progress(&self.caller.name, progress);
            if !matches!(timeout(LAST_SAVE, save).await, Ok(Ok(()))) {
                let destination = &self.destination.name;
                tracing::warn!(destination, "the last progress could not be saved; some events will be sent again");
            }
        }
    }

    fn show(&self, in_flight: usize) {
        let (cursor, behind) = {
            let ledger = self.ledger();
            (ledger.cursor(), ledger.behind(self.newest))
        };
        self.shared.moved(cursor, in_flight, behind);
        self.meters.lag(behind);
    }
}
