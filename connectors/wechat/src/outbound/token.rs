//! The access token (`stable_token`): one for all nodes, fetched by one of them, renewed only by who saw it fail.

use super::errcode::{Action, action};
use crate::config::Account;
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiesu_connector::{Failure, HttpClient, Origin, OutRequest, Secret, Shared};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};

/// For one call; the platform answers within a second or two.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The platform's JSON answers are short.
const MAX_JSON: u64 = 64 << 10;
/// The old token stays good for the last five minutes of its life: renewing then disturbs nobody.
const EARLY: i64 = 300;
/// How long one node may take to log in before another one does.
const LEASE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);
/// A log-in that failed is not tried again for this long.
const COOL_DOWN: Duration = Duration::from_secs(3);
/// The platform forces out 20 tokens a day, 30 seconds apart.
const FORCE_APART: Duration = Duration::from_secs(60);

/// The token, as this node knows it.
pub struct Tokens {
    account: Arc<Account>,
    secret: Secret,
    http: Arc<dyn HttpClient>,
    shared: Arc<dyn Shared>,
    /// Keeps the gateway going when the shared memory is away: no log-in for each request.
    known: Mutex<Known>,
    /// One log-in at a time.
    flight: Semaphore,
}

#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// The last one that the platform refused: not used again, also while no other can be had.
    refused: Option<String>,
    /// Tokens refused one after the other, without a call between them that was taken.
    refused_in_a_row: u32,
    /// The last log-in failed, and when: those who waited for it need not all try.
    trouble: Option<(Instant, Failure)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Held {
    token: String,
    /// Seconds since 1970.
    until: i64,
}

impl Held {
    /// As in the shared memory: `until token`.
    fn read(text: &str) -> Option<Self> {
        let (until, token) = text.split_once(' ')?;
        Some(Self { token: token.to_owned(), until: until.parse().ok()? })
    }

    fn usable(&self, failed: Option<&str>) -> bool {
        self.until > Timestamp::now().as_second() && failed != Some(&self.token)
    }
}

/// The turn to get a token.
struct Turn {
    /// What the shared memory holds: the token to be replaced.
    stored: Option<String>,
    /// Other nodes wait for us.
    leased: bool,
    reachable: bool,
}

#[derive(Deserialize)]
struct LoggedIn {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: i64,
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

impl Tokens {
    pub fn new(account: Arc<Account>, secret: Secret, http: Arc<dyn HttpClient>, shared: Arc<dyn Shared>) -> Self {
        Self { account, secret, http, shared, known: Mutex::default(), flight: Semaphore::new(1) }
    }

    /// A token that is good, as far as anybody knows; `failed` is one that the platform has just refused.
    ///
    /// # Errors
    /// [`Failure`] of the log-in; nothing was sent to anybody.
    pub async fn get(&self, failed: Option<&str>) -> Result<String, Failure> {
        let refused = self.refused(failed);
        let failed = refused.as_deref();
        if let Some(token) = self.known(failed) {
            return Ok(token);
        }
        let _flight = self.flight.acquire().await;
        if let Some(token) = self.known(failed) {
            return Ok(token);
        }
        if let Some(failure) = self.trouble() {
            return Err(failure);
        }
        let fetched = match self.others(failed).await {
            Ok(held) => Ok(held),
            Err(turn) => self.renew(failed, turn).await,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(held) => {
                let token = held.token.clone();
                (known.held, known.trouble) = (Some(held), None);
                Ok(token)
            }
            Err(failure) => {
                known.trouble = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// The token that another node has got, or is about to get; else the turn to get one.
    async fn others(&self, failed: Option<&str>) -> Result<Held, Turn> {
        let mut turn = Turn { stored: None, leased: false, reachable: true };
        let started = Instant::now();
        loop {
            match self.shared.get(&self.key("token")).await {
                Ok(stored) => turn.stored = stored,
                Err(_) => turn.reachable = false,
            }
            let stored = turn.stored.as_deref().and_then(Held::read);
            if let Some(held) = stored.filter(|held| held.usable(failed)) {
                // The one who had the lease before has just finished.
                self.end(&turn).await;
                return Ok(held);
            }
            if turn.leased || !turn.reachable || started.elapsed() > LEASE {
                return Err(turn);
            }
            match self.shared.compare_and_swap(&self.key("lease"), None, "1", LEASE).await {
                Ok(true) => turn.leased = true,
                Ok(false) => tokio::time::sleep(POLL).await,
                Err(_) => turn.reachable = false,
            }
        }
    }

    /// Gets a token and tells the other nodes.
    async fn renew(&self, failed: Option<&str>, turn: Turn) -> Result<Held, Failure> {
        let fetched = self.fetch(failed).await;
        if let (Ok(held), true) = (&fetched, turn.reachable) {
            let lasts = u64::try_from(held.until - Timestamp::now().as_second()).unwrap_or(1).max(1);
            let (key, value) = (self.key("token"), format!("{} {}", held.until, held.token));
            // Lost to another node: theirs is as good, the platform gives the same one to all.
            let swap = self.shared.compare_and_swap(&key, turn.stored.as_deref(), &value, Duration::from_secs(lasts));
            let _ = swap.await;
        }
        self.end(&turn).await;
        fetched
    }

    /// Gives the lease back; if that fails it ends by itself.
    async fn end(&self, turn: &Turn) {
        if turn.leased {
            let _ = self.shared.compare_and_swap(&self.key("lease"), Some("1"), "0", Duration::from_millis(1)).await;
        }
    }

    fn key(&self, what: &str) -> String {
        format!("wechat/{}/{what}", self.account.app_id)
    }

    /// Logs in, whatever is known.
    ///
    /// # Errors
    /// [`Failure`], in words for an operator.
    pub async fn log_in(&self) -> Result<(), Failure> {
        self.request(false).await.map(drop)
    }

    /// Remembers `failed`; the one remembered, if there is none now.
    fn refused(&self, failed: Option<&str>) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = failed.filter(|failed| known.refused.as_deref() != Some(failed)) {
            known.refused = Some(failed.to_owned());
            known.refused_in_a_row = known.refused_in_a_row.saturating_add(1);
        }
        known.refused.clone()
    }

    /// The platform refuses `token`: the next [`Self::get`] gets another. Tells whether that is worth trying at once.
    pub fn refuse(&self, token: &str) -> bool {
        self.refused(Some(token));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).refused_in_a_row <= 1
    }

    /// The platform took a call.
    pub fn proved(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).refused_in_a_row = 0;
    }

