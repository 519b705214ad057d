//! The public listener: channels, status look-up, attachments, and the core's callback.

mod channel;
mod file;
mod look_up;
mod open311;
mod status;
mod tries;
mod update;
mod upload;

use crate::{
    channels::Channels,
    files::{Files, Spool},
    intake::Intake,
    number::ReceiptKey,
    openapi,
    revise::Reviser,
    server::problem::{with_fallbacks, with_problems},
    shared::SharedLimiter,
    store::Store,
};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{any, get, post},
};
use http::StatusCode;
use jiesu_connector::{Problem, Secret};
use jiesu_triage::Categories;
use jiesu_web::Look;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// KiB of request bodies held in memory at a time, over all connections.
const BODY_BUDGET_KIB: usize = 256 << 10;
/// Of what runs beside answers, at once.
const ASIDES: usize = 1_024;

/// What the public routes need.
pub struct Public {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The one door.
    pub intake: Arc<Intake>,
    /// The channels.
    pub channels: Arc<Channels>,
    /// Attachments.
    pub files: Files,
    /// What is uploaded, until it belongs to a ticket.
    pub spool: Spool,
    /// For codes and links.
    pub key: ReceiptKey,
    /// Changes tickets.
    pub reviser: Reviser,
    /// Told of new replies.
    pub reply_due: Arc<Notify>,
    /// The city's time.
    pub zone: TimeZone,
    /// The bearer token of the core's callbacks; without one they are refused.
    pub core_token: Option<Secret>,
    /// The largest request body, in bytes.
    pub max_body: u64,
    /// Each client address.
    pub per_address: SharedLimiter,
    /// Whether the limit by address holds for callers with a key, too.
    pub keyed_by_address: bool,
    /// Each api key.
    pub per_key: SharedLimiter,
    /// Bodies in memory.
    pub body_budget: Arc<Semaphore>,
    /// What runs beside answers.
    pub asides: Arc<Semaphore>,
    /// The public address.
    pub public_url: String,
    /// What matters are about.
    pub categories: Categories,
    /// What pages for citizens look like.
    pub look: Look,
    /// Wrong codes, per number.
    pub tries: tries::Tries,
}

impl Public {
    /// The budget for bodies.
    pub fn body_budget() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(BODY_BUDGET_KIB))
    }

    /// Room for what runs beside answers.
    pub fn asides() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(ASIDES))
    }
}

/// The tries at status codes.
pub use tries::Tries;

/// The routes.
pub fn routes(public: Arc<Public>) -> Router {
    let router = Router::new()
        .route("/", get(home))
        .route("/status", get(status::form_page).post(status::form))
        .route("/api/v1/status", post(status::json))
        .route("/api/v1/openapi.json", get(async || axum::Json(openapi::document(openapi::Listener::Public))))
        .route("/api/v1/tickets/{number}/updates", post(update::serve))
        .route("/files/{number}/{file}", get(file::serve));
    let router = with_problems(router)
        .route("/channels/{id}", any(channel::serve))
        .route("/channels/{id}/{*rest}", any(channel::serve))
        .route("/open311/v2/{*rest}", any(open311::serve));
    with_fallbacks(router.with_state(public))
}

/// The first form page, if there is one.
async fn home(State(public): State<Arc<Public>>) -> Response {
    match public.channels.values().find(|channel| channel.kind == "web") {
        Some(channel) => Redirect::to(&format!("/channels/{}", channel.id)).into_response(),
        None => not_found("there is no form page here"),
    }
}

fn answer(problem: Problem) -> Response {
    crate::server::problem::Http(problem).into_response()
}

fn not_found(detail: &str) -> Response {
    answer(Problem::new(StatusCode::NOT_FOUND, detail))
}

fn unavailable() -> Response {
    let detail = "the gateway cannot reach its store now; try again";
    answer(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry(std::time::Duration::from_secs(5)))
}
