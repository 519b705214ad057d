//! An HTTP client that tells apart what a citizen's program would notice: an answer, a connection closed after it was
//! announced, and one cut without a word.

use super::http::{self, Message};
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub message: Message,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    pub fn body(&self) -> &Bytes {
        &self.message.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or(Value::Null)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    /// Nobody listens.
    Refused,
    /// The connection ended although neither side had said `Connection: close`.
    Cut(#[allow(dead_code, reason = "shown by Debug")] io::Error),
    /// No answer in 30 s.
    Silent,
}

/// One keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    buffer: BytesMut,
    /// The server announced that it will close.
    pub closing: bool,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect(address).await.map_err(|_| Broken::Refused)?;
        let _ = stream.set_nodelay(true);
        Ok(Self { stream, buffer: BytesMut::new(), closing: false })
    }

    /// Sends bytes as they are and reads one answer.
    pub async fn raw(&mut self, bytes: &[u8]) -> Result<Reply, Broken> {
        let exchange = async {
            // A server may answer and close before it has read everything (413): the answer counts.
            let sent = self.stream.write_all(bytes).await;
            match http::read(&mut self.stream, &mut self.buffer).await {
                Ok(Some(message)) => Ok(message),
                Ok(None) => Err(sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
                Err(error) => Err(error),
            }
        };
        let message = timeout(PATIENCE, exchange).await.map_err(|_| Broken::Silent)?.map_err(Broken::Cut)?;
        self.closing = message.closes();
        let status = message.first_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Reply { status: status.unwrap_or(0), message })
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, Broken> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        self.raw(&[bytes.as_bytes(), body].concat()).await
    }

    /// Whether the server has closed in the meantime (nothing can have been lost then: nothing was asked).
    pub fn is_closed(&self) -> bool {
        let mut byte = [0];
        match self.stream.try_read(&mut byte) {
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }
}

/// One request on a connection of its own.
#[track_caller]
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> impl Future<Output = Reply> {
    let caller = std::panic::Location::caller();
    async move {
        let answer = match Connection::open(address).await {
            Ok(mut connection) => connection.send(method, path, headers, body).await,
            Err(broken) => Err(broken),
        };
        answer.unwrap_or_else(|broken| panic!("{caller}: {method} {path}: {broken:?}"))
    }
}

/// GET.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> impl Future<Output = Reply> {
    request(address, "GET", path, &[], b"")
}

/// POST of JSON, with `Authorization: Bearer` if there is a token.
pub async fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &Value) -> Reply {
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let mut headers = vec![("content-type", "application/json")];
    if token.is_some() {
        headers.push(("authorization", &bearer));
    }
    request(address, "POST", path, &headers, body.to_string().as_bytes()).await
}
