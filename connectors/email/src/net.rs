//! Connections to mail servers.

use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt::Debug, io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
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

/// The certificates of a `ca_file`, as PEM. Read anew for each connection, so that a renewed one counts at once.
pub async fn authorities(path: &Path) -> io::Result<Vec<u8>> {
    let wrong = |what: String| io::Error::other(format!("ca_file {}: {what}", path.display()));
    let pem = tokio::fs::read(path).await.map_err(|error| wrong(error.to_string()))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(_) => Ok(pem),
        None => Err(wrong("has no certificate in PEM (-----BEGIN CERTIFICATE-----)".into())),
    }
}

/// Opens a plain connection.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect((host, port))).await.map_err(|_| io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Encrypts a connection; the server's certificate must be valid for `host`, and come from an authority that the world
/// knows or one of those in `ca_file`.
pub async fn encrypt(stream: Box<dyn Wire>, host: &str, ca_file: Option<&Path>) -> io::Result<Box<dyn Wire>> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        let wrong = |what: String| io::Error::other(format!("ca_file {}: {what}", path.display()));
        for authority in CertificateDer::pem_slice_iter(&authorities(path).await?) {
            let authority = authority.map_err(|error| wrong(error.to_string()))?;
            roots.add(authority).map_err(|error| wrong(error.to_string()))?;
        }
    }
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
