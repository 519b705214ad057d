//! A plain client that sees what is on the wire.

use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here may take.
pub const LONG: Duration = Duration::from_secs(20);

/// A connection and what was read beyond the last answer.
pub struct Client {
    pub stream: TcpStream,
    rest: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn closes(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }

    pub fn is_problem(&self) -> bool {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        self.head.contains("\r\ncontent-type: application/problem+json\r\n") && json["status"] == self.status
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, rest: Vec::new() })
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    pub async fn get(&mut self, path: &str) -> io::Result<Option<Answer>> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await?;
        self.answer().await
    }

    /// The next answer with a `Content-Length`; `None` if the server closed in peace before it.
    pub async fn answer(&mut self) -> io::Result<Option<Answer>> {
        let head_end = loop {
            if let Some(at) = self.rest.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await? {
                assert!(self.rest.is_empty(), "cut in mid-head");
                return Ok(None);
            }
        };
        let head = String::from_utf8(self.rest.drain(..head_end).collect()).unwrap().to_ascii_lowercase();
        let status = head[9..12].parse().unwrap();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.rest.len() < length {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(Answer { status, head, body: self.rest.drain(..length).collect() }))
    }

    /// Waits until the server closes, in peace.
    pub async fn closed(&mut self) -> io::Result<()> {
        while self.more().await? {}
        Ok(())
    }

    async fn more(&mut self) -> io::Result<bool> {
        timeout(LONG, self.stream.read_buf(&mut self.rest))
            .await
            .expect("the server neither answers nor closes")
            .map(|read| read > 0)
    }
}
