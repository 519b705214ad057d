//! The core's callback: a clerk's answer (答复) on its way back through the gateway.

use jiesu_connector::Secret;
use jiff::Zoned;
use reqwest::{Client, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{fmt, time::Duration};

/// The gateway answers after a write to its disk; longer than this and a clerk should look for themselves.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TEXT: usize = 2_000;
const MAX_UNIT: usize = 50;
const MAX_ID: usize = 100;
/// Bytes read of the gateway's answer; it is a number or a problem, never long.
const MAX_ANSWER: usize = 16 << 10;

/// How the gateway is called back.
#[derive(Debug)]
pub struct Callback {
    /// The gateway's public base URL: `http://127.0.0.1:8080`.
    pub gateway: String,
    /// The gateway's `core.token`.
    pub token: Secret,
}

/// Sends answers to the gateway.
pub(super) struct Answers {
    client: Client,
    gateway: Url,
    token: Secret,
}

/// What the page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// The page's own name for this answer, the same when it is sent again: the gateway drops repeats by it.
    pub id: String,
    pub number: String,
    pub text: String,
    pub unit: String,
    #[serde(default)]
    pub ask_rating: bool,
}

/// Why an answer did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// The clerk should change it.
    Draft(&'static str),
    /// The gateway did not take it.
    Gateway(String),
}

impl Answers {
    /// Reads the gateway's address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(callback: Callback) -> Result<Self, String> {
        let gateway: Url =
            callback.gateway.parse().map_err(|error| format!("{:?} is no URL: {error}", callback.gateway))?;
        if !matches!(gateway.scheme(), "http" | "https") {
            return Err(format!("{:?} is no http or https URL", callback.gateway));
        }
        // One provider in this program, whoever comes first; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { client, gateway, token: callback.token })
    }

    /// Sends an answer, once.
    ///
    /// # Errors
    /// [`Undelivered`], in words for the clerk.
    pub async fn send(&self, draft: &Draft) -> Result<(), Undelivered> {
        let mut url = self.gateway.clone();
        let Ok(mut path) = url.path_segments_mut() else { return Err(Undelivered::Draft("网关地址无效")) };
        path.pop_if_empty().extend(["api", "v1", "tickets", &draft.number, "updates"]);
        drop(path);
        let request = self.client.post(url).bearer_auth(self.token.expose()).json(&draft.update());
        #[expect(clippy::disallowed_methods, reason = "the status is read just below, for a clerk and not for a retry")]
        let answer = request.send().await;
        let mut answer = answer.map_err(|error| Undelivered::Gateway(unreachable(&error).into()))?;
        if answer.status() == StatusCode::OK {
            return Ok(());
        }
        let status = answer.status();
        let mut problem = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await
            && problem.len() + chunk.len() <= MAX_ANSWER
        {
            problem.extend_from_slice(&chunk);
        }
        let problem: Option<Value> = serde_json::from_slice(&problem).ok();
        let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str()).unwrap_or_default();
        Err(Undelivered::Gateway(format!("网关答 {}：{}", status.as_u16(), super::event::terminal(detail, 200))))
    }
}

impl Draft {
    /// Checks what the clerk wrote.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self) -> Result<(), Undelivered> {
        let long = |text: &str, max| text.chars().nth(max).is_some();
        match self {
            draft if draft.text.trim().is_empty() => Err(Undelivered::Draft("请填写答复内容")),
            draft if long(&draft.text, MAX_TEXT) => Err(Undelivered::Draft("答复内容最多 2000 字")),
            draft if long(&draft.unit, MAX_UNIT) => Err(Undelivered::Draft("承办单位最多 50 字")),
            draft if draft.id.is_empty() || draft.id.len() > MAX_ID => {
                Err(Undelivered::Draft("答复编号无效，请重新打开"))
            }
            _ => Ok(()),
        }
    }

    /// The body of the callback.
    fn update(&self) -> Value {
        json!({
            "id": self.id, "status": "replied", "unit": self.unit, "at": Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            "reply": { "text": self.text, "public": true }, "ask_rating": self.ask_rating,
        })
    }
}

fn unreachable(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "连不上网关，请稍后再试"
    } else if error.is_timeout() {
        "网关没有及时应答；可再次提交，不会重复答复"
    } else {
        "与网关的连接中断；可再次提交，不会重复答复"
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({})", self.gateway)
    }
}
