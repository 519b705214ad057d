//! The loops over scripted channels and a real store. Each test names its channel differently: scripts are shared by the
//! process.

use super::*;
use crate::{number::ReceiptKey, store::sqlite::SqliteStore};
use jiesu_connector::{Connector, DeliveryKey, OnOtherContent, Parts};
use jiesu_connector_testkit::{
    FakeSecrets,
    scripted::{Event, NoConfig, PullScript, ScriptedListen, ScriptedPull, message},
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, net::Ipv4Addr};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Trial {
    _directory: tempfile::TempDir,
    store: Arc<dyn Store>,
    intake: Arc<Intake>,
    channel: Arc<Channel>,
    script: PullScript,
    node: Node,
    stop: CancellationToken,
    sources: Option<Sources>,
}

impl Trial {
    fn new(id: &str, parts: Parts) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("jiesu.db")).unwrap());
        let intake =
            Arc::new(Intake::new(store.clone(), ReceiptKey::new([1; 32]), TimeZone::UTC, Arc::new(Notify::new())));
        let channel = Arc::new(Channel::new(id, "scripted", "12345", None, parts));
        let stop = CancellationToken::new();
        let node = Node::new(&store);
        Self { _directory: directory, store, intake, channel, script: PullScript::of(id), node, stop, sources: None }
    }

    fn pull(id: &str) -> Self {
        let secrets = FakeSecrets::default();
        Self::new(id, ScriptedPull::build(NoConfig {}, &secrets.setup(id)).unwrap())
    }

    fn start(&mut self) {
        let channels = BTreeMap::from([(self.channel.id.clone(), self.channel.clone())]);
        let way = Way { intake: self.intake.clone(), store: self.store.clone() };
        self.sources = Some(start(&channels, &way, &self.node, &self.stop));
    }

    async fn until(&self, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let seen = timeout(PATIENCE, self.script.until(enough)).await;
        seen.unwrap_or_else(|_| panic!("only this was seen: {:?}", self.script.events()))
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.sources.take().unwrap().finish()).await.expect("the loops end");
    }

    async fn kept(&self) -> u64 {
        self.store.backlog().await.unwrap().messages
    }
}

fn acknowledged(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Acknowledged { .. })).count()
}

fn opened(events: &[Event]) -> usize {
    events.iter().filter(|event| **event == Event::Opened).count()
}

#[tokio::test]
async fn a_batch_is_on_disk_before_it_is_acknowledged_and_batches_keep_their_order() {
    let mut trial = Trial::pull("pull-order");
    trial.script.add(vec![message(Some("1"), "路灯坏了"), message(Some("2"), "井盖丢了")]);
    trial.script.add(vec![message(Some("3"), "噪声")]);
    trial.start();
    let events = trial.until(|events| acknowledged(events) == 2).await;
    let [Event::Opened, Event::Acknowledged { batch: 0, numbers }, Event::Acknowledged { batch: 1, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((numbers.len(), trial.kept().await), (2, 3));
    trial.stop().await;
    assert_eq!(trial.script.events().last(), Some(&Event::Closed), "it takes leave");
}

#[tokio::test]
async fn a_lost_session_is_opened_again_and_what_comes_twice_is_kept_once() {
    let mut trial = Trial::pull("pull-lost");
    trial.script.refuse_logins(1);
    trial.script.add(vec![message(Some("1"), "路灯坏了")]);
    trial.script.lose();
    trial.script.add(vec![message(Some("1"), "路灯坏了")]);
    trial.start();
    let events = trial.until(|events| acknowledged(events) == 2).await;
    assert_eq!((events[0].clone(), opened(&events)), (Event::Refused, 2));
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Acknowledged { numbers, .. } => numbers.first(),
            _ => None,
        })
        .collect();
    assert_eq!((numbers[0] == numbers[1], trial.kept().await), (true, 1));
    trial.stop().await;
}

#[tokio::test]
async fn what_the_door_refuses_is_not_acknowledged_and_asked_for_again() {
    let mut trial = Trial::pull("pull-refused");
    let strict = |words: &'static str| {
        let key = DeliveryKey { scope: "s".into(), value: "k".into(), on_other_content: OnOtherContent::Refuse };
        Incoming { keys: vec![key], ..message(None, words) }
    };
    trial.intake.accept(&trial.channel, vec![strict("first")]).await.unwrap();
    trial.script.add(vec![strict("other")]);
    trial.start();
    let events = trial.until(|events| opened(events) == 2).await;
    assert_eq!((acknowledged(&events), trial.kept().await), (0, 1));
    trial.stop().await;
}

