//! The load generator: one thread, many keep-alive connections, one request under way on each.
//!
//! It does as little as it can for each request (one write, one read, a look at the status and the length), so that it is
//! not the thing being measured.

use anyhow::{Context as _, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How long the server may say nothing at all.
const PATIENCE: Duration = Duration::from_secs(30);
/// A whole answer, with room to spare.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Ready-made HTTP/1.1 requests, one after the other.
#[derive(Debug, Default)]
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// One POST for each body.
    pub fn post(path: &str, token: &str, bodies: impl Iterator<Item = String>) -> Self {
        let mut all = Self::default();
        for body in bodies {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            all.bytes.extend_from_slice(head.as_bytes());
            all.bytes.extend_from_slice(body.as_bytes());
            all.ends.push(all.bytes.len());
        }
        all
    }

    fn get(&self, at: usize) -> &[u8] {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[from..self.ends[at]]
    }
}

/// One run.
#[derive(Debug)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// From a request's write to the end of its answer, shortest first.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// The latency that `share` (0 to 1) of the requests stayed within.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// Sends the requests `which` and waits for all answers.
///
/// # Errors
/// An answer other than 2xx, a broken connection, or 30 s of silence.
pub fn run(
    to: SocketAddr,
    requests: &Requests,
    which: impl Iterator<Item = usize>,
    connections: usize,
) -> Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections);
    let mut lines = (0..connections).map(|_| Line::connect(to)).collect::<Result<Vec<_>>>()?;
    for (token, line) in lines.iter_mut().enumerate() {
        poll.registry().register(&mut line.stream, Token(token), Interest::READABLE)?;
    }
    let mut which = which.map(|at| requests.get(at));
    let mut latencies = Vec::with_capacity(which.size_hint().0);
    let mut under_way = 0;
    let begun = Instant::now();
    for (line, request) in lines.iter_mut().zip(&mut which) {
        line.send(request)?;
        under_way += 1;
    }
    while under_way > 0 {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "no answer for {PATIENCE:?}, {} answered", latencies.len());
        for event in &events {
            let line = &mut lines[event.token().0];
            if let Some(latency) = line.receive()? {
                latencies.push(latency);
                match which.next() {
                    Some(request) => line.send(request)?,
                    None => under_way -= 1,
                }
            }
        }
    }
    let elapsed = begun.elapsed();
    latencies.sort_unstable();
    Ok(Outcome { elapsed, latencies })
}

/// One connection.
struct Line {
    stream: TcpStream,
    sent: Option<Instant>,
    answer: Vec<u8>,
    filled: usize,
}

impl Line {
    fn connect(to: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(to).context("connecting to the server")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream: TcpStream::from_std(stream), sent: None, answer: vec![0; LONGEST_ANSWER], filled: 0 })
    }

    /// A socket's buffer holds a request many times over: a short write is a fault.
    fn send(&mut self, request: &[u8]) -> Result<()> {
        self.sent = Some(Instant::now());
        self.filled = 0;
        ensure!(self.stream.write(request)? == request.len(), "a request did not fit the socket's buffer");
        Ok(())
    }

    /// Reads what there is; the latency once the answer is whole.
    fn receive(&mut self) -> Result<Option<Duration>> {
        loop {
            match self.stream.read(&mut self.answer[self.filled..]) {
                Ok(0) => bail!("the server closed a connection (or answered more than {LONGEST_ANSWER} bytes)"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            let answer = &self.answer[..self.filled];
            if !whole(answer)? {
                continue;
            }
            let Some(sent) = self.sent.take() else { bail!("an answer nobody asked for") };
            ensure!(answer.get(9) == Some(&b'2'), "answered: {}", String::from_utf8_lossy(answer));
            return Ok(Some(sent.elapsed()));
        }
    }
}

/// Whether the head and the `Content-Length` bytes behind it are all there.
fn whole(answer: &[u8]) -> Result<bool> {
    let Some(head) = memchr::memmem::find(answer, b"\r\n\r\n") else { return Ok(false) };
    let length = answer[..head].split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        let value = name.eq_ignore_ascii_case(b"content-length:").then_some(value)?;
        std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok()
    });
    let Some(length) = length else { bail!("answered without a length: {}", String::from_utf8_lossy(answer)) };
    Ok(answer.len() >= head + 4 + length)
}
