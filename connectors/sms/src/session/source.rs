//! Sessions as the gateway sees them: what comes in, and the answer once it is on the disk.

use super::{
    Dialect, Exchange,
    link::{Link, Say},
};
use crate::{
    courier::Courier,
    short::{self, Rules, Short, keys},
};
use async_trait::async_trait;
use bytes::Bytes;
use jiesu_connector::{
    Ask, Batch, Incoming, Lost, Probe, Question, Raw, Receipt, Refusal, Session, Source, Stream, Words, digest,
};
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

/// Messages stored in one transaction.
const TOGETHER: usize = 64;
/// After the store could not take a batch.
const AGAIN: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(10);

/// Where a message centre is.
pub(crate) struct Account {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Over TLS.
    pub tls: Option<tokio_rustls::TlsConnector>,
    /// Links at the same time.
    pub links: usize,
}

impl Account {
    /// A connection.
    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let Self { host, port, .. } = self;
        let stream = match timeout(CONNECT, TcpStream::connect((host.as_str(), *port))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("cannot connect to {host} port {port}: {error}")),
            Err(_) => {
                return Err(format!("no connection to {host} port {port} in time; does a firewall stand between?"));
            }
        };
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = rustls::pki_types::ServerName::try_from(host.clone()).map_err(|_| format!("{host} is no name"))?;
        match timeout(CONNECT, tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(format!("TLS with {host} fails: {error}")),
            Err(_) => Err(format!("no TLS with {host} in time; does it speak TLS on port {port}?")),
        }
    }
}

/// A message centre: everything that its sessions and its answers share.
pub(crate) struct Centre {
    /// Where it is.
    pub account: Account,
    /// What it speaks.
    pub dialect: Arc<dyn Dialect>,
    /// What the configuration says of messages.
    pub rules: Rules,
    /// What is said, and what citizens say.
    pub words: Arc<Words>,
    /// The open links.
    pub exchange: Arc<Exchange>,
    /// What is said by itself.
    pub courier: Arc<Courier>,
}

impl Centre {
    /// A delivery on its way through the door. What cannot be read goes as it is: nobody loses it, and an operator sees it.
    /// `session` is told from others by its name: sequences begin anew with each.
    fn incoming(&self, session: u64, frame: &Bytes, now: Timestamp) -> (Incoming, Option<(Short, Option<Ask>)>) {
        let media_type = self.dialect.media_type();
        let Ok(short) = self.dialect.read(frame) else {
            let digest = digest([&frame[..]]);
            let raw = Raw { media_type: media_type.into(), meta: Default::default(), body: frame.clone() };
            let keys = keys("pdu", Duration::from_secs(600), &short::hex(&digest), now);
            return (Incoming { raw, keys, digest, sender: None, hotline: None, joins: false, receipt: false }, None);
        };
        let header = self.dialect.limits().header;
        let sequence = frame.get(header - 4..header).unwrap_or_default();
        let name = format!("{session:x}/{}", short::hex(sequence));
        let (mut incoming, ask) = short.incoming(&self.rules, &self.words, media_type, frame.clone(), Some(&name), now);
        self.courier.heard(&short, &mut incoming);
        (incoming, Some((short, ask)))
    }
}

/// The gateway's way to a centre.
pub(crate) struct LogIn(pub Arc<Centre>);

#[async_trait]
impl Source for LogIn {
    async fn open(&self) -> Result<Box<dyn Session>, Lost> {
        let centre = Arc::clone(&self.0);
        let lost = |why: String| Lost { why: format!("{}: {why}", centre.dialect.name()), retry_after: None };
        let stream = centre.account.connect().await.map_err(lost)?;
        // Registered only now: nothing is ordered over a link that is not logged in.
        let (ready, orders) = super::exchange::pair();
        let link = Link::open(stream, Arc::clone(&centre.dialect), orders).await.map_err(lost)?;
        centre.exchange.connect(ready);
        centre.courier.start(&centre.exchange);
        let name = RandomState::new().build_hasher().finish();
        Ok(Box::new(Open { centre, link, name, next: 0, given: VecDeque::new(), again: None, questions: Vec::new() }))
    }

