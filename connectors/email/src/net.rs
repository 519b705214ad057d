//! Connections to mail servers.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt::Debug, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// Connecting, at most; and the greeting of TLS.
const CONNECT: Duration = Duration::from_secs(10);

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte on.
    #[default]
    Implicit,
    /// After the `STARTTLS` command; a server that has none is refused.
    Starttls,
    /// Not at all: for a server on the same machine.
    None,
}

/// A connection, encrypted or not.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug> Wire for T {}

/// Opens a plain connection.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect((host, port))).await.map_err(|_| io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Encrypts a connection; the server's certificate must be valid for `host`.
pub async fn encrypt(stream: Box<dyn Wire>, host: &str) -> io::Result<Box<dyn Wire>> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = timeout(CONNECT, handshake).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(Box::new(stream))
}
