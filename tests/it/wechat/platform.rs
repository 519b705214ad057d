//! A stand-in for the platform's API that does as it is told, and remembers every call.

use crate::harness::read_message;
use bytes::BytesMut;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One call, as it came in.
#[derive(Debug, Clone)]
pub struct Call {
    /// As `/cgi-bin/media/get`.
    pub path: String,
    pub query: HashMap<String, String>,
    pub body: Value,
}

/// What the platform answers.
#[derive(Debug, Clone)]
pub enum Say {
    Json(Value),
    /// A page instead of an answer.
    Page(u16, &'static str),
    Bytes(&'static str, Vec<u8>),
    /// Takes it and answers nothing.
    Hang,
    /// Answers as it would, but late.
    Slow(Duration),
}

/// An error of the platform, under HTTP 200.
pub fn error(code: i64) -> Say {
    Say::Json(json!({ "errcode": code, "errmsg": "as told rid: 1-2-3" }))
}

type Script = Arc<dyn Fn(&Call, usize) -> Option<Say> + Send + Sync>;

struct State {
    script: Script,
    calls: Vec<Call>,
    media: HashMap<String, Say>,
    /// The token that is good now is `ACCESS-{generation}`.
    generation: usize,
}

/// The platform, on a port of its own.
pub struct Platform {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Platform {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            script: Arc::new(|_, _| None),
            calls: Vec::new(),
            media: HashMap::new(),
            generation: 1,
        }));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self { address, state, server }
    }

    /// From now on answers as `script` says: of a call and how many of its path came before. `None` is as ever.
    pub fn script(&self, script: impl Fn(&Call, usize) -> Option<Say> + Send + Sync + 'static) {
        self.state.lock().unwrap().script = Arc::new(script);
    }

    /// Has a photo or recording.
    pub fn has(&self, media: &str, what: Say) {
        self.state.lock().unwrap().media.insert(media.to_owned(), what);
    }

    /// The token is good no more.
    pub fn expire(&self) {
        self.state.lock().unwrap().generation += 1;
    }

    /// The calls of `path`.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        self.state.lock().unwrap().calls.iter().filter(|call| call.path == path).cloned().collect()
    }

    /// The words that went to `openid`.
    pub fn said_to(&self, openid: &str) -> Vec<String> {
        let sent = self.calls(SEND).into_iter().filter(|call| call.body["touser"] == openid);
        sent.map(|call| call.body["text"]["content"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

pub const TOKEN: &str = "/cgi-bin/stable_token";
pub const SEND: &str = "/cgi-bin/message/custom/send";
pub const TEMPLATE: &str = "/cgi-bin/message/template/send";
pub const NOTICE: &str = "/cgi-bin/message/subscribe/bizsend";
pub const MEDIA: &str = "/cgi-bin/media/get";

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut buffer = BytesMut::new();
    while let Ok(Some(message)) = read_message(&mut stream, &mut buffer).await {
        let target = message.first_line.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let call = Call {
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: serde_json::from_slice(&message.body).unwrap_or_default(),
        };
        let (script, before) = {
            let mut state = state.lock().unwrap();
            let before = state.calls.iter().filter(|earlier| earlier.path == call.path).count();
            state.calls.push(call.clone());
            (Arc::clone(&state.script), before)
        };
        let mut said = script(&call, before);
        if let Some(Say::Slow(late)) = said {
            tokio::time::sleep(late).await;
            said = None;
        }
        let said = said.unwrap_or_else(|| state.lock().unwrap().answer(&call));
        let (status, kind, body) = match said {
            Say::Json(value) => (200, "application/json", value.to_string().into_bytes()),
            Say::Page(status, text) => (status, "text/html", text.as_bytes().to_vec()),
            Say::Bytes(kind, bytes) => (200, kind, bytes),
            Say::Hang | Say::Slow(_) => std::future::pending().await,
        };
        let head =
            format!("HTTP/1.1 {status} As Told\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

impl State {
    fn answer(&mut self, call: &Call) -> Say {
        let good = format!("ACCESS-{}-of-the-platform", self.generation);
        if call.path == TOKEN {
            if call.body["force_refresh"] == true {
                self.generation += 1;
            }
            let token = format!("ACCESS-{}-of-the-platform", self.generation);
            return Say::Json(json!({ "access_token": token, "expires_in": 7200 }));
        }
        // Bytes that anybody may fetch by their address.
        if let Some(name) = call.path.strip_prefix("/open/") {
            return self.media.get(name).cloned().unwrap_or(Say::Page(404, "gone"));
        }
        if call.query.get("access_token") != Some(&good) {
            return error(40001);
        }
        match call.path.as_str() {
            SEND => Say::Json(json!({ "errcode": 0, "errmsg": "ok" })),
            TEMPLATE => Say::Json(json!({ "errcode": 0, "errmsg": "ok", "msgid": 4_000_000_000_000_001_u64 })),
            NOTICE => {
                let sent = self.calls.iter().filter(|call| call.path == NOTICE).count() as u64;
                Say::Json(json!({ "errcode": 0, "errmsg": "ok", "msgid": 4_999_999_999_999_999_u64 + sent }))
            }
            MEDIA => self.media.get(&call.query["media_id"]).cloned().unwrap_or_else(|| error(40007)),
            _ => error(40066),
        }
    }
}
