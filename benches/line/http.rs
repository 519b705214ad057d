//! The least HTTP/1.1 server hyper can be: what every floor is made of.

use anyhow::Result;
use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A whole body.
pub type Full = http_body_util::Full<Bytes>;

/// Says where it listens, then serves until it is killed.
///
/// # Errors
/// The port.
pub async fn serve<H, F>(handler: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Full>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(handler.clone());
        tokio::spawn(async move {
            // A connection that breaks off is the load generator going home.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// An answer of JSON.
pub fn reply(status: StatusCode, json: Bytes) -> Response<Full> {
    let mut response = Response::new(Full::new(json));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
