//! Channels that do not call us over HTTP: sessions that we hold, and ports on which channels connect to us. The loops
//! are here, once for all connectors: open, accept through the one door, acknowledge, back off, stop.

use crate::{
    channels::{Channel, Channels},
    intake::Intake,
    look_up::look_up,
    nodes::{self, Node},
    store::Store,
};
use async_trait::async_trait;
use futures_util::future::join_all;
use jiesu_connector::{Door, Inbound, Incoming, Listener, Lost, Question, Receipt, Refusal, Session, Source};
use jiff::Timestamp;
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

mod standing;
#[cfg(test)]
mod tests;

use standing::Standing;

/// The first wait before a lost session is opened again; doubled each time, to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A session that lasted so long was a good one: if it is lost, the next is opened soon.
const STEADY: Duration = Duration::from_secs(10);
/// Between looks whether an operator has stopped the channel, or started it again.
const PAUSED: Duration = Duration::from_secs(5);
/// How often a held session is looked at from outside.
const LOOK: Duration = Duration::from_secs(1);
/// Who takes a session over, or up again after a pause, is given so long to hear from it.
const SETTLED: Duration = Duration::from_secs(10);
/// Connections to one listening channel at a time.
const CONNECTIONS: usize = 256;
/// A log-in, at most; and telling the channel that a batch is on disk.
const LOG_IN: Duration = Duration::from_secs(30);
const ACKNOWLEDGE: Duration = Duration::from_secs(15);
/// For the store, in a session: carriers wait a minute, and a slow disk is no reason to be sent everything again.
const STORE: Duration = Duration::from_secs(40);
/// How long taking leave may take.
const LEAVE: Duration = Duration::from_secs(2);

/// The running loops.
pub struct Sources(JoinSet<()>);

impl Sources {
    /// Waits until all have stopped.
    pub async fn finish(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// What a loop works with.
#[derive(Clone)]
pub struct Way {
    /// The one door.
    pub intake: Arc<Intake>,
    /// For what citizens ask over a session.
    pub store: Arc<dyn Store>,
}

/// Starts a loop for each channel that needs one: the ports here, the sessions where this node holds the channel. Those
/// over which answers leave go with the answers: see [`speaking`].
pub fn start(channels: &Channels, way: &Way, node: &Node, stop: &CancellationToken) -> Sources {
    let mut tasks = JoinSet::new();
    for channel in channels.values() {
        let (channel, way, stop) = (channel.clone(), way.clone(), stop.clone());
        match &channel.parts.inbound {
            Inbound::Push(_) => {}
            Inbound::Pull(_) => {
                let Some(resource) = channel.resource().filter(|resource| *resource != nodes::REPLIES) else {
                    continue;
                };
                let role = node.role(&resource);
                let work = role.run(stop, move |_, stop| {
                    let sessions = Sessions::open(channel.clone(), &way, &stop);
                    sessions.finish()
                });
                tasks.spawn(work);
            }
            Inbound::Listen(_) => drop(tasks.spawn(async move { listen(channel, way.intake, stop).await })),
        }
    }
    Sources(tasks)
}

/// Holds the sessions over which answers leave, until `stop`; to be called in the runtime that takes messages in.
pub fn speaking(channels: &Channels, way: &Way, stop: &CancellationToken) -> impl Future<Output = ()> + Send + use<> {
    let speaks = |channel: &&Arc<Channel>| channel.resource().as_deref() == Some(nodes::REPLIES);
    let sessions: Vec<Sessions> =
        channels.values().filter(speaks).map(|channel| Sessions::open(channel.clone(), way, stop)).collect();
    async move { drop(join_all(sessions.into_iter().map(Sessions::finish)).await) }
}

/// The sessions of one channel; cut off when dropped.
struct Sessions {
    channel: Arc<Channel>,
    tasks: JoinSet<()>,
}

impl Sessions {
    fn open(channel: Arc<Channel>, way: &Way, stop: &CancellationToken) -> Self {
        let mut tasks = JoinSet::new();
        let Inbound::Pull(source) = &channel.parts.inbound else { return Self { channel, tasks } };
        let standing = Arc::<Standing>::default();
        for session in 0..source.sessions().max(1) {
            let (channel, standing, way, stop) = (channel.clone(), standing.clone(), way.clone(), stop.clone());
            tasks.spawn(async move { pull((&channel, &standing), session, &way, stop).await });
        }
        Self { channel, tasks }
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        // What keeps messages from coming is another node's to say from now on.
        self.channel.set_trouble(None);
    }
}

/// Holds one session at a time; of a channel with several, one of them.
async fn pull((channel, standing): (&Channel, &Standing), session: usize, way: &Way, stop: CancellationToken) {
    let Inbound::Pull(source) = &channel.parts.inbound else { return };
    let mut wait = FIRST;
    // Since when the session is ours to hold.
    let mut since = None;
    while !stop.is_cancelled() {
        if channel.is_paused() {
            since = None;
            standing.rest();
            if session == 0 {
                channel.set_trouble(None);
            }
            pause(&stop, PAUSED).await;
            continue;
        }
        let held = async {
            if let Err(lost) = hold((channel, standing), source.as_ref(), way, &stop, &mut wait).await {
                standing.lost(Instant::now(), &lost.why);
                metrics::counter!("jiesu_sessions_lost_total", "channel" => channel.id.to_string()).increment(1);
                tracing::warn!(
                    channel = &*channel.id,
                    why = lost.why,
                    "the channel's session is lost; it is opened again"
                );
                pause(&stop, lost.retry_after.unwrap_or(jittered(wait))).await;
                wait = (wait * 2).min(LONGEST);
            }
        };
        tokio::select! {
            () = held => {}
            () = watch((channel, standing), source.as_ref(), *since.get_or_insert_with(Instant::now)), if session == 0 => {}
        }
    }
}

/// Sees whether messages come, whatever the session is waiting for. Never ends.
async fn watch((channel, standing): (&Channel, &Standing), source: &dyn Source, since: Instant) {
    loop {
        sleep(LOOK).await;
        if since.elapsed() > SETTLED {
            channel.set_trouble(source.trouble().or_else(|| standing.trouble(Instant::now())));
        }
    }
}

/// Up to a quarter less, so that not all who lost the same far side come back at once.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness they do.
    let _ = getrandom::fill(&mut random);
    wait.mul_f64(1.0 - f64::from(random[0]) / 1024.0)
}

fn lost(why: &str) -> Lost {
    Lost { why: why.into(), retry_after: None }
}

async fn pause(stop: &CancellationToken, wait: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(wait) => {}
    }
}

