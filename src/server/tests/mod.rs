//! The promises of the loop, kept to real sockets.

mod client;
mod drain;
mod hostile;
mod plain;

use super::{Caps, Settings, problem, read_body, serve};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::Extension,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The largest body that `/echo` takes.
const MAX_BODY: u64 = 1 << 20;

/// A server under test.
struct House {
    address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<()>,
    /// `/wait` answers once this has a permit.
    gate: Arc<Semaphore>,
    /// A permit for each request that reached `/wait`.
    waiting: Arc<Semaphore>,
}

/// Caps as in production, but for the given changes.
async fn house(change: impl FnOnce(&mut Caps)) -> House {
    house_behind(change, &[]).await
}

async fn house_behind(change: impl FnOnce(&mut Caps), proxies: &[&str]) -> House {
    let mut caps = Caps { grace: Duration::from_millis(300), drain: Duration::from_secs(2), ..Caps::default() };
    change(&mut caps);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let settings =
        Settings { name: "test", caps, proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect() };
    let stop = CancellationToken::new();
    let routes = {
        let (gate, waiting) = (gate.clone(), waiting.clone());
        move || app(gate, waiting)
    };
    let served = tokio::spawn(serve(listener, routes, settings, stop.clone()));
    House { address, stop, served, gate, waiting }
}

fn app(gate: Arc<Semaphore>, waiting: Arc<Semaphore>) -> Router {
    let wait = async move || {
        waiting.add_permits(1);
        gate.acquire().await.unwrap().forget();
        "waited"
    };
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route("/peer", get(async |Extension(peer): Extension<super::Peer>| peer.0.to_string()))
        .route("/echo", post(echo))
        .route("/ignore", post(async || "ignored"))
        .route("/large", get(async || Bytes::from(vec![b'x'; 32 << 20])))
        .route("/panic", get(panics))
        .route("/wait", get(wait));
    problem::with_fallbacks(router)
}

async fn echo(body: Body) -> Response {
    match read_body(body, MAX_BODY).await {
        Ok(body) => body.into_response(),
        Err(problem) => problem::Http(problem).into_response(),
    }
}

async fn panics() {
    // Not the macro: its message would stand in the test's output as if something had failed.
    std::panic::resume_unwind(Box::new("on purpose"));
}
