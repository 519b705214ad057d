//! Citizens in numbers: keep-alive connections that post appeals, and post the same again where the answer was lost.

use super::{Broken, Connection, TOKEN, until};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// What came of it.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Acknowledged appeals: id → number.
    pub numbers: HashMap<String, String>,
    /// How long each acknowledgement took.
    pub took: Vec<Duration>,
    /// When the latest came.
    pub last: Option<Instant>,
    /// How often each status was answered.
    pub statuses: HashMap<u16, usize>,
    /// Connections that ended in the middle of a request without having been announced to.
    pub cut: Vec<String>,
}

/// A running load.
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    address: watch::Sender<Option<SocketAddr>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    /// Starts `connections` citizens' programs. Each posts one appeal after another, with a unique `id` that is in the
    /// content too, and keeps trying with the same one until it is acknowledged.
    pub fn start(name: &str, connections: usize) -> Self {
        let (address, _) = watch::channel(None);
        let (tally, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for number in 0..connections {
            let client = Client {
                name: format!("{name}-{number}"),
                address: address.subscribe(),
                tally: Arc::clone(&tally),
                stop: Arc::clone(&stop),
            };
            tasks.spawn(client.run());
        }
        Self { tally, address, stop, tasks }
    }

    /// Where the gateway is now; `None`: nowhere, wait.
    pub fn aim(&self, address: Option<SocketAddr>) {
        self.address.send_replace(address);
    }

    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    pub fn acknowledged(&self) -> usize {
        self.tally.lock().unwrap().numbers.len()
    }

    /// Waits until `more` further appeals are acknowledged.
    pub async fn advance(&self, more: usize, within: Duration) {
        let target = self.acknowledged() + more;
        until("acknowledgements under load", within, || (self.acknowledged() >= target).then_some(())).await;
    }

    /// No new appeals; those under way are carried through, if the gateway is there.
    pub async fn finish(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        if self.address.borrow().is_none() {
            self.tasks.abort_all();
        }
        while let Some(ended) = self.tasks.join_next().await {
            if ended.as_ref().is_err_and(tokio::task::JoinError::is_panic) {
                ended.unwrap();
            }
        }
        self.tally()
    }
}

struct Client {
    name: String,
    address: watch::Receiver<Option<SocketAddr>>,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
}

impl Client {
    async fn run(mut self) {
        let mut connection = None;
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let id = format!("{}-{number}", self.name);
            let body = json!({ "id": id, "content": format!("路灯不亮，第 {id} 号"), "kind": "complaint" });
            self.post_until_acknowledged(&mut connection, &id, &body).await;
        }
    }

    async fn post_until_acknowledged(&mut self, connection: &mut Option<Connection>, id: &str, body: &Value) {
        let (body, bearer) = (body.to_string(), format!("Bearer {TOKEN}"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        loop {
            let Some(mut open) = self.connect(connection.take()).await else { return };
            let from = Instant::now();
            match open.send("POST", "/channels/app", &headers, body.as_bytes()).await {
                Ok(reply) => {
                    let mut tally = self.tally.lock().unwrap();
                    *tally.statuses.entry(reply.status).or_default() += 1;
                    if !open.closing {
                        *connection = Some(open);
                    }
                    if matches!(reply.status, 200 | 201) {
                        let number = reply.json()["number"].as_str().unwrap().to_owned();
                        tally.took.push(from.elapsed());
                        tally.last = Some(Instant::now());
                        tally.numbers.insert(id.to_owned(), number);
                        return;
                    }
                }
                Err(Broken::Refused) => {}
                Err(broken) => self.tally.lock().unwrap().cut.push(format!("{id}: {broken:?}")),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The connection kept, or a new one once the gateway is somewhere. `None`: the load has ended meanwhile.
    async fn connect(&mut self, kept: Option<Connection>) -> Option<Connection> {
        if let Some(kept) = kept.filter(|connection| !connection.is_closed()) {
            return Some(kept);
        }
        loop {
            let address = *self.address.borrow_and_update();
            match address {
                Some(address) => match Connection::open(address).await {
                    Ok(connection) => return Some(connection),
                    Err(_) if self.stop.load(Ordering::Relaxed) => return None,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                },
                None => self.address.changed().await.ok()?,
            }
        }
    }
}

/// Posts each of `bodies` once, over `connections`; every one must be taken. Gives their numbers, in the same order.
pub async fn post_all(address: SocketAddr, bodies: Vec<Value>, connections: usize) -> Vec<String> {
    let bodies = Arc::new(bodies);
    let next = Arc::new(AtomicUsize::new(0));
    let numbers = Arc::new(Mutex::new(vec![String::new(); bodies.len()]));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (bodies, next, numbers) = (Arc::clone(&bodies), Arc::clone(&next), Arc::clone(&numbers));
        tasks.spawn(async move {
            let bearer = format!("Bearer {TOKEN}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let mut connection = Connection::open(address).await.unwrap();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(at) else { return };
                let reply = connection.send("POST", "/channels/app", &headers, body.to_string().as_bytes()).await;
                let reply = reply.unwrap();
                assert_eq!(reply.status, 201, "{}", reply.text());
                numbers.lock().unwrap()[at] = reply.json()["number"].as_str().unwrap().to_owned();
                if connection.closing {
                    connection = Connection::open(address).await.unwrap();
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    Arc::into_inner(numbers).unwrap().into_inner().unwrap()
}