/// One session, from its login to its end.
async fn hold(
    (channel, standing): (&Channel, &Standing),
    source: &dyn Source,
    Way { intake, store }: &Way,
    stop: &CancellationToken,
    wait: &mut Duration,
) -> Result<(), Lost> {
    let mut session: Box<dyn Session> = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        opened = timeout(LOG_IN, source.open()) => opened.unwrap_or_else(|_| Err(lost("no answer to the log-in")))?,
    };
    let opened_at = Instant::now();
    // Whoever lets us in is there: a session that is lost again and again is not waited for as long as a log-in.
    *wait = (*wait).min(STEADY / 2);
    let mut look = tokio::time::interval(PAUSED);
    let mut proven = None;
    loop {
        let batch = {
            // One wait, however often is looked meanwhile: a large batch may take long to arrive.
            let mut next = pin!(session.next());
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break None,
                    _ = look.tick() => {
                        if channel.is_paused() {
                            break None;
                        }
                        if opened_at.elapsed() > STEADY {
                            proven.get_or_insert_with(|| standing.proven());
                        }
                    }
                    batch = &mut next => break Some(batch),
                }
            }
        };
        if opened_at.elapsed() > STEADY {
            *wait = FIRST;
        }
        for (reason, count) in session.rejected() {
            intake.rejected_many(channel, reason, count);
        }
        let Some(batch) = batch.transpose()? else { break };
        if batch.messages.is_empty() {
            continue;
        }
        channel.last_received.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
        match intake.accept_within(STORE, channel, batch.messages).await {
            Ok(receipts) => {
                proven.get_or_insert_with(|| standing.proven());
                let hung = async {
                    tokio::select! {
                        () = sleep(ACKNOWLEDGE) => {}
                        () = async { stop.cancelled().await; sleep(LEAVE).await } => {}
                    }
                };
                tokio::select! {
                    told = session.acknowledge(batch.id, &receipts) => told?,
                    () = hung => return Err(lost("no answer to an acknowledgement")),
                }
                *wait = FIRST;
                for Question { sender, number, answer } in session.questions() {
                    let found = look_up(store.as_ref(), channel, &sender, number.as_deref()).await;
                    answer(found.as_deref().map_err(|refusal| *refusal));
                }
            }
            // Not acknowledged, so it comes again; with a new session, if this one counts it as given.
            Err(refusal) => {
                let refused = timeout(ACKNOWLEDGE, session.refuse(batch.id, refusal)).await;
                if let Err(lost) = refused.unwrap_or_else(|_| Err(lost("no end of a refusal"))) {
                    let _ = timeout(LEAVE, session.close()).await;
                    return Err(lost);
                }
            }
        }
    }
    let _ = tokio::time::timeout(LEAVE, session.close()).await;
    Ok(())
}

