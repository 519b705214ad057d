//! Just enough HTTP/1.1 (RFC 9112) to see every byte and every broken connection, for the client and the core alike.

use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request or an answer.
#[derive(Debug, Clone)]
pub struct Message {
    pub first_line: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads one message; `None` when the other side closed before its first byte.
pub async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Option<Message>> {
    let Some(mut message) = head(stream, buffer).await? else { return Ok(None) };
    if message.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        message.body = chunked(stream, buffer).await?;
    } else {
        let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        fill(stream, buffer, length).await?;
        message.body = buffer.split_to(length).freeze();
    }
    Ok(Some(message))
}

/// Reads up to the blank line; the body stays unread.
pub async fn head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Option<Message>> {
    let end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.advance(end + 4);
    let mut lines = text.split("\r\n");
    let first_line = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Some(Message { first_line, headers, body: Bytes::new() }))
}

async fn chunked(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let end = loop {
            if let Some(end) = find(buffer, b"\r\n") {
                break end;
            }
            fill(stream, buffer, buffer.len() + 1).await?;
        };
        let size = usize::from_str_radix(&String::from_utf8_lossy(&buffer[..end]), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        buffer.advance(end + 2);
        fill(stream, buffer, size + 2).await?;
        body.extend_from_slice(&buffer[..size]);
        buffer.advance(size + 2);
        if size == 0 {
            return Ok(body.freeze());
        }
    }
}

async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut, length: usize) -> io::Result<()> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn find(buffer: &[u8], pattern: &[u8]) -> Option<usize> {
    buffer.windows(pattern.len()).position(|window| window == pattern)
}
