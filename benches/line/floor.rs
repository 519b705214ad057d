//! The floors: the same promises as the gateway's, by the least code that can keep them.

use crate::{http, writer::Writer};
use anyhow::{Result, bail};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode, body::Incoming};
use std::path::Path;
use tokio::sync::mpsc;

/// Posts under way to the core at once, as the gateway's default.
const CONCURRENCY: usize = 32;
/// Rows between the store and the core; beyond them the store waits.
const WAITING: usize = 65_536;
const RECEIPT: &[u8] = br#"{"number":"20261122-000123-4","code":"7Q3M-K9TD","status_url":"http://127.0.0.1:8080/status?number=20261122-000123-4"}"#;

/// Reads the request, answers 201.
///
/// # Errors
/// The port.
pub async fn bare() -> Result<()> {
    http::serve(async |request: Request<Incoming>| {
        request.into_body().collect().await?;
        Ok(http::reply(StatusCode::CREATED, Bytes::from_static(RECEIPT)))
    })
    .await
}

/// Answers 201 once the body is on disk; with a core, also posts every stored body to it.
///
/// # Errors
/// The port, the store's file.
pub async fn durable(directory: &Path, core: Option<&str>) -> Result<()> {
    let (forward, rows) = match core {
        Some(_) => Some(mpsc::channel(WAITING)).unzip(),
        None => (None, None),
    };
    let writer = Writer::open(&directory.join("floor.db"), forward)?;
    if let (Some(core), Some(rows)) = (core, rows) {
        let (core, writer) = (core.to_owned(), writer.clone());
        tokio::spawn(async move {
            if let Err(error) = deliver(rows, &core, &writer).await {
                eprintln!("forwarding stopped: {error:#}");
                std::process::exit(1);
            }
        });
    }
    http::serve(move |request| {
        let writer = writer.clone();
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            writer.store(body).await?;
            Ok(http::reply(StatusCode::CREATED, Bytes::from_static(RECEIPT)))
        }
    })
    .await
}

async fn deliver(rows: mpsc::Receiver<(i64, Bytes)>, core: &str, writer: &Writer) -> Result<()> {
    // An error only says that a provider has been chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().pool_max_idle_per_host(CONCURRENCY).no_proxy().build()?;
    let core: reqwest::Url = core.parse()?;
    let rows = stream::unfold(rows, async |mut rows| rows.recv().await.map(|row| (row, rows)));
    let posts = rows.map(|(id, body)| {
        let post = client
            .post(core.clone())
            .header("content-type", "application/cloudevents+json")
            .header("webhook-id", id)
            .body(body);
        async move {
            let answer = post.send().await?;
            if !answer.status().is_success() {
                bail!("the core answered {}", answer.status());
            }
            answer.bytes().await?;
            Ok(id)
        }
    });
    let mut delivered = std::pin::pin!(posts.buffer_unordered(CONCURRENCY).ready_chunks(CONCURRENCY));
    while let Some(batch) = delivered.next().await {
        writer.mark(batch.into_iter().collect::<Result<_>>()?).await?;
    }
    Ok(())
}
