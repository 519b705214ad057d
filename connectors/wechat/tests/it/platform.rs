//! A stand-in for the platform's API: tokens that expire, error codes, garbage, silence. It answers HTTP 200 to
//! everything that reaches it, as the platform does.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiesu_connector::{HttpClient, Origin, OutRequest, OutResponse, SendError};
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Mutex};

/// What it does next with a call that is no log-in.
pub enum Next {
    /// Answers this JSON.
    Json(Value),
    /// Answers this status and body.
    Body(u16, &'static str, Vec<u8>),
    /// Takes the request and never answers.
    Silence,
    /// Cannot be reached.
    Unreachable,
}

#[derive(Default)]
pub struct Platform {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The token that is good now is `token-N`.
    generation: u32,
    logins: Vec<Value>,
    next: VecDeque<Next>,
    requests: Vec<OutRequest>,
    login_trouble: Option<Value>,
}

impl Platform {
    pub fn then(&self, next: Next) -> &Self {
        self.state.lock().unwrap().next.push_back(next);
        self
    }

    pub fn then_code(&self, code: i64, words: &str) -> &Self {
        self.then(Next::Json(json!({ "errcode": code, "errmsg": words })))
    }

    /// The current token is good no more.
    pub fn expire_token(&self) {
        self.state.lock().unwrap().generation += 1;
    }

    pub fn refuse_logins(&self, code: i64, words: &str) {
        self.state.lock().unwrap().login_trouble = Some(json!({ "errcode": code, "errmsg": words }));
    }

    pub fn logins(&self) -> Vec<Value> {
        self.state.lock().unwrap().logins.clone()
    }

    /// The bodies of the calls to `path`, oldest first.
    pub fn calls(&self, path: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let to = state.requests.iter().filter(|request| request.url.contains(path));
        to.map(|request| serde_json::from_slice(&request.body).unwrap_or_default()).collect()
    }

    /// Addresses and who named them, but for log-ins.
    pub fn addresses(&self) -> Vec<(String, Origin)> {
        self.state.lock().unwrap().requests.iter().map(|request| (request.url.clone(), request.origin)).collect()
    }
}

fn answer(status: u16, media_type: &'static str, body: Vec<u8>) -> OutResponse {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    OutResponse { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from(body) }
}

#[async_trait]
impl HttpClient for Platform {
    async fn send(&self, request: OutRequest) -> Result<OutResponse, SendError> {
        // A network takes a moment: others get their turn.
        tokio::task::yield_now().await;
        let mut state = self.state.lock().unwrap();
        let ok = |value: Value| Ok(answer(200, "text/plain", value.to_string().into_bytes()));
        if request.url.ends_with("/cgi-bin/stable_token") {
            let login: Value = serde_json::from_slice(&request.body).unwrap();
            if login["force_refresh"] == true {
                state.generation += 1;
            }
            state.logins.push(login);
            if let Some(trouble) = &state.login_trouble {
                return ok(trouble.clone());
            }
            return ok(json!({ "access_token": format!("token-{}", state.generation), "expires_in": 7200 }));
        }
        let good = request.url.contains(&format!("access_token=token-{}", state.generation));
        let foreign = request.origin == Origin::Foreign;
        let max = request.max_answer;
        state.requests.push(request);
        if !good && !foreign {
            return ok(json!({ "errcode": 42001, "errmsg": "access_token expired" }));
        }
        match state.next.pop_front().unwrap_or(Next::Json(json!({ "errcode": 0, "errmsg": "ok" }))) {
            Next::Json(value) => ok(value),
            Next::Body(_, _, body) if body.len() as u64 > max => Err(SendError::TooLarge(max)),
            Next::Body(status, media_type, body) => Ok(answer(status, media_type, body)),
            Next::Silence => Err(SendError::Unknown("timed out".into())),
            Next::Unreachable => Err(SendError::NotSent("connection refused".into())),
        }
    }
}