#[tokio::test]
async fn a_paused_channel_is_not_asked_and_a_resumed_one_is() {
    let mut trial = Trial::pull("pull-paused");
    trial.channel.paused.store(true, Ordering::Relaxed);
    trial.script.add(vec![message(Some("1"), "路灯坏了")]);
    trial.start();
    // Longer than a session takes to open.
    sleep(Duration::from_millis(300)).await;
    assert_eq!(trial.script.events(), []);
    trial.channel.paused.store(false, Ordering::Relaxed);
    trial.until(|events| acknowledged(events) == 1).await;
    trial.channel.paused.store(true, Ordering::Relaxed);
    trial.until(|events| events.last() == Some(&Event::Closed)).await;
    trial.stop().await;
}

#[tokio::test]
async fn after_a_clean_stop_the_next_process_need_not_wait_for_the_session() {
    let mut trial = Trial::pull("pull-lease");
    trial.node = Node::sharing(&trial.store);
    trial.start();
    trial.until(|events| opened(events) == 1).await;
    trial.stop().await;
    let lease = trial.store.lease("from/pull-lease", "another", Timestamp::now(), STEADY).await;
    assert_eq!(lease.unwrap(), Some(2));
}

#[tokio::test]
async fn a_session_held_by_another_node_is_not_opened_here_until_that_one_is_gone() {
    let mut trial = Trial::pull("pull-other-node");
    trial.node = Node::sharing(&trial.store);
    trial.store.lease("from/pull-other-node", "another", Timestamp::now(), STEADY * 6).await.unwrap();
    trial.start();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(trial.script.events(), []);
    trial.store.release_lease("from/pull-other-node", "another").await.unwrap();
    trial.until(|events| opened(events) == 1).await;
    trial.stop().await;
}

/// A session whose only batch takes longer to arrive than it takes until somebody looks.
struct Slow(Arc<AtomicUsize>);

#[async_trait]
impl Source for Slow {
    async fn open(&self) -> Result<Box<dyn Session>, Lost> {
        Ok(Box::new(Slow(self.0.clone())))
    }
}

#[async_trait]
impl Session for Slow {
    async fn next(&mut self) -> Result<jiesu_connector::Batch, Lost> {
        sleep(PAUSED + Duration::from_secs(1)).await;
        Ok(jiesu_connector::Batch { id: 0, messages: vec![message(Some("1"), "路灯坏了")] })
    }

    async fn acknowledge(&mut self, _: u64, _: &[Receipt]) -> Result<(), Lost> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test]
async fn a_batch_that_takes_long_arrives_and_a_channel_that_takes_no_answer_does_not_hold_up_the_stop() {
    let told = Arc::new(AtomicUsize::new(0));
    let secrets = FakeSecrets::default();
    let parts = ScriptedPull::build(NoConfig {}, &secrets.setup("pull-slow")).unwrap();
    let mut trial = Trial::new("pull-slow", Parts { inbound: Inbound::Pull(Box::new(Slow(told.clone()))), ..parts });
    trial.start();
    let arrived = async {
        while told.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("the batch arrives");
    assert_eq!(trial.kept().await, 1);
    trial.stop().await;
}

#[tokio::test]
async fn a_listening_channel_answers_after_the_disk_and_refuses_while_paused() {
    let secrets = FakeSecrets::default();
    let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let config = serde_json::from_value(serde_json::json!({ "listen": port })).unwrap();
    let mut trial = Trial::new("listen", ScriptedListen::build(config, &secrets.setup("listen")).unwrap());
    trial.start();
    let connect = async {
        loop {
            match TcpStream::connect(port).await {
                Ok(stream) => break stream,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let mut client = BufReader::new(timeout(PATIENCE, connect).await.expect("it listens"));
    let mut answers = Vec::new();
    for (line, paused) in [("1 路灯坏了\n", false), ("1 路灯坏了\n", false), ("2 井盖丢了\n", true)] {
        trial.channel.paused.store(paused, Ordering::Relaxed);
        client.write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, client.read_line(&mut answer)).await.expect("an answer").unwrap();
        answers.push(answer);
    }
    assert!(answers[0].starts_with("OK ") && answers[0] == answers[1] && answers[2].starts_with("NO "), "{answers:?}");
    assert_eq!(trial.kept().await, 1);
    trial.stop().await;
    assert!(TcpStream::connect(port).await.is_err(), "nobody listens any more");
}
