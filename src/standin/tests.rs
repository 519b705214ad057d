#![allow(clippy::disallowed_methods, reason = "the answers here are the own stand-in's: small, and all looked at")]

use super::*;
use crate::delivery::signature::{ID, SIGNATURE, TIMESTAMP};
use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use jiff::Timestamp;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Trial {
    base: String,
    client: Client,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Trial {
    async fn start(secret: Option<&str>, gateway: Option<String>) -> Self {
        let callback = gateway.map(|gateway| Callback { gateway, token: Secret::new("core-token") });
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let stand_in = StandIn::bind(Options { listen, secret: secret.map(Secret::new), callback }).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (base, stop) = (format!("http://{}", stand_in.address()), CancellationToken::new());
        let task = tokio::spawn(stand_in.serve(stop.clone()));
        Self { base, client: Client::builder().no_proxy().build().unwrap(), stop, task }
    }

    async fn send(&self, id: &str, signature: &str, sent: i64, body: &str) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}/events", self.base)).body(body.to_owned());
        let signed = request.header(ID, id).header(TIMESTAMP, sent).header(SIGNATURE, signature);
        read(signed.send().await.unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        read(self.client.post(format!("{}{path}", self.base)).json(&body).send().await.unwrap()).await
    }

    async fn board(&self) -> Value {
        let url = format!("{}/tickets", self.base);
        read(self.client.get(url).send().await.unwrap()).await.1["board"].take()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    (response.status(), response.json().await.unwrap_or_default())
}

fn event(id: &str, number: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": "jiesu/test", "type": "ticket.created", "subject": number,
        "time": "2026-11-22T08:00:00+08:00", "datacontenttype": "application/json", "sequence": "0000000000000001",
        "data": { "ticket": {
            "schema": "jiesu.ticket/1", "number": number, "title": "路灯不亮", "content": "路灯不亮三天了", "kind": "complaint",
            "channel": { "id": "web", "type": "web" }, "hotline": { "code": "12345", "name": null, "mode": "absorbed" },
            "category": null, "location": { "text": null }, "repeat": null, "status": "accepted",
        }, "change": {} },
    })
    .to_string()
}

#[tokio::test]
async fn an_event_is_answered_and_shown_and_a_second_time_dropped_and_counted() {
    let trial = Trial::start(None, None).await;
    for _ in 0..2 {
        let answer = trial.send("ev_1", "", 0, &event("ev_1", "20261122-000001-5")).await;
        assert_eq!(answer, (StatusCode::OK, json!({ "code": 0 })));
    }
    let board = trial.board().await;
    assert_eq!(board["counts"], json!({ "events": 1, "tickets": 1, "repeats": 1, "refused": 0 }));
    assert_eq!(board["tickets"][0]["ticket"]["title"], "路灯不亮");
}

#[tokio::test]
async fn an_event_that_was_answered_with_an_error_is_taken_when_it_comes_again() {
    let trial = Trial::start(Some(SECRET), None).await;
    let (body, now) = (event("ev_1", "20261122-000001-5"), Timestamp::now().as_second());
    let good = SigningKey::new(&Secret::new(SECRET)).unwrap().sign("ev_1", now, body.as_bytes());
    let (status, answer) = trial.send("ev_1", "v1,AAAA", now, &body).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!(401)));
    trial.post("/down", json!({ "down": true })).await;
    assert_eq!(trial.send("ev_1", &good, now, &body).await.0, StatusCode::SERVICE_UNAVAILABLE);
    trial.post("/down", json!({ "down": false })).await;
    assert_eq!(trial.send("ev_1", &good, now, &body).await.0, StatusCode::OK);
    assert_eq!(trial.send("ev_1", &good, now - 301, &body).await.0, StatusCode::UNAUTHORIZED, "an old one recorded");
    let counts = &trial.board().await["counts"];
    assert_eq!(counts, &json!({ "events": 1, "tickets": 1, "repeats": 0, "refused": 3 }));
}