    fn sessions(&self) -> usize {
        self.0.account.links
    }
}

#[async_trait]
impl Probe for LogIn {
    async fn probe(&self) -> Result<(), String> {
        let stream = self.0.account.connect().await?;
        let (_ready, orders) = super::exchange::pair();
        Link::open(stream, Arc::clone(&self.0.dialect), orders).await?.leave().await;
        Ok(())
    }
}

/// One open session.
struct Open {
    centre: Arc<Centre>,
    link: Link,
    name: u64,
    next: u64,
    /// Batches that the door has.
    given: VecDeque<(u64, Vec<Given>)>,
    /// What the store could not take, and when it is asked again. Nothing else is taken meanwhile: what the centre may
    /// have unanswered is its window, and so it waits.
    again: Option<(Instant, Vec<Bytes>)>,
    questions: Vec<Question>,
}

struct Given {
    frame: Bytes,
    said: Option<(Short, Option<Ask>)>,
}

impl Open {
    fn batch(&mut self, frames: Vec<Bytes>) -> Batch {
        let now = Timestamp::now();
        let (messages, given) = frames
            .into_iter()
            .map(|frame| {
                let (incoming, said) = self.centre.incoming(self.name, &frame, now);
                (incoming, Given { frame, said })
            })
            .unzip();
        self.next += 1;
        self.given.push_back((self.next, given));
        Batch { id: self.next, messages }
    }

    fn given(&mut self, batch: u64) -> Vec<Given> {
        let place = self.given.iter().position(|(id, _)| *id == batch);
        place.and_then(|place| self.given.remove(place)).map(|(_, given)| given).unwrap_or_default()
    }

    async fn say(&mut self, pdu: Bytes) -> Result<(), Lost> {
        match self.link.answers.send(Say::Answer(pdu)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Lost { why: self.link.why().await, retry_after: None }),
        }
    }
}

#[async_trait]
impl Session for Open {
    async fn next(&mut self) -> Result<Batch, Lost> {
        if let Some((at, _)) = &self.again {
            sleep_until(*at).await;
        }
        if let Some((_, frames)) = self.again.take() {
            return Ok(self.batch(frames));
        }
        let Some(first) = self.link.inbox.recv().await else {
            return Err(Lost { why: self.link.why().await, retry_after: None });
        };
        let mut frames = vec![first];
        while frames.len() < TOGETHER {
            let Ok(frame) = self.link.inbox.try_recv() else { break };
            frames.push(frame);
        }
        Ok(self.batch(frames))
    }

    async fn acknowledge(&mut self, batch: u64, receipts: &[Receipt]) -> Result<(), Lost> {
        let given = self.given(batch);
        for Given { frame, .. } in &given {
            let answer = self.centre.dialect.take(frame);
            self.say(answer).await?;
        }
        // The far side has its answers; what the citizens get is said beside, and never holds up the next delivery.
        for (Given { said, .. }, receipt) in given.into_iter().zip(receipts) {
            let Some((short, ask)) = said.filter(|_| !receipt.redelivery) else { continue };
            let question = self.centre.courier.told(&short, ask, receipt, &self.centre.rules.service_code);
            self.questions.extend(question);
        }
        Ok(())
    }

    async fn refuse(&mut self, batch: u64, _: Refusal) -> Result<(), Lost> {
        let given = self.given(batch);
        let mut again = Vec::with_capacity(given.len());
        for Given { frame, .. } in given {
            match self.centre.dialect.defer(&frame) {
                Some(answer) => self.say(answer).await?,
                None => again.push(frame),
            }
        }
        self.again = (!again.is_empty()).then(|| (Instant::now() + AGAIN, again));
        Ok(())
    }

    fn questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    async fn close(self: Box<Self>) {
        self.link.leave().await;
    }
}
