//! An SMPP message centre of other people's making (`node-smpp`, `tests/peers/smpp`), driven by lines of JSON.

use crate::harness::{Site, seconds, until};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

/// A centre on a port of its own; it ends with its handle.
pub struct Centre {
    pub port: u64,
    child: Child,
    orders: ChildStdin,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Centre {
    pub async fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("target/peers-smpp/node_modules");
        assert!(modules.exists(), "node-smpp is not installed: run `make setup`");
        let mut command = Command::new("node");
        command.arg(root.join("tests/peers/smpp/centre.js")).env("NODE_PATH", modules);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (stdout, seen) = (child.stdout.take().unwrap(), Arc::clone(&events));
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                seen.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let orders = child.stdin.take().unwrap();
        let mut centre = Self { port: 0, child, orders, events };
        centre.port = until("a listening centre", seconds(20), || {
            centre.events.lock().unwrap().first().and_then(|event: &Value| event["port"].as_u64())
        })
        .await;
        centre
    }

    /// The channel in a site's configuration.
    pub fn configure(&self, site: &mut Site) {
        let table = format!(
            "type = \"sms\"\nhotline = \"12345\"\ntransport = \"smpp\"\nhost = \"127.0.0.1\"\nport = {}\n\
             username = \"hotline\"\npassword = \"s3cret\"\nservice_code = \"12345\"\nassembly = \"immediate\"",
            self.port
        );
        site.set("channels.sms", table.parse::<toml::Table>().unwrap());
    }

    pub fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// Delivers a deliver_sm with these fields under a name for its answer.
    pub fn deliver(&mut self, key: &str, pdu: Value) {
        self.order(&json!({ "do": "deliver", "key": key, "pdu": pdu }));
    }

    /// Events of this kind, in order.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.events.lock().unwrap().iter().filter(|event| event["is"] == kind).cloned().collect()
    }

    /// The statuses that a delivery was answered with.
    pub fn answers(&self, key: &str) -> Vec<u64> {
        let answered = self.events("answered").into_iter().filter(|event| event["key"] == key);
        answered.map(|event| event["status"].as_u64().unwrap()).collect()
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
