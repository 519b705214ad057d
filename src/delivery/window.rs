//! The events in play: which may be sent next, so that those of one ticket go strictly in order.
//!
//! Pure bookkeeping, without I/O and clock. Each ticket is a lane; only the head of a lane may be sent. An event whose
//! lane cannot move (it failed, or waits behind one that did) is held as a number, not as a body, and loaded again when
//! its turn comes: thousands of them cost little, and do not keep others out.

use crate::{
    number::Number,
    store::{Sequence, StoredEvent},
};
use std::collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry};
use tokio::time::Instant;

/// Events held at most, with body or without.
pub const HELD: usize = 10_000;
/// Bytes of bodies, beyond which nothing more is read.
const BYTES: usize = 16 << 20;
/// Events that one load reads at most.
const LOAD: i64 = 64;

/// Which event, and whether as a dead letter's replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The event.
    pub sequence: Sequence,
    /// It is sent again from the dead letters, beside the cursor.
    pub replay: bool,
}

/// What an event has been through.
#[derive(Debug, Default)]
pub struct Tries {
    /// Attempts in this process.
    pub attempts: u32,
    /// Attempts that found the message at fault.
    pub refusals: u32,
    /// Failures that were the event's own.
    pub setbacks: u32,
    /// When the first attempt ended.
    pub first: Option<Instant>,
    /// How often the destination had answered when it last failed.
    pub failed_at: Option<u64>,
}

#[derive(Debug)]
struct Job {
    key: Key,
    /// `None` while it is being sent, and while it is held as a number.
    event: Option<StoredEvent>,
    tries: Tries,
    /// Older than the last rewind: what becomes of it counts for nothing.
    stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In `ready`, with its body.
    Ready,
    /// In `wanted`: to be loaded, then ready.
    Wanted,
    Sending,
    /// In `waiting`.
    Waiting(Instant),
    /// In `suspended`.
    Suspended,
    /// Delivered or given up; the store is being told.
    Filing,
}

#[derive(Debug)]
struct Lane {
    head: Job,
    rest: VecDeque<Job>,
    state: State,
}

impl Lane {
    /// Bodies are kept only where they will be sent soon.
    fn moves(&self) -> bool {
        matches!(self.state, State::Ready | State::Wanted | State::Sending)
    }

    fn jobs(&mut self) -> impl Iterator<Item = &mut Job> {
        std::iter::once(&mut self.head).chain(&mut self.rest)
    }
}

/// The events in play.
#[derive(Debug)]
pub struct Window {
    size: usize,
    lanes: HashMap<Number, Lane>,
    ready: VecDeque<Number>,
    /// Heads to load, by their place in the log.
    wanted: BTreeSet<(Sequence, Number)>,
    waiting: BTreeSet<(Instant, Number)>,
    suspended: VecDeque<Number>,
    /// Events with a body, those under way included.
    loaded: usize,
    /// Bytes of these.
    bytes: usize,
    held: usize,
}

