//! Peers: programs that speak a protocol as other people's libraries or documents have it (`tests/peers`).

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

/// The Python that `make setup` made, and where the peers are.
pub fn python() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/bin/python");
    assert!(python.exists(), "{} is missing: run `make setup`", python.display());
    (python, root.join("tests/peers"))
}

/// A peer in Python that serves: it prints its port, then one JSON line for whatever happens. It ends with its handle.
pub struct Peer {
    pub port: u16,
    child: Child,
    orders: ChildStdin,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Peer {
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let (python, peers) = python();
        let mut command = Command::new(python);
        let mut child = command
            .arg(peers.join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = printed.next().unwrap().unwrap().parse().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in printed.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let orders = child.stdin.take().unwrap();
        Self { port, child, orders, lines }
    }

    /// What happened so far.
    pub fn seen(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Tells it to do something.
    pub fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
