//! The gateway as a whole: opens the store, starts each step of the line, serves, and stops in good order.

mod key;
mod parts;
mod tasks;
mod told;

pub use key::receipt_key;
pub use parts::channels;
use parts::{look, rate};
use tasks::{advise, answer, flush, tell};

use crate::{
    admin::{self, Admin},
    background::Background,
    citizens::Citizens,
    clock::Clock,
    config::Loaded,
    days::{Alarm, Days},
    delivery::{self, Post},
    event::Events,
    files::{Files, Spool},
    intake::Intake,
    issue::{Incidents, Issuer},
    media::Fetcher,
    nodes::{self, News, Node, Standings, Term},
    public::{self, Public, Tries},
    registry::Registry,
    repeats::Repeats,
    reply::Replies,
    revise::Reviser,
    server::{self, Caps, Settings},
    shared::{self, SharedLimiter},
    sources::{self, Way},
    store::{OpenError, Opened, Store, StoreError},
};
use jiff::Timestamp;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// From the order to stop: when what is still under way behind the door is left as it is. It is on the disk, and goes on
/// after the next start.
const LINE_ENDS: Duration = Duration::from_millis(8_000);
/// From the order to stop: when the store is left to itself, if its disk does not answer.
const ALL_ENDS: Duration = Duration::from_millis(9_500);

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address cannot be listened on.
    #[error("{key}: cannot listen on {address}: {error}")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The store cannot be opened.
    #[error("store.url")]
    Open(#[from] OpenError),
    /// The store's key cannot be read or made.
    #[error("{path}: {error}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong.
        error: io::Error,
    },
    /// The nodes of one store must have one key.
    #[error("store.key: the node {0} runs with another one; give all nodes the same, or stop them all to change it")]
    OtherKey(String),
    /// The system gives no threads.
    #[error("the system gives no threads: {0}")]
    Threads(io::Error),
    /// The store failed at the start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A destination cannot be delivered to.
    #[error("{0}: {1}")]
    Destination(String, delivery::BadDestination),
    /// The channels cannot be built for the address that was bound.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Channels(Vec<crate::config::Fault>),
}

/// The recorder of the process's metrics; the first call installs it.
fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        let jobs = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_jobs".into()), &jobs));
        // The lists above are not empty, which is all that could be wrong with them.
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        let _ = metrics::set_global_recorder(recorder);
        handle
    };
    HANDLE.get_or_init(install).clone()
}

/// Runs the gateway until `stop`; then takes nothing new, finishes what is under way and returns.
///
/// # Errors
/// [`RunError`], before anything was accepted.
pub async fn run(mut loaded: Loaded, registry: &Registry, stop: CancellationToken) -> Result<(), RunError> {
    let metrics = recorder();
    // The second call finds the first one's provider, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = &loaded.config;
    let public_listener = bind("server.listen", config.server.listen).await?;
    let admin_listener = bind("admin.listen", config.admin.listen).await?;
    let bound = |listener: &TcpListener, asked: SocketAddr| listener.local_addr().unwrap_or(asked);
    let public_at = bound(&public_listener, config.server.listen);
    let admin_at = bound(&admin_listener, config.admin.listen);
    let public_url = config.server.public_url(public_at);
    if config.server.listen.port() == 0 {
        loaded.rebuild(registry, &public_url).map_err(RunError::Channels)?;
    }

    let Opened { store, line: line_store } = loaded.secrets.store.open().await?;
    let outcome = serve(
        &mut loaded,
        registry,
        store.clone(),
        line_store,
        metrics,
        (public_listener, public_at),
        (admin_listener, admin_at),
        public_url,
        stop,
    )
    .await;
    if outcome.is_err() {
        // Nothing was served; the first fault is the one to tell.
        let _ = store.close().await;
    }
    outcome
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|error| RunError::Listen { key, address, error })
}