impl Window {
    /// An empty window for `size` events with bodies.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            lanes: HashMap::with_capacity(size),
            ready: VecDeque::with_capacity(size),
            wanted: BTreeSet::new(),
            waiting: BTreeSet::new(),
            suspended: VecDeque::new(),
            loaded: 0,
            bytes: 0,
            held: 0,
        }
    }

    /// How many more events may be read now; 0 until it is worth the trip.
    pub fn room(&self) -> usize {
        let room = self.size.saturating_sub(self.loaded).min(HELD.saturating_sub(self.held));
        if room * 2 >= self.size && self.bytes < BYTES { room } else { 0 }
    }

    /// Takes an event in, behind the earlier ones of its ticket.
    pub fn admit(&mut self, event: StoredEvent, replay: bool) {
        let (number, key) = (event.number, Key { sequence: event.sequence, replay });
        let bytes = event.body.len();
        let mut job = Job { key, event: Some(event), tries: Tries::default(), stale: false };
        self.held += 1;
        match self.lanes.entry(number) {
            Entry::Vacant(lane) => {
                lane.insert(Lane { head: job, rest: VecDeque::new(), state: State::Ready });
                (self.loaded, self.bytes) = (self.loaded + 1, self.bytes + bytes);
                self.ready.push_back(number);
            }
            Entry::Occupied(mut lane) => {
                let lane = lane.get_mut();
                if lane.moves() {
                    (self.loaded, self.bytes) = (self.loaded + 1, self.bytes + bytes);
                } else {
                    job.event = None;
                }
                // A replay is older than what waits; the head stays the head.
                let place = lane.rest.partition_point(|other| other.key.sequence <= key.sequence);
                lane.rest.insert(place, job);
            }
        }
    }

    /// The next event to send, which the caller then sends.
    pub fn take_next(&mut self) -> Option<(Key, StoredEvent)> {
        while let Some(number) = self.ready.pop_front() {
            if let Some(lane) = self.lanes.get_mut(&number)
                && let Some(event) = lane.head.event.take()
            {
                lane.state = State::Sending;
                return Some((lane.head.key, event));
            }
        }
        None
    }

    /// Whether an event can be sent at once.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether anything waits for the destination to come up.
    pub fn has_suspended(&self) -> bool {
        !self.suspended.is_empty()
    }

    /// Lets the lane that has waited longest for the destination take its turn as a probe, if nothing else can.
    pub fn wake_suspended(&mut self) {
        if self.ready.is_empty()
            && self.wanted.is_empty()
            && let Some(number) = self.suspended.pop_front()
        {
            self.want(number);
        }
    }

    /// The destination is up: everything that waited for it may go, the oldest first.
    pub fn resume(&mut self) {
        for number in std::mem::take(&mut self.suspended) {
            self.want(number);
        }
    }

    /// Those whose own wait is over may go.
    pub fn wake_waiting(&mut self, now: Instant) {
        while let Some((_, number)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.pop_first();
            self.want(number);
        }
    }

    /// When the next own wait is over.
    pub fn next_wake(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// An attempt to send `event` has ended: what it has been through, or `None` if that counts for nothing since a
    /// rewind. One of [`Self::finish`], [`Self::wait`], [`Self::suspend`] and [`Self::file`] must follow.
    pub fn landed(&mut self, event: &StoredEvent) -> Option<&mut Tries> {
        self.unloaded(event);
        self.lanes.get_mut(&event.number).filter(|lane| !lane.head.stale).map(|lane| &mut lane.head.tries)
    }

    /// The head of this lane waits until `at`, and all behind it.
    pub fn wait(&mut self, number: Number, at: Instant) {
        if self.park(number, State::Waiting(at)) {
            self.waiting.insert((at, number));
        }
    }

    /// The head of this lane waits for the destination, and all behind it.
    pub fn suspend(&mut self, number: Number) {
        if self.park(number, State::Suspended) {
            self.suspended.push_back(number);
        }
    }

    /// The store is told of the head of this lane; until then nothing behind it goes.
    pub fn file(&mut self, number: Number) {
        self.park(number, State::Filing);
    }

    /// The head of this lane is done with. True if that counts, false after a rewind.
    pub fn finish(&mut self, number: Number) -> bool {
        let Entry::Occupied(mut entry) = self.lanes.entry(number) else { return false };
        self.held -= 1;
        let Some(next) = entry.get_mut().rest.pop_front() else { return !entry.remove().head.stale };
        let lane = entry.get_mut();
        let done = std::mem::replace(&mut lane.head, next);
        if lane.head.event.is_some() {
            lane.state = State::Ready;
            self.ready.push_back(number);
        } else {
            self.want(number);
        }
        !done.stale
    }

    /// What to load now, if anything: events after this one, at most so many.
    pub fn next_load(&self) -> Option<(Sequence, usize)> {
        let (Sequence(first), _) = *self.wanted.first().filter(|_| self.loaded < 2 * self.size)?;
        let near = self.wanted.iter().take_while(|(sequence, _)| sequence.0 < first + LOAD).count();
        Some((Sequence(first - 1), if near > 1 { LOAD as usize } else { 1 }))
    }

    /// Takes what was loaded. Says which wanted event is no longer in the log, if the first one is not.
    pub fn loaded(&mut self, after: Sequence, events: Vec<StoredEvent>) -> Option<(Key, Number)> {
        for event in events {
            let number = event.number;
            let bytes = event.body.len();
            let Some(lane) = self.lanes.get_mut(&number).filter(|lane| lane.moves()) else { continue };
            let sending = lane.state == State::Sending;
            let wanted = |job: &&mut Job| job.event.is_none() && job.key.sequence == event.sequence && !job.stale;
            let Some(job) = lane.jobs().skip(usize::from(sending)).find(wanted) else { continue };
            job.event = Some(event);
            (self.loaded, self.bytes) = (self.loaded + 1, self.bytes + bytes);
            if lane.state == State::Wanted && lane.head.event.is_some() {
                lane.state = State::Ready;
                self.wanted.remove(&(lane.head.key.sequence, number));
                self.ready.push_back(number);
            }
        }
        let missing = self.wanted.first().copied().filter(|(sequence, _)| sequence.0 == after.0 + 1);
        let (_, number) = missing?;
        self.wanted.pop_first();
        self.lanes.get(&number).map(|lane| (lane.head.key, number))
    }

    /// Forgets every event but the replays; what is under way will count for nothing.
    pub fn clear(&mut self) {
        // What is under way stays counted until it lands.
        let at_rest: Vec<StoredEvent> =
            self.lanes.values_mut().flat_map(Lane::jobs).filter_map(|job| job.event.take()).collect();
        at_rest.iter().for_each(|event| self.unloaded(event));
        let lanes = std::mem::take(&mut self.lanes);
        *self = Self { loaded: self.loaded, bytes: self.bytes, ..Self::new(self.size) };
        for (number, Lane { mut head, rest, state }) in lanes {
            let mut rest: VecDeque<Job> = rest.into_iter().filter(|job| job.key.replay).collect();
            let state = match state {
                State::Sending | State::Filing => {
                    head.stale |= !head.key.replay;
                    state
                }
                _ if head.key.replay => State::Suspended,
                _ => match rest.pop_front() {
                    Some(next) => {
                        head = next;
                        State::Suspended
                    }
                    None => continue,
                },
            };
            self.held += 1 + rest.len();
            self.lanes.insert(number, Lane { head, rest, state });
            if state == State::Suspended {
                self.want(number);
            }
        }
    }

    /// Stops a lane, and lets go of its bodies.
    fn park(&mut self, number: Number, state: State) -> bool {
        let Some(lane) = self.lanes.get_mut(&number) else { return false };
        lane.state = state;
        let dropped: Vec<StoredEvent> = lane.jobs().filter_map(|job| job.event.take()).collect();
        dropped.iter().for_each(|event| self.unloaded(event));
        true
    }

    fn unloaded(&mut self, event: &StoredEvent) {
        (self.loaded, self.bytes) = (self.loaded - 1, self.bytes - event.body.len());
    }

    fn want(&mut self, number: Number) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.state = State::Wanted;
            self.wanted.insert((lane.head.key.sequence, number));
        }
    }
}

#[cfg(test)]
mod tests;
