//! The operators' listener: console, admin API, health and metrics.

mod audit;
mod channels;
mod citizens;
mod console;
mod decide;
mod deliveries;
mod destinations;
mod feed;
mod guard;
pub mod handed;
mod health;
mod links;
mod nodes;
mod overview;
mod parity;
mod quarantine;
mod query;
mod reconciliation;
mod tickets;

use crate::{
    channels::Channels,
    citizens::Citizens,
    config::Hotlines,
    days::Alarm,
    files::Files,
    intake::Intake,
    issue::Incidents,
    nodes::{LINE, Node, REINDEX, Standings},
    number::ReceiptKey,
    openapi,
    repeats::{Away, Repeats},
    revise::Reviser,
    server::problem::{Http, with_fallbacks, with_problems},
    shared,
    store::{Sequence, Store, StoreError},
};
use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use jiesu_connector::{Problem, Secret};
use jiff::tz::TimeZone;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// What the operators' routes need.
pub struct Admin {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The one door, for the counts of what it rejected.
    pub intake: Arc<Intake>,
    /// The channels.
    pub channels: Arc<Channels>,
    /// The destinations' workers, and how all nodes stand.
    pub standings: Arc<Standings>,
    /// The register of hotlines.
    pub hotlines: Arc<Hotlines>,
    /// Attachments.
    pub files: Files,
    /// For links.
    pub key: ReceiptKey,
    /// The public address, for links.
    pub public_url: String,
    /// The city's time.
    pub zone: TimeZone,
    /// Told of messages that go back into the line.
    pub arrived: Arc<Notify>,
    /// Tells of new events.
    pub issued: watch::Receiver<Sequence>,
    /// What still waits shortly before the day ends.
    pub alarm: Alarm,
    /// Changes tickets.
    pub reviser: Reviser,
    /// The repeat index.
    pub repeats: Arc<Repeats>,
    /// What nodes share, if that is in Redis.
    pub redis: Option<Arc<shared::Redis>>,
    /// How incidents grow.
    pub incidents: Arc<Incidents>,
    /// Who is whom, as the line remembers it.
    pub citizens: Arc<Citizens>,
    /// When the issuer last completed a round.
    pub issuer_alive_at: Arc<AtomicI64>,
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// The operators' token.
    pub token: Option<Secret>,
    /// It listens on a loopback address.
    pub loopback: bool,
    /// The gateway stops.
    pub stop: CancellationToken,
}

impl Admin {
    fn node(&self) -> &Node {
        &self.standings.node
    }

    /// The repeat index is built anew as soon as the line has time, wherever that is.
    async fn reindex(&self) -> Result<(), StoreError> {
        if self.node().holds(LINE) {
            self.repeats.rebuild();
            self.arrived.notify_one();
            return Ok(());
        }
        self.store.order(LINE, REINDEX).await
    }

    /// The index was told something by this node: one that no other node sees must learn it where the line is.
    async fn retold(&self, told: Result<(), Away>) -> Result<(), StoreError> {
        match told {
            Ok(()) if !self.repeats.is_own() || self.node().holds(LINE) => Ok(()),
            _ => self.reindex().await,
        }
    }
}

/// The routes.
pub fn routes(admin: Arc<Admin>) -> Router {
    let api = Router::new()
        .route("/overview", get(overview::show))
        .route("/tickets", get(tickets::list))
        .route("/tickets/{number}", get(tickets::one))
        .route("/tickets/{number}/deliveries", get(destinations::of_ticket))
        .route("/tickets/{number}/link", post(decide::link))
        .route("/tickets/{number}/dismiss", post(decide::dismiss))
        .route("/tickets/{number}/unlink", post(links::unlink))
        .route("/citizens/{key}", get(citizens::one))
        .route("/citizens/{key}/split", post(citizens::split))
        .route("/repeats/reindex", post(links::reindex))
        .route("/events", get(feed::page))
        .route("/events/stream", get(feed::stream))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/retry", post(deliveries::retry_all))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/destinations", get(destinations::list))
        .route("/destinations/{name}/rewind", post(destinations::rewind))
        .route("/destinations/{name}/pause", post(destinations::pause))
        .route("/destinations/{name}/resume", post(destinations::resume))
        .route("/channels", get(channels::list))
        .route("/channels/{id}/pause", post(channels::pause))
        .route("/channels/{id}/resume", post(channels::resume))
        .route("/channels/{id}/messages", post(handed::take))
        .route("/reconciliation", get(reconciliation::show))
        .route("/reconciliation/chain", get(reconciliation::chain))
        .route("/parity", get(parity::last).post(parity::record))
        .route("/parity/received", get(parity::received))
        .route("/quarantine", get(quarantine::list))
        .route("/quarantine/release", post(quarantine::release_all))
        .route("/quarantine/{message}/release", post(quarantine::release))
        .route("/nodes", get(nodes::list))
        .route("/audit", get(audit::list))
        .route("/openapi.json", get(async || axum::Json(openapi::document(openapi::Listener::Admin))));
    let router = Router::new()
        .route("/", get(console::page))
        .route("/console/{file}", get(console::asset))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", api);
    let guard = middleware::from_fn_with_state(admin.clone(), guard::check);
    with_fallbacks(with_problems(router).with_state(admin)).layer(guard)
}

fn answer(problem: Problem) -> Response {
    Http(problem).into_response()
}

fn not_found(detail: impl Into<String>) -> Response {
    answer(Problem::new(StatusCode::NOT_FOUND, detail))
}

fn failed(error: StoreError) -> Response {
    answer(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry(Duration::from_secs(2)))
}
