//! A carrier's gateway (ISMG) that does as it is told: it delivers in any order, again, over any link, and cuts links.

use super::wire::{self, Mo, Mt};
use crate::harness::Site;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

pub const ACCOUNT: &str = "901234";
pub const SECRET: &str = "the-secret-of-the-carrier";
pub const CODE: &str = "1065712345";
/// Unanswered in one direction, on one link.
const WINDOW: usize = 16;

/// What is answered to a SUBMIT.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// This result.
    Result(u32),
    /// Nothing.
    Silence,
    /// The link is cut instead.
    Cut,
}

type Script = Box<dyn Fn(&Mt, usize) -> Answer + Send>;
type Fates = Box<dyn Fn(&Mt, u64) -> Vec<Mo> + Send>;

#[derive(Default)]
pub struct State {
    /// To be delivered, in this order.
    pub queue: VecDeque<Mo>,
    /// Delivered, and answered with 0: how often.
    pub answered: HashMap<u64, usize>,
    /// What was submitted, with its name.
    pub submitted: Vec<(u64, Mt)>,
    /// Log-ins.
    pub log_ins: usize,
    /// Leave was taken.
    pub farewells: usize,
    /// Rules that were broken.
    pub faults: Vec<String>,
    /// Heartbeats that were answered.
    pub pongs: usize,
    links: HashMap<usize, Arc<Notify>>,
    next_link: usize,
    next_id: u64,
    /// What is written to a link as it is.
    garbage: VecDeque<Vec<u8>>,
}

/// A carrier's gateway on a port of its own.
#[derive(Clone)]
pub struct Carrier {
    pub address: SocketAddr,
    pub v3: bool,
    state: Arc<Mutex<State>>,
    script: Arc<Mutex<Script>>,
    reports: Arc<Mutex<Fates>>,
    changed: Arc<Notify>,
}