#[allow(clippy::too_many_arguments)]
async fn serve(
    loaded: &mut Loaded,
    registry: &Registry,
    store: Arc<dyn Store>,
    line_store: Arc<dyn Store>,
    metrics: PrometheusHandle,
    (public_listener, public_at): (TcpListener, SocketAddr),
    (admin_listener, admin_at): (TcpListener, SocketAddr),
    public_url: String,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let key = receipt_key(loaded)?;
    if let Some(node) = nodes::other_key(&*store, &key).await? {
        return Err(RunError::OtherKey(node));
    }
    loaded.outside.seal.set(key.clone());
    let channels = Arc::new(channels(loaded, registry));
    for id in store.paused_channels().await? {
        if let Some(channel) = channels.get(id.as_str()) {
            channel.paused.store(true, Ordering::Relaxed);
        }
    }
    told::hold_back(loaded, store.as_ref()).await?;
    let hotlines = Arc::new(loaded.hotlines.clone());
    let paused_destinations = store.paused_destinations().await?;
    let config = &loaded.config;
    let zone = config.server.timezone.get().clone();
    let events = Events { source: config.server.source() };
    let files = Files::new(config.store.files.path().to_owned());
    files.warn();
    let spool = Spool::new(files.clone());
    let arrived = Arc::new(Notify::new());
    let (issued, newest) = watch::channel(store.last_event().await?);
    // Before anything is looked at: what other nodes do from here on is heard.
    let signals = store.signals();
    let node = Arc::new(Node::new(&store));
    // Before anything is accepted; whoever shares the store with others asks again now and then.
    let clock = Clock::default();
    if node.is_shared() {
        clock.set_by(&*store).await?;
    }
    let issuer_alive_at = Arc::new(AtomicI64::new(Timestamp::now().as_millisecond()));
    let limits = loaded.secrets.repeats_url.as_ref().and_then(|url| shared::Redis::new(url).ok());
    let limits = limits.map(|redis| (Arc::new(redis), key.clone()));
    let reply_due = Arc::new(Notify::new());
    let redis = limits.as_ref().map(|(redis, _)| redis.clone());
    let shared_by_nodes = limits.is_some();
    let intake = Intake::new(store.clone(), key.clone(), zone.clone(), arrived.clone())
        .with_outbox(reply_due.clone())
        .with_clock(clock.clone())
        .with_citizens(SharedLimiter::new(rate(&config.limits.per_citizen), "citizen", limits.clone()));
    let intake = Arc::new(intake);

    // Stopped by its own token, once the stop is said: what is accepted after that waits on the disk.
    let line_stop = CancellationToken::new();
    let mut line = JoinSet::new();
    let reviser = Reviser { store: store.clone(), events, issued, zone: zone.clone(), clock: clock.clone() };
    let admin_reviser = reviser.clone();
    let media_due = Arc::new(Notify::new());
    let repeats = Arc::new(Repeats::configured(loaded));
    let citizens = Arc::new(Citizens::default());
    let incidents = Arc::new(Incidents::new(config.repeats.surge));
    let issuer = Issuer {
        reviser: Reviser { store: line_store, ..reviser.clone() },
        aside: store.clone(),
        channels: channels.clone(),
        hotlines: hotlines.clone(),
        files: files.clone(),
        key: key.clone(),
        public_url: public_url.clone(),
        arrived: arrived.clone(),
        media_due: media_due.clone(),
        reply_due: reply_due.clone(),
        repeats: repeats.clone(),
        citizens: citizens.clone(),
        incidents: incidents.clone(),
        decided: Arc::default(),
        judgement: Arc::new(loaded.judgement.clone()),
        words: loaded.outside.words.clone(),
        alive_at: issuer_alive_at.clone(),
        term: Term::for_ever(),
    };
    let fetcher = Arc::new(Fetcher {
        reviser: reviser.clone(),
        channels: channels.clone(),
        files: files.clone(),
        key: key.clone(),
        public_url: public_url.clone(),
        due: media_due.clone(),
    });
    let replies = Arc::new(Replies {
        reviser: reviser.clone(),
        channels: channels.clone(),
        key: key.clone(),
        due: reply_due.clone(),
        under_way: Mutex::default(),
    });
    let alarm = Alarm::default();
    let days = Days {
        store: store.clone(),
        intake: intake.clone(),
        zone: zone.clone(),
        clock,
        config: config.reconciliation,
        alarm: alarm.clone(),
    };
    let background = Background::start().map_err(RunError::Threads)?;
    let way = Way { intake: intake.clone(), store: store.clone() };
    let mut destinations = BTreeMap::new();
    {
        let _there = background.handle().map(Handle::enter);
        let issue = move |term, stop| issuer.in_term(term).run(stop);
        let issuing = node.role(nodes::LINE).run(line_stop.clone(), issue);
        line.spawn(background.alone("issue", issuing).map_err(RunError::Threads)?);
        let fetch = move |_, stop| fetcher.clone().run(stop);
        line.spawn(node.role(nodes::MEDIA).run(line_stop.clone(), fetch));
        line.spawn(advise(redis.clone(), line_stop.clone()));
        line.spawn(flush(intake.clone(), line_stop.clone()));
        line.spawn(days.run(line_stop.clone()));
        line.spawn(spool.clone().run(store.clone(), !node.is_shared(), line_stop.clone()));
        for mut destination in told::destinations(loaded) {
            let name = destination.name.clone();
            destination.paused = paused_destinations.contains(&name);
            let post = Post { role: node.role(&nodes::to(&name)), desk: Some(store.clone()) };
            let worker = delivery::start(store.clone(), destination, post, newest.clone(), line_stop.clone())
                .map_err(|error| RunError::Destination(name.clone(), error))?;
            destinations.insert(name, worker);
        }
    }
    let sources = sources::start(&channels, &way, &node, &stop);
    let (handles, joins): (BTreeMap<_, _>, Vec<_>) =
        destinations.into_iter().map(|(name, worker)| ((name, worker.handle), worker.join)).unzip();
    line.spawn(answer(&node, replies, (channels.clone(), way), background.handle(), line_stop.clone()));
    let standings = Arc::new(Standings {
        node: node.clone(),
        store: store.clone(),
        since: Timestamp::now(),
        channels: channels.clone(),
        destinations: handles,
        key: nodes::sign_of(&key),
        marked: AtomicBool::new(false),
    });
    if let Some(signals) = signals {
        let news = Arc::new(News {
            node: node.clone(),
            reviser: reviser.clone(),
            arrived: arrived.clone(),
            reply_due: reply_due.clone(),
            media_due,
            channels: channels.clone(),
            standings: standings.clone(),
            citizens: citizens.clone(),
            incidents: incidents.clone(),
            repeats: repeats.clone(),
            hotlines: hotlines.clone(),
            files: files.clone(),
            carrying_out: tokio::sync::Mutex::default(),
        });
        line.spawn(news.clone().listen(signals, line_stop.clone()));
        line.spawn(news.look(line_stop.clone()));
    } else {
        line.spawn(tell(reviser.clone(), line_stop.clone()));
    }

    let public_state = Public {
        store: store.clone(),
        intake: intake.clone(),
        channels: channels.clone(),
        files: files.clone(),
        spool,
        key: key.clone(),
        reviser,
        reply_due,
        zone: zone.clone(),
        core_token: loaded.secrets.core_token.clone(),
        max_body: config.server.max_body.bytes(),
        per_address: SharedLimiter::new(rate(&config.limits.address()), "address", limits.clone()),
        keyed_by_address: config.limits.per_address.is_some(),
        per_key: SharedLimiter::new(rate(&config.limits.per_key), "key", limits),
        body_budget: Public::body_budget(),
        asides: Public::asides(),
        look: look(loaded),
        public_url: public_url.clone(),
        categories: loaded.judgement.categories.clone(),
        tries: Tries::new(shared_by_nodes.then(|| (loaded.outside.shared.clone(), key.clone()))),
    };
    let admin_state = Admin {
        store: store.clone(),
        intake: intake.clone(),
        channels,
        standings,
        hotlines,
        files,
        key,
        public_url,
        zone,
        arrived,
        issued: newest,
        reviser: admin_reviser,
        alarm,
        repeats,
        redis,
        citizens,
        incidents,
        issuer_alive_at,
        metrics,
        token: loaded.secrets.admin_token.clone(),
        loopback: admin_at.ip().is_loopback(),
        stop: stop.clone(),
    };
    let caps = Caps { connections: config.server.max_connections.get() as usize, ..Caps::default() };
    let settings = |name| Settings { name, caps, proxies: loaded.config.server.trusted_proxies.clone() };
    let public_app = || public::routes(Arc::new(public_state));
    let admin_app = || admin::routes(Arc::new(admin_state));
    loaded.secrets.store.announce(admin_at);
    tracing::info!(listener = "public", "listening on {public_at}");
    tracing::info!(listener = "admin", "listening on {admin_at}");
    let admin_serving = tokio::spawn(server::serve(admin_listener, admin_app, settings("admin"), stop.clone()));
    let public_serving = tokio::spawn(server::serve(public_listener, public_app, settings("public"), stop.clone()));

    stop.cancelled().await;
    let stopped_at = Instant::now();
    tracing::info!("stopping: nothing new is taken, what is under way is finished");
    // New deliveries stop at once; what is accepted meanwhile is on the disk and goes out after the next start.
    line_stop.cancel();
    let _ = public_serving.await;
    let _ = admin_serving.await;
    let rest = async {
        sources.finish().await;
        for join in joins {
            let _ = join.await;
        }
        while line.join_next().await.is_some() {}
    };
    if timeout_at(stopped_at + LINE_ENDS, rest).await.is_err() {
        tracing::warn!("a channel or a destination did not answer; what was under way goes on after the next start");
    }
    let last_writes = async {
        let _ = intake.flush().await;
        store.close().await
    };
    let closed = timeout_at(stopped_at + ALL_ENDS, last_writes).await;
    closed.unwrap_or_else(|_| Err(StoreError::Unavailable("the disk does not answer".into())))?;
    tracing::info!("stopped");
    Ok(())
}
