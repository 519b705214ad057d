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
use tokio::sync::Semaphore;

/// For one call; the platform answers within a second or two.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The platform's JSON answers are short.
const MAX_JSON: u64 = 64 << 10;
/// The old token stays good for the last five minutes of its life: renewing then disturbs nobody.
const EARLY: i64 = 300;
/// How long one node may take to log in before another one does.
const LEASE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(100);

/// The token, as this node knows it.
pub struct Tokens {
    account: Arc<Account>,
    secret: Secret,
    http: Arc<dyn HttpClient>,
    shared: Arc<dyn Shared>,
    /// Keeps the gateway going when the shared memory is away: no log-in for each request.
    known: Mutex<Option<Held>>,
    /// One log-in at a time.
    flight: Semaphore,
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
        if let Some(token) = self.known(failed) {
            return Ok(token);
        }
        let _flight = self.flight.acquire().await;
        if let Some(token) = self.known(failed) {
            return Ok(token);
        }
        let key = format!("wechat/token/{}", self.account.app_id);
        let lease = format!("{key}/lease");
        let (mut stored, mut reachable) = match self.shared.get(&key).await {
            Ok(stored) => (stored, true),
            Err(_) => (None, false),
        };
        let started = tokio::time::Instant::now();
        let mut leased = false;
        // Another node may have renewed it already, or be about to.
        while reachable {
            if let Some(held) = stored.as_deref().and_then(Held::read).filter(|held| held.usable(failed)) {
                if leased {
                    self.release(&lease).await;
                }
                return Ok(self.learn(held));
            }
            if leased || started.elapsed() > LEASE {
                break;
            }
            match self.shared.compare_and_swap(&lease, None, "1", LEASE).await {
                // Look once more: the one who had the lease may have just finished.
                Ok(true) => leased = true,
                Ok(false) => tokio::time::sleep(POLL).await,
                Err(_) => reachable = false,
            }
            stored = self.shared.get(&key).await.unwrap_or(stored);
        }
        let fetched = self.fetch(failed).await;
        if let (Ok(held), true) = (&fetched, reachable) {
            let ttl = u64::try_from(held.until - Timestamp::now().as_second()).unwrap_or(1).max(1);
            let value = format!("{} {}", held.until, held.token);
            // Lost to another node: theirs is as good, the platform gives the same one to all.
            let swapped = self.shared.compare_and_swap(&key, stored.as_deref(), &value, Duration::from_secs(ttl));
            let _ = swapped.await;
        }
        if leased {
            self.release(&lease).await;
        }
        fetched.map(|held| self.learn(held))
    }

    /// Logs in, whatever is known.
    ///
    /// # Errors
    /// [`Failure`], in words for an operator.
    pub async fn log_in(&self) -> Result<(), Failure> {
        self.request(false).await.map(drop)
    }

    fn known(&self, failed: Option<&str>) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|held| held.usable(failed)).map(|held| held.token.clone())
    }

    fn learn(&self, held: Held) -> String {
        let token = held.token.clone();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        token
    }

    async fn release(&self, lease: &str) {
        let _ = self.shared.compare_and_swap(lease, Some("1"), "0", Duration::from_millis(1)).await;
    }

    /// The same token comes back while the platform thinks it good; only one that failed is forced out, because the
    /// platform allows 20 such renewals a day.
    async fn fetch(&self, failed: Option<&str>) -> Result<Held, Failure> {
        let held = self.request(false).await?;
        if failed == Some(&held.token) { self.request(true).await } else { Ok(held) }
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
            Action::Window(failure) | Action::Fail(failure) => Err(match failure {
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
