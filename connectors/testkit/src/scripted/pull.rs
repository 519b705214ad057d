//! A channel that we ask.

use super::{NoConfig, parts};
use async_trait::async_trait;
use jiesu_connector::{Batch, BuildError, Connector, Inbound, Incoming, Lost, Parts, Receipt, Session, Setup, Source};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The connector `scripted-pull`: asks the [`PullScript`] that is named like the channel.
pub struct ScriptedPull;

impl Connector for ScriptedPull {
    const NAME: &'static str = "scripted-pull";
    type Config = NoConfig;

    fn build(_: NoConfig, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        Ok(parts(Inbound::Pull(Box::new(PullScript::of(setup.channel)))))
    }
}

/// What a pulled channel has for us, and what it saw us do. Like a mailbox: a batch stays until it is acknowledged, and
/// every new session begins with what was not.
#[derive(Clone)]
pub struct PullScript(Arc<Script>);

struct Script {
    state: Mutex<State>,
    /// Counts changes, for whoever waits for one.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    unacknowledged: VecDeque<(u64, Step)>,
    events: Vec<Event>,
    refuse_logins: u32,
    sessions: u64,
}

#[derive(Clone)]
enum Step {
    Batch(Vec<Incoming>),
    Lose,
}

/// What the channel saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session was opened.
    Opened,
    /// A log-in was refused, as the script said.
    Refused,
    /// A batch was acknowledged, with the numbers of its receipts.
    Acknowledged {
        /// The batch, in the order in which they were scripted, from 0.
        batch: u64,
        /// The numbers.
        numbers: Vec<String>,
    },
    /// The session ended without being lost.
    Closed,
}

static SCRIPTS: LazyLock<Mutex<HashMap<String, PullScript>>> = LazyLock::new(Default::default);

impl PullScript {
    /// The script of `channel`: the same one in the whole process, so each test names its channel differently.
    pub fn of(channel: &str) -> Self {
        let mut scripts = SCRIPTS.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.entry(channel.to_owned()).or_insert_with(Self::fresh).clone()
    }

    fn fresh() -> Self {
        Self(Arc::new(Script { state: Mutex::default(), changed: watch::channel(0).0 }))
    }

    /// Adds a batch, to be had by the open session at once. Returns its id.
    pub fn add(&self, messages: Vec<Incoming>) -> u64 {
        self.change(|state| state.add(Step::Batch(messages)))
    }

    /// The session that comes this far is lost.
    pub fn lose(&self) {
        self.change(|state| state.add(Step::Lose));
    }

    /// Refuses the next `count` log-ins.
    pub fn refuse_logins(&self, count: u32) {
        self.change(|state| state.refuse_logins = count);
    }

    /// What the channel saw up to now.
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Waits until `enough` holds for what the channel saw; the caller sets the deadline.
    pub async fn until(&self, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let mut changes = self.0.changed.subscribe();
        loop {
            changes.mark_unchanged();
            let events = self.events();
            // The sender lives in `self`: `changed` cannot fail.
            if enough(&events) || changes.changed().await.is_err() {
                return events;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.0.changed.send_modify(|count| *count += 1);
        result
    }
}

impl State {
    fn add(&mut self, step: Step) -> u64 {
        let id = self.next_id;
        self.next_id += u64::from(matches!(step, Step::Batch(_)));
        self.unacknowledged.push_back((id, step));
        id
    }
}

#[async_trait]
impl Source for PullScript {
    async fn open(&self) -> Result<Box<dyn Session>, Lost> {
        self.change(|state| {
            if state.refuse_logins > 0 {
                state.refuse_logins -= 1;
                state.events.push(Event::Refused);
                return Err(lost("log-in refused"));
            }
            state.events.push(Event::Opened);
            state.sessions += 1;
            let session = OpenSession { script: self.clone(), session: state.sessions, given: 0 };
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }
}

fn lost(why: &str) -> Lost {
    Lost { why: why.into(), retry_after: None }
}

struct OpenSession {
    script: PullScript,
    session: u64,
    /// Batches given out in this session and not yet acknowledged: the first ones in the script.
    given: usize,
}

impl OpenSession {
    /// The next step, if there is one. A loss happens once.
    fn step(&mut self) -> Option<Result<Batch, Lost>> {
        let mut state = self.script.state();
        if state.sessions != self.session {
            return Some(Err(lost("another session was opened")));
        }
        let (id, step) = state.unacknowledged.get(self.given)?.clone();
        Some(match step {
            Step::Lose => {
                state.unacknowledged.remove(self.given);
                Err(lost("the script says so"))
            }
            Step::Batch(messages) => {
                self.given += 1;
                Ok(Batch { id, messages })
            }
        })
    }
}

#[async_trait]
impl Session for OpenSession {
    async fn next(&mut self) -> Result<Batch, Lost> {
        let mut changes = self.script.0.changed.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(step) = self.step() {
                return step;
            }
            changes.changed().await.map_err(|_| lost("the script is gone"))?;
        }
    }

    async fn acknowledge(&mut self, batch: u64, receipts: &[Receipt]) -> Result<(), Lost> {
        let numbers = receipts.iter().map(|receipt| receipt.number.clone()).collect();
        self.script.change(|state| match state.unacknowledged.front() {
            Some((first, Step::Batch(messages))) if *first == batch && messages.len() == receipts.len() => {
                state.unacknowledged.pop_front();
                state.events.push(Event::Acknowledged { batch, numbers });
                Ok(())
            }
            _ => Err(lost("acknowledged out of order, or without a receipt for each message")),
        })?;
        self.given -= 1;
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.script.change(|state| state.events.push(Event::Closed));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message, *};
    use crate::FakeDoor;
    use std::time::Duration;

    #[tokio::test]
    async fn pull_fits_the_contract_and_what_is_not_acknowledged_comes_again() {
        let (script, door) = (PullScript::of("pull-fits"), FakeDoor::default());
        script.refuse_logins(1);
        assert!(script.open().await.is_err());
        script.add(vec![message(Some("1"), "路灯坏了"), message(Some("2"), "井盖丢了")]);
        script.add(vec![message(Some("3"), "噪声")]);
        script.lose();

        let mut session = script.open().await.unwrap();
        let first = session.next().await.unwrap();
        let receipts = door.take(first.messages).unwrap();
        session.acknowledge(first.id, &receipts).await.unwrap();
        let second = session.next().await.unwrap();
        door.take(second.messages).unwrap();
        assert!(session.next().await.is_err(), "the script loses the session before the acknowledgement");

        let mut session = script.open().await.unwrap();
        let again = session.next().await.unwrap();
        let receipts = door.take(again.messages).unwrap();
        assert!(again.id == second.id && receipts[0].redelivery);
        session.acknowledge(again.id, &receipts).await.unwrap();
        let idle = tokio::time::timeout(Duration::from_millis(10), session.next()).await;
        assert!(idle.is_err(), "nothing is left, so the session waits; giving up on it loses nothing");
        script.add(vec![message(None, "积水")]);
        assert_eq!(session.next().await.unwrap().id, 2);
        session.close().await;

        let closed = script.until(|events| events.last() == Some(&Event::Closed)).await;
        let acknowledged = closed.iter().filter(|event| matches!(event, Event::Acknowledged { .. }));
        assert_eq!((closed.len(), acknowledged.count(), door.kept().len()), (6, 2, 3));
    }
}