#[tokio::test]
async fn a_body_that_is_no_event_is_answered_400_and_says_why() {
    let trial = Trial::start(None, None).await;
    let other = event("ev_1", "20261122-000001-5");
    let old = other.replace(r#""specversion":"1.0""#, r#""specversion":"0.3""#);
    let nameless = other.replace(r#""subject":"20261122-000001-5""#, r#""subject":"20261122-000002-3""#);
    let deep = "[".repeat(100_000);
    let missing = r#"{"specversion":"1.0"}"#;
    for (id, body, fault) in [
        ("ev_1", "", "body"),
        ("ev_1", missing, "missing field"),
        ("ev_1", deep.as_str(), "body"),
        ("ev_1", old.as_str(), "specversion"),
        ("ev_1", nameless.as_str(), "subject"),
        ("ev_2", other.as_str(), "webhook-id"),
    ] {
        let (status, answer) = trial.send(id, "", 0, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:.80}");
        assert!(answer["message"].as_str().unwrap().contains(fault), "{answer}");
    }
}

#[tokio::test]
async fn a_clerks_answer_reaches_the_gateway_with_the_token_and_its_refusal_reaches_the_clerk() {
    let (seen, mut calls) = mpsc::channel(4);
    let update = |Path(number): Path<String>, headers: HeaderMap, Json(body): Json<Value>| async move {
        seen.send((number.clone(), headers["authorization"].clone(), body)).await.unwrap();
        let known = number == "20261122-000001-5";
        (if known { StatusCode::OK } else { StatusCode::NOT_FOUND }, Json(json!({ "detail": "no such ticket" })))
    };
    let gateway = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = gateway.local_addr().unwrap();
    let stop = CancellationToken::new();
    let router = Router::new().route("/api/v1/tickets/{number}/updates", post(update));
    tokio::spawn(serve::serve(gateway, router, stop.clone()));
    let trial = Trial::start(None, Some(format!("http://{address}/"))).await;
    let draft = |number: &str, text: &str| json!({ "id": "d1", "number": number, "text": text, "unit": "市城管局", "ask_rating": true });
    for n in ["20261122-000001-5", "20261122-000002-3"] {
        trial.send(n, "", 0, &event(n, n)).await;
    }
    let (status, _) = trial.post("/answer", draft("20261122-000001-5", "已修好")).await;
    assert_eq!(status, StatusCode::OK);
    let (number, bearer, body) = calls.recv().await.unwrap();
    assert_eq!((number.as_str(), bearer.to_str().unwrap()), ("20261122-000001-5", "Bearer core-token"));
    assert_eq!((&body["id"], &body["status"], &body["ask_rating"]), (&json!("d1"), &json!("replied"), &json!(true)));
    assert_eq!(body["reply"], json!({ "text": "已修好", "public": true }));
    assert!(body["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    let (status, answer) = trial.post("/answer", draft("20261122-000002-3", "已修好")).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(answer["message"].as_str().unwrap().contains("404：no such ticket"), "{answer}");
    for (number, text, status) in [("20261122-000001-5", " ", 400), ("20261122-000009-9", "已修好", 404)] {
        assert_eq!(trial.post("/answer", draft(number, text)).await.0, status);
    }
    assert_eq!(calls.recv().await.unwrap().0, "20261122-000002-3");
    assert!(calls.try_recv().is_err(), "what is not sent does not arrive");
    stop.cancel();
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script() {
    let trial = Trial::start(None, None).await;
    for path in ["/", "/page.css", "/page.js"] {
        let response = trial.client.get(format!("{}{path}", trial.base)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let text = response.text().await.unwrap();
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{path}");
        assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path}");
    }
}

#[tokio::test]
async fn it_stops_at_once_although_a_client_keeps_its_connection() {
    let trial = Trial::start(None, None).await;
    trial.board().await;
    trial.stop.cancel();
    timeout(Duration::from_secs(5), trial.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_unusable_secret_or_callback_is_told_at_the_start() {
    let secret = Options { secret: Some(Secret::new("no base64!")), ..Options::default() };
    assert!(matches!(StandIn::bind(secret).await, Err(StandInError::Secret(_))));
    for gateway in ["127.0.0.1:8080", "ftp://127.0.0.1", ""] {
        let callback = Some(Callback { gateway: gateway.into(), token: Secret::new("t") });
        let Err(StandInError::Callback(what)) = StandIn::bind(Options { callback, ..Options::default() }).await else {
            panic!("{gateway:?} was taken");
        };
        assert!(what.contains(&format!("{gateway:?}")), "{what}");
    }
}

#[test]
fn a_title_cannot_move_the_cursor_or_turn_the_line() {
    let body = event("ev_1", "1").replace("路灯不亮", "\\u001b[2J\\n\\u202e路灯");
    let line = event::Event::read(body.as_bytes()).unwrap().line();
    assert_eq!(line, "ticket.created       1  \u{fffd}[2J \u{fffd}路灯  [web]");
}
