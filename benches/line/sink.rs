//! The stand-in core: takes every event, and remembers which complaints have arrived.

use crate::{complaint, http};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Serves until it is killed: `POST` anything is an event, `GET /N` answers once N different complaints have arrived.
///
/// # Errors
/// The port.
pub async fn serve() -> Result<()> {
    let arrivals = Arc::new(Arrivals::default());
    http::serve(move |request| {
        let arrivals = Arc::clone(&arrivals);
        async move { answer(request, &arrivals).await }
    })
    .await
}

#[derive(Default)]
struct Arrivals {
    seen: Mutex<Vec<bool>>,
    count: watch::Sender<usize>,
}

impl Arrivals {
    fn note(&self, serial: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() <= serial {
            seen.resize(serial + 1, false);
        }
        if !std::mem::replace(&mut seen[serial], true) {
            self.count.send_modify(|count| *count += 1);
        }
    }
}

async fn answer(request: Request<Incoming>, arrivals: &Arrivals) -> Result<Response<http::Full>> {
    if request.method() == Method::GET {
        let wanted: usize = request.uri().path().trim_start_matches('/').parse()?;
        arrivals.count.subscribe().wait_for(|count| *count >= wanted).await?;
        return Ok(http::reply(StatusCode::OK, Bytes::new()));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let mut serials = complaint::serials(&body).peekable();
    if serials.peek().is_none() {
        eprintln!("an event without a complaint: {} bytes", body.len());
    }
    serials.for_each(|serial| arrivals.note(serial));
    Ok(http::reply(StatusCode::NO_CONTENT, Bytes::new()))
}