    fn known(&self, failed: Option<&str>) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.held.as_ref().filter(|held| held.usable(failed)).map(|held| held.token.clone())
    }

    fn trouble(&self) -> Option<Failure> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.trouble.as_ref().filter(|(when, _)| when.elapsed() < COOL_DOWN).map(|(_, failure)| failure.clone())
    }

    /// The same token comes back while the platform thinks it good; only one that failed is forced out, and not often.
    async fn fetch(&self, failed: Option<&str>) -> Result<Held, Failure> {
        let held = self.request(false).await?;
        if failed != Some(&held.token) {
            return Ok(held);
        }
        if self.shared.compare_and_swap(&self.key("forced"), None, "1", FORCE_APART).await == Ok(false) {
            let why = "the platform refuses the token that it just renewed".to_owned();
            return Err(Failure::Retry { after: Some(FORCE_APART), why });
        }
        self.request(true).await
    }

    async fn request(&self, force: bool) -> Result<Held, Failure> {
        let body = json!({ "grant_type": "client_credential", "appid": self.account.app_id,
            "secret": self.secret.expose(), "force_refresh": force });
        let request = post(format!("{}/cgi-bin/stable_token", self.account.api_base), body.to_string());
        // Logging in twice harms nobody: every failure may be tried again.
        let retry = |why: String| Failure::Retry { after: None, why: format!("log-in: {why}") };
        let response = self.http.send(request).await.map_err(|error| retry(error.to_string()))?;
        let answer: LoggedIn = serde_json::from_slice(&response.body)
            .map_err(|_| retry(format!("HTTP {} without a JSON answer", response.status.as_u16())))?;
        let now = Timestamp::now();
        match action(answer.errcode, &answer.errmsg, now) {
            Action::Done if answer.access_token.is_empty() => Err(retry("the answer has no access_token".into())),
            Action::Done => {
                let lasts = answer.expires_in.clamp(2, 86_400);
                let lasts = if lasts > 2 * EARLY { lasts - EARLY } else { lasts / 2 };
                Ok(Held { token: answer.access_token, until: now.as_second() + lasts })
            }
            Action::Renew => {
                let why =
                    format!("log-in: {} app_secret is wrong: copy it again from the account's console", answer.errcode);
                Err(Failure::Retry { after: Some(Duration::from_secs(600)), why })
            }
            // A log-in that is refused today may be granted tomorrow, when people have looked at it.
            Action::Window(_, failure) | Action::Fail(failure) => Err(match failure {
                Failure::Retry { after, why } => Failure::Retry { after, why: format!("log-in: {why}") },
                other => Failure::Retry { after: Some(Duration::from_secs(600)), why: format!("log-in: {other}") },
            }),
        }
    }
}

/// A JSON request to the platform.
pub fn post(url: String, body: String) -> OutRequest {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json; charset=utf-8"));
    let (method, body, timeout) = (Method::POST, Bytes::from(body), TIMEOUT);
    OutRequest { method, url, headers, body, timeout, max_answer: MAX_JSON, origin: Origin::Configured }
}