impl Carrier {
    /// One that takes everything and reports nothing.
    pub async fn start(v3: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let carrier = Self {
            address,
            v3,
            state: Arc::new(Mutex::new(State { next_id: 0x5580_0000_0000_0000, ..State::default() })),
            script: Arc::new(Mutex::new(Box::new(|_, _| Answer::Result(0)))),
            reports: Arc::new(Mutex::new(Box::new(|_, _| Vec::new()))),
            changed: Arc::new(Notify::new()),
        };
        let accepting = carrier.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let carrier = accepting.clone();
                tokio::spawn(async move {
                    let link = carrier.open();
                    let unanswered = Mutex::default();
                    let _ = carrier.talk(stream, link, &unanswered).await;
                    carrier.close(link, unanswered.into_inner().unwrap());
                });
            }
        });
        carrier
    }

    /// The channel in a site's configuration.
    pub fn configure(&self, site: &mut Site, assembly: &str) {
        let version = if self.v3 { "3.0" } else { "2.0" };
        let table = format!(
            "type = \"sms\"\nhotline = \"12345\"\ntransport = \"cmpp\"\nhost = \"127.0.0.1\"\nport = {}\n\
             username = \"{ACCOUNT}\"\npassword = \"{SECRET}\"\nversion = \"{version}\"\nservice_code = \"{CODE}\"\n\
             assembly = {assembly}\nextensions = {{ 01 = \"12319\", 0123 = \"12315\" }}",
            self.address.port()
        );
        site.set("channels.sms", table.parse::<toml::Table>().unwrap());
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on answers submissions so; it is told how many there were before.
    pub fn script(&self, script: impl Fn(&Mt, usize) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// From now on reports so on what it takes, before it answers.
    pub fn report(&self, reports: impl Fn(&Mt, u64) -> Vec<Mo> + Send + 'static) {
        *self.reports.lock().unwrap() = Box::new(reports);
    }

    /// Delivers these, after what is waiting already.
    pub fn deliver(&self, messages: impl IntoIterator<Item = Mo>) {
        self.state().queue.extend(messages);
        self.changed.notify_waiters();
    }

    /// Cuts every link.
    pub fn cut(&self) {
        self.state().links.values().for_each(|link| link.notify_one());
    }

    /// Writes bytes that are no PDU to the next link that is open.
    pub fn spoil(&self, bytes: Vec<u8>) {
        self.state().garbage.push_back(bytes);
        self.changed.notify_waiters();
    }

    pub fn next_id(&self) -> u64 {
        let mut state = self.state();
        state.next_id += 1;
        state.next_id
    }

    /// What the hotline said, in order: to whom, from which code, the text of all parts.
    pub fn said(&self) -> Vec<(String, String, String)> {
        let mut said: Vec<(String, String, String)> = Vec::new();
        for (_, mt) in &self.state().submitted {
            match said.last_mut() {
                Some(last) if mt.header && mt.text[5] > 1 && last.0 == mt.to => last.2 += &mt.said(),
                _ => said.push((mt.to.clone(), mt.from.clone(), mt.said())),
            }
        }
        said
    }

    /// No rule was broken.
    pub fn verify(&self) {
        assert_eq!(self.state().faults, [""; 0]);
    }

    fn open(&self) -> usize {
        let mut state = self.state();
        state.next_link += 1;
        let link = state.next_link;
        state.links.insert(link, Arc::new(Notify::new()));
        link
    }

    /// What was not answered is delivered again.
    fn close(&self, link: usize, unanswered: HashMap<u32, Mo>) {
        let mut state = self.state();
        state.links.remove(&link);
        unanswered.into_values().for_each(|mo| state.queue.push_front(mo));
        drop(state);
        self.changed.notify_waiters();
    }

    fn fault(&self, what: impl Into<String>) {
        self.state().faults.push(what.into());
    }

    async fn talk(&self, stream: TcpStream, link: usize, unanswered: &Mutex<HashMap<u32, Mo>>) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = stream.into_split();
        let cut = self.state().links[&link].clone();
        let frame = read(&mut reader).await?;
        let (command, sequence, body) = wire::opened(&frame);
        assert_eq!(command, wire::CONNECT, "the first PDU");
        let (known, version, proof) = wire::log_in(body, ACCOUNT, SECRET);
        let status = match (known, version == if self.v3 { 0x30 } else { 0x20 }) {
            (false, _) => 3,
            (_, false) => 4,
            _ => 0,
        };
        let welcome = wire::welcome(status, &proof, SECRET, self.v3);
        writer.write_all(&wire::pdu(wire::CONNECT | wire::RESPONSE, sequence, &welcome)).await?;
        if status != 0 {
            self.fault(format!("log-in refused with {status}"));
            return Ok(());
        }
        self.state().log_ins += 1;
        let (frames, mut heard) = tokio::sync::mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok(frame) = read(&mut reader).await {
                if frames.send(frame).await.is_err() {
                    return;
                }
            }
        });
        let mut sequence = 0;
        let mut pinged = Instant::now();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let garbage = self.state().garbage.pop_front();
            if let Some(bytes) = garbage {
                writer.write_all(&bytes).await?;
            }
            while unanswered.lock().unwrap().len() < WINDOW {
                let Some(mo) = self.state().queue.pop_front() else { break };
                sequence += 1;
                let body = mo.body(self.v3);
                unanswered.lock().unwrap().insert(sequence, mo);
                writer.write_all(&wire::pdu(wire::DELIVER, sequence, &body)).await?;
            }
            if pinged.elapsed().as_millis() > 200 {
                pinged = Instant::now();
                writer.write_all(&wire::pdu(wire::ACTIVE_TEST, 0xFFFF_0000, &[])).await?;
            }
            let frame = tokio::select! {
                () = cut.notified() => return Ok(()),
                () = &mut changed => continue,
                () = tokio::time::sleep(std::time::Duration::from_millis(100)) => continue,
                frame = heard.recv() => frame,
            };
            let Some(frame) = frame else { return Ok(()) };
            let (command, number, body) = wire::opened(&frame);
            match command {
                command if command == wire::DELIVER | wire::RESPONSE => {
                    let Some(mo) = unanswered.lock().unwrap().remove(&number) else {
                        self.fault(format!("an answer to nothing: {number}"));
                        continue;
                    };
                    let result = if self.v3 { vec![0; 4] } else { vec![0] };
                    if body != [&mo.id.to_be_bytes()[..], &result].concat() {
                        self.fault(format!("DELIVER_RESP {body:?}"));
                    }
                    *self.state().answered.entry(mo.id).or_default() += 1;
                }
                wire::SUBMIT => {
                    let mt = Mt::read(body, self.v3);
                    let (id, before) = (self.next_id(), self.state().submitted.len());
                    let answer = (self.script.lock().unwrap())(&mt, before);
                    self.state().submitted.push((id, mt.clone()));
                    let result = match answer {
                        Answer::Result(result) => result,
                        Answer::Silence => continue,
                        Answer::Cut => return Ok(()),
                    };
                    if result == 0 {
                        let reports = (self.reports.lock().unwrap())(&mt, id);
                        self.state().queue.extend(reports);
                    }
                    let result = if self.v3 { result.to_be_bytes().to_vec() } else { vec![result as u8] };
                    let body = [&id.to_be_bytes()[..], &result].concat();
                    writer.write_all(&wire::pdu(wire::SUBMIT | wire::RESPONSE, number, &body)).await?;
                }
                wire::ACTIVE_TEST => {
                    writer.write_all(&wire::pdu(wire::ACTIVE_TEST | wire::RESPONSE, number, &[0])).await?;
                }
                command if command == wire::ACTIVE_TEST | wire::RESPONSE => self.state().pongs += 1,
                wire::TERMINATE => {
                    self.state().farewells += 1;
                    writer.write_all(&wire::pdu(wire::TERMINATE | wire::RESPONSE, number, &[])).await?;
                    return Ok(());
                }
                other => self.fault(format!("command {other:#x}")),
            }
        }
    }
}

async fn read(reader: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = reader.read_u32().await? as usize;
    assert!((12..=4_096).contains(&length), "Total_Length {length}");
    let mut rest = vec![0; length - 4];
    reader.read_exact(&mut rest).await?;
    Ok(rest)
}

/// The names of what was delivered.
pub fn ids(messages: &[Mo]) -> HashSet<u64> {
    messages.iter().map(|mo| mo.id).collect()
}
