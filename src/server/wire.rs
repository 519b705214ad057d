//! The socket as hyper sees it: it keeps the [`Turn`] and holds back hyper's own empty error answers, which
//! [`Wire::finish`] replaces by problems.

use super::{problem::Http, turn::Turn};
use bytes::BytesMut;
use http::StatusCode;
use jiesu_connector::Problem;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

/// How long a client that was told may go on sending before its connection is closed under it.
const LINGER: Duration = Duration::from_secs(10);
/// How long it may pause meanwhile, if it was cut short in what it was sending.
const LINGER_GAP: Duration = Duration::from_secs(2);
/// The same, if it had sent all: time for a request that crossed our close on the way.
const LINGER_SILENT: Duration = Duration::from_millis(500);
/// How much it may send meanwhile.
const LINGER_BYTES: u64 = 256 << 20;

/// A client's socket.
pub(super) struct Wire {
    stream: TcpStream,
    turn: Arc<Turn>,
    refused: Option<StatusCode>,
    ended: bool,
    broken: bool,
}

impl Wire {
    pub fn new(stream: TcpStream, turn: Arc<Turn>) -> Self {
        Self { stream, turn, refused: None, ended: false, broken: false }
    }

    /// What hyper itself refused the last request with.
    pub fn refused(&self) -> Option<StatusCode> {
        self.refused
    }

    /// Says `problem`, if any, and closes the connection so that the client can read what it was told: a socket
    /// closed with unread bytes in it resets the connection and may take the answer with it (RFC 9112, 9.6). What
    /// still comes is read and thrown away, at most until `until`.
    pub async fn finish(mut self, problem: Option<Problem>, until: Instant) {
        if self.broken {
            return;
        }
        let gap = if problem.is_some() || self.turn.body_open() { LINGER_GAP } else { LINGER_SILENT };
        if let Some(problem) = problem {
            let answer = Http(problem).to_wire();
            if !matches!(timeout(LINGER_GAP, self.stream.write_all(&answer)).await, Ok(Ok(()))) {
                return;
            }
        }
        if self.stream.shutdown().await.is_err() || self.ended {
            return;
        }
        let end = until.min(Instant::now() + LINGER);
        let mut left = LINGER_BYTES;
        let mut sink = BytesMut::new();
        while left > 0 {
            sink.clear();
            // Room is made only once bytes are there: most clients close, and an idle one costs no buffer.
            if !matches!(timeout_at(end.min(Instant::now() + gap), self.stream.readable()).await, Ok(Ok(()))) {
                return;
            }
            sink.reserve(64 << 10);
            match timeout_at(end, self.stream.read_buf(&mut sink)).await {
                Ok(Ok(read)) if read > 0 => left = left.saturating_sub(read as u64),
                _ => return,
            }
        }
    }

    /// Whether these bytes are an error answer of hyper's own, to be replaced: no exchange is under way, so nothing
    /// else can be written now.
    fn held_back(&mut self, bytes: &[u8]) -> bool {
        if self.refused.is_some() {
            return true;
        }
        if !self.turn.clean() {
            return false;
        }
        let code = bytes.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok());
        self.refused = code.filter(StatusCode::is_client_error);
        self.refused.is_some()
    }

    fn written<T>(&mut self, result: &Poll<io::Result<T>>) {
        self.turn.stall(result.is_pending());
        if let Poll::Ready(Err(_)) = result {
            self.broken = true;
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        match &result {
            Poll::Ready(Ok(())) if buf.filled().len() > before => self.turn.received(),
            Poll::Ready(Ok(())) => self.ended = true,
            Poll::Ready(Err(_)) => self.broken = true,
            Poll::Pending => {}
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.held_back(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.held_back(bufs.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once its own buffers are empty; a TCP socket has none.
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // `finish` does it, after what may still have to be said.
        Poll::Ready(Ok(()))
    }
}
