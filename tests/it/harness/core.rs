//! A core dispatch system that does as it is told, and remembers everything.

use super::{http, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the core does with one event.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, with an empty body.
    Status(u16),
    /// This status, these header lines (each ending in CRLF) and this body.
    With(u16, &'static str, &'static str),
    /// Takes the event and never answers.
    Hang,
    /// Cuts the connection.
    Reset,
    /// Half of an answer, then cuts the connection.
    Half,
    /// Takes the event for good, but its answer is lost.
    Lost,
}

/// One event as it came in.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub at: Instant,
    /// `webhook-id`.
    pub id: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub event: Value,
    /// `Err`: why the Standard Webhooks signature does not hold.
    pub signature: Result<(), String>,
    pub answer: Answer,
}

impl Delivery {
    pub fn subject(&self) -> &str {
        self.event["subject"].as_str().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap_or_default()
    }

    pub fn content(&self) -> &str {
        self.event["data"]["ticket"]["content"].as_str().unwrap_or_default()
    }

    /// The core has it: it said so (409: already), or lost its answer.
    pub fn taken(&self) -> bool {
        match self.answer {
            Answer::Status(status) | Answer::With(status, ..) => (200..300).contains(&status) || status == 409,
            Answer::Lost => true,
            _ => false,
        }
    }
}

type Script = Arc<dyn Fn(&Delivery) -> Answer + Send + Sync>;

struct State {
    script: Script,
    log: Vec<Delivery>,
    /// Nothing is remembered but numbers: there is too much of it.
    forgets: bool,
    /// The tickets that an event was taken of.
    numbers: HashSet<String>,
}

/// A stand-in core on a port of its own.
pub struct Core {
    pub address: SocketAddr,
    pub secret: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Core {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let secret = format!("whsec_{}", STANDARD.encode(b"a secret of twenty-four bytes!"));
        let state = Arc::new(Mutex::new(State {
            script: Arc::new(|_| Answer::Status(200)),
            log: Vec::new(),
            forgets: false,
            numbers: HashSet::new(),
        }));
        let (shared, key) = (Arc::clone(&state), secret.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, key) = (Arc::clone(&shared), key.clone());
                tokio::spawn(async move { serve(stream, &state, &key).await });
            }
        });
        Self { address, secret, state, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// From now on answers as `script` says.
    pub fn script(&self, script: impl Fn(&Delivery) -> Answer + Send + Sync + 'static) {
        self.state.lock().unwrap().script = Arc::new(script);
    }

    /// From now on takes everything, shows it to `witness`, and remembers nothing but the tickets' numbers.
    pub fn witness(&self, witness: impl Fn(&Delivery) + Send + Sync + 'static) {
        self.script(move |delivery| {
            witness(delivery);
            Answer::Status(200)
        });
        self.state.lock().unwrap().forgets = true;
    }

    /// From now on always answers so.
    pub fn always(&self, answer: Answer) {
        self.script(move |_| answer.clone());
    }

    /// Everything that came in, in order.
    pub fn log(&self) -> Vec<Delivery> {
        self.state.lock().unwrap().log.clone()
    }

    /// Everything that came in, in the order of the log: those of several tickets may overtake each other on the way.
    pub fn in_order(&self) -> Vec<Delivery> {
        let mut log = self.log();
        log.sort_by_key(|delivery| delivery.event["sequence"].as_str().unwrap_or_default().to_owned());
        log
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<Delivery> {
        let state = self.state.lock().unwrap();
        state.log.iter().filter(|delivery| delivery.taken()).cloned().collect()
    }

    /// How many attempts came in.
    pub fn attempts(&self) -> usize {
        self.state.lock().unwrap().log.len()
    }

    /// The tickets it has taken an event of.
    pub fn numbers(&self) -> HashSet<String> {
        self.state.lock().unwrap().numbers.clone()
    }

    /// Of how many tickets it has taken an event.
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().numbers.len()
    }

    /// How many of `numbers` it has.
    pub fn has(&self, numbers: &[String]) -> usize {
        let state = self.state.lock().unwrap();
        numbers.iter().filter(|number| state.numbers.contains(*number)).count()
    }

    /// Waits until every one of `numbers` was taken.
    pub async fn has_all<'a>(&self, numbers: impl IntoIterator<Item = &'a String>, within: Duration) {
        let mut missing: Vec<&String> = numbers.into_iter().collect();
        let (wanted, deadline) = (missing.len(), Instant::now() + within);
        until("every acknowledged number at the core", within + Duration::from_secs(1), || {
            let state = self.state.lock().unwrap();
            missing.retain(|number| !state.numbers.contains(*number));
            drop(state);
            let overdue = Instant::now() > deadline && !missing.is_empty();
            assert!(!overdue, "{} of {wanted} did not come in {within:?}, such as {}", missing.len(), missing[0]);
            missing.is_empty().then_some(())
        })
        .await;
    }

    /// Whatever was sent twice was the same, byte for byte, and everything was signed. Gives how often each came.
    pub fn verify(&self) -> HashMap<String, usize> {
        let mut bodies: HashMap<String, (Bytes, usize)> = HashMap::new();
        for delivery in self.log() {
            assert_eq!(delivery.signature, Ok(()), "signature of {}", delivery.id);
            assert_eq!(delivery.event["id"], delivery.id.as_str(), "webhook-id is the event's id");
            let (first, times) = bodies.entry(delivery.id).or_insert((delivery.body.clone(), 0));
            assert_eq!(*first, delivery.body, "sent again with another body");
            *times += usize::from(matches!(delivery.answer, Answer::Status(200..300)));
        }
        bodies.into_iter().map(|(id, (_, times))| (id, times)).collect()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>, secret: &str) {
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    while let Ok(Some(message)) = http::read(&mut stream, &mut buffer).await {
        let mut delivery = Delivery {
            at: Instant::now(),
            id: message.header("webhook-id").unwrap_or_default().to_owned(),
            event: serde_json::from_slice(&message.body).unwrap_or_default(),
            signature: verify(&message, secret),
            headers: message.headers,
            body: message.body,
            answer: Answer::Reset,
        };
        let script = Arc::clone(&state.lock().unwrap().script);
        let answer = script(&delivery);
        delivery.answer = answer.clone();
        {
            let mut state = state.lock().unwrap();
            if delivery.taken() {
                state.numbers.insert(delivery.subject().to_owned());
            }
            if !state.forgets {
                state.log.push(delivery);
            }
        }
        match answer {
            Answer::Status(status) => respond(&mut stream, status, "", "").await,
            Answer::With(status, headers, body) => respond(&mut stream, status, headers, body).await,
            Answer::Hang => std::future::pending().await,
            Answer::Half => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await;
                return;
            }
            Answer::Reset | Answer::Lost => {
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

async fn respond(stream: &mut TcpStream, status: u16, headers: &str, body: &str) {
    let answer = format!("HTTP/1.1 {status} As Told\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, not older or newer than five minutes.
fn verify(message: &http::Message, secret: &str) -> Result<(), String> {
    let header = |name| message.header(name).ok_or(format!("no {name}"));
    let (id, time, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?;
    let sent: u64 = time.parse().map_err(|_| format!("webhook-timestamp {time}"))?;
    if now.as_secs().abs_diff(sent) > 300 {
        return Err(format!("webhook-timestamp {time} is not now"));
    }
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).map_err(|error| error.to_string())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&message.body);
    let want = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let holds = signatures.split(' ').any(|signature| signature == want);
    holds.then_some(()).ok_or(format!("{signatures} is not {want}"))
}
