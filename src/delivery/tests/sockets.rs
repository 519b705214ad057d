//! A receiver on a real socket that answers with whatever bytes it is told.

use bytes::Bytes;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Seen {
    pub head: String,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

pub enum Reply {
    /// These bytes, and then the next request.
    Send(String),
    /// These bytes, and then the connection is closed.
    Break(String),
    /// These bytes; the connection is closed as soon as the receiver is told to.
    BreakLater(String),
    Hang,
}

pub fn status(status: u16, body: &str) -> Reply {
    Reply::Send(format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

pub struct Receiver {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<(AtomicUsize, AtomicUsize)>,
    closing: watch::Sender<bool>,
}

impl Receiver {
    /// Answers the nth request (from 0) by `script`.
    pub async fn start(script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0", script).await
    }

    pub async fn start_on(address: &str, script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<(AtomicUsize, AtomicUsize)>::default());
        let (closing, closed) = watch::channel(false);
        let (script, log, counts) = (Arc::new(script), Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                let (counts, closed) = (Arc::clone(&counts), closed.clone());
                counts.0.fetch_add(1, Relaxed);
                tokio::spawn(async move {
                    serve(stream, &*script, &log, closed).await;
                    counts.1.fetch_add(1, Relaxed);
                });
            }
        });
        Self { address, seen, connections, closing }
    }

    /// Connections that were opened, ever.
    pub fn opened(&self) -> usize {
        self.connections.0.load(Relaxed)
    }

    /// Of these, how many are closed.
    pub fn closed(&self) -> usize {
        self.connections.1.load(Relaxed)
    }

    /// Closes the connections that it was to close later.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &(dyn Fn(usize, &Seen) -> Reply + Send + Sync),
    log: &Mutex<Vec<Seen>>,
    mut closed: watch::Receiver<bool>,
) {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break buffer.drain(..end + 4).collect::<Vec<u8>>();
            }
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        };
        let mut seen = Seen { head: String::from_utf8(head).unwrap(), body: Bytes::new() };
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        while buffer.len() < length {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
        }
        seen.body = buffer.drain(..length).collect::<Vec<u8>>().into();
        let place = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        match script(place, &seen) {
            Reply::Send(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Reply::Break(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
                return;
            }
            Reply::BreakLater(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = closed.wait_for(|closed| *closed).await;
                return;
            }
            Reply::Hang => std::future::pending().await,
        }
    }
}
