//! The conformance kit: how a downstream team proves that its receiver keeps the contract (reference, Events).
//!
//! It speaks to the receiver as the gateway does and judges by its answers alone. Tickets are of the year 2000 and say
//! in every field that they are a trial.

mod cases;
mod sample;

use crate::delivery::signature::{BadSecret, ID, SIGNATURE, SigningKey, TIMESTAMP};
use jiesu_connector::Secret;
use jiff::Timestamp;
use reqwest::{Client, Url, redirect::Policy};
use std::time::{Duration, Instant};

/// What the gateway waits for one answer, unless configured otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What to try.
#[derive(Debug)]
pub struct Trial {
    /// Where the receiver takes events.
    pub url: String,
    /// The secret that it verifies with.
    pub secret: Secret,
    /// The secret before, if it takes both for a while.
    pub old_secret: Option<Secret>,
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum NotTried {
    /// The address is none.
    #[error("--conform: {0:?} is no http:// or https:// address")]
    Url(String),
    /// The secret is unusable.
    #[error("secret {0}")]
    Secret(#[from] BadSecret),
    /// There is no HTTP client.
    #[error("no HTTP client: {0}")]
    Client(reqwest::Error),
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, stable: `repetition`.
    pub name: &'static str,
    /// What is proved by it.
    pub what: &'static str,
    /// What the receiver answered.
    pub answered: String,
    /// What to mend; `None` if all is well.
    pub mend: Option<&'static str>,
}

/// Tries everything, one after the other.
///
/// # Errors
/// [`NotTried`], before anything was sent.
pub async fn conform(trial: &Trial) -> Result<Vec<Finding>, NotTried> {
    let url: Url = trial.url.parse().map_err(|_| NotTried::Url(trial.url.clone()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NotTried::Url(trial.url.clone()));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
    let bench = Bench {
        client: client.map_err(NotTried::Client)?,
        url,
        key: SigningKey::new(&trial.secret)?,
        old: trial.old_secret.as_ref().map(SigningKey::new).transpose()?,
    };
    Ok(cases::all(&bench).await)
}

/// What the cases are tried with.
struct Bench {
    client: Client,
    url: Url,
    key: SigningKey,
    old: Option<SigningKey>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Status(u16),
    Nothing(&'static str),
}

impl Answer {
    fn taken(&self) -> bool {
        matches!(self, Self::Status(200..=299 | 409))
    }

    fn shown(&self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Nothing(why) => (*why).to_owned(),
        }
    }
}

/// One event on its way, as the gateway would send it unless a case changes something.
struct Sent<'a> {
    id: &'a str,
    body: Vec<u8>,
    at: i64,
    /// The header; `None` signs as the gateway does.
    signature: Option<String>,
}

impl<'a> Sent<'a> {
    fn new(id: &'a str, body: &[u8]) -> Self {
        Self { id, body: body.to_vec(), at: Timestamp::now().as_second(), signature: None }
    }
}

impl Bench {
    async fn send(&self, sent: Sent<'_>) -> (Answer, Duration) {
        let signature = sent.signature.unwrap_or_else(|| self.key.sign(sent.id, sent.at, &sent.body));
        let mut request = self
            .client
            .post(self.url.clone())
            .header(http::header::CONTENT_TYPE, "application/cloudevents+json")
            .header(ID, sent.id)
            .header(TIMESTAMP, sent.at);
        if !signature.is_empty() {
            request = request.header(SIGNATURE, signature);
        }
        let started = Instant::now();
        #[expect(clippy::disallowed_methods, reason = "the status is all that is looked at")]
        let answer = request.body(sent.body).send().await;
        let answer = match answer {
            Ok(answer) => Answer::Status(answer.status().as_u16()),
            Err(error) if error.is_timeout() => Answer::Nothing("10 秒内没有应答"),
            Err(error) if error.is_connect() => Answer::Nothing("连不上"),
            Err(_) => Answer::Nothing("连接中断"),
        };
        (answer, started.elapsed())
    }
}