/// The door, for one connection; counts who stands in it.
struct Threshold {
    channel: Arc<Channel>,
    intake: Arc<Intake>,
    inside: AtomicUsize,
    left: Notify,
}

#[async_trait]
impl Door for Threshold {
    async fn accept(&self, messages: Vec<Incoming>) -> Result<Vec<Receipt>, Refusal> {
        if self.channel.is_paused() {
            return Err(Refusal::Unavailable { retry_after: LONGEST });
        }
        self.inside.fetch_add(1, Ordering::SeqCst);
        self.channel.last_received.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
        let outcome = self.intake.accept(&self.channel, messages).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.left.notify_one();
        outcome
    }
}

/// Takes connections, each a conversation of its own.
async fn listen(channel: Arc<Channel>, intake: Arc<Intake>, stop: CancellationToken) {
    let Inbound::Listen(listener) = &channel.parts.inbound else { return };
    let port = loop {
        match TcpListener::bind(listener.address()).await {
            Ok(port) => break port,
            Err(error) => {
                tracing::error!(alarm = true, channel = &*channel.id, %error, "cannot listen on {}", listener.address());
                channel.set_trouble(Some(format!("cannot listen on {}: {error}", listener.address())));
                pause(&stop, LONGEST).await;
                if stop.is_cancelled() {
                    return;
                }
            }
        }
    };
    channel.set_trouble(None);
    let address = port.local_addr().map_or_else(|_| listener.address().to_string(), |address| address.to_string());
    tracing::info!(channel = &*channel.id, "the channel listens on {address}");
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut guests = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = guests.join_next(), if !guests.is_empty() => continue,
            accepted = accept(&port, &seats), if !channel.is_paused() => accepted,
            () = sleep(FIRST), if channel.is_paused() => continue,
        };
        match accepted {
            Ok((stream, peer, seat)) => {
                let (channel, intake, stop) = (channel.clone(), intake.clone(), stop.clone());
                guests.spawn(async move {
                    let _seat = seat;
                    converse(channel, intake, stream, peer, stop).await;
                });
            }
            Err(_) => pause(&stop, Duration::from_millis(100)).await,
        }
    }
    drop(port);
    while guests.join_next().await.is_some() {}
}

async fn accept(
    port: &TcpListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let seat = seats.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = port.accept().await?;
    Ok((stream, peer, seat))
}

/// Talks until the client leaves; at the stop, until nobody stands in the door.
async fn converse(
    channel: Arc<Channel>,
    intake: Arc<Intake>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let Inbound::Listen(listener) = &channel.parts.inbound else { return };
    let listener: &dyn Listener = listener.as_ref();
    let door = Threshold { channel: channel.clone(), intake, inside: AtomicUsize::new(0), left: Notify::new() };
    let talk = listener.talk(Box::new(stream), peer, &door);
    tokio::pin!(talk);
    tokio::select! {
        _ = &mut talk => return,
        () = stop.cancelled() => {}
    }
    if door.inside.load(Ordering::SeqCst) > 0 {
        // The answer still has to be said, so the talk goes on until the door has given it and a moment longer.
        let answered = async {
            door.left.notified().await;
            sleep(Duration::from_millis(200)).await;
        };
        tokio::select! {
            _ = &mut talk => {}
            () = answered => {}
        }
    }
}
