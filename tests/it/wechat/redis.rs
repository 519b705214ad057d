//! A real Redis for the gateways of a test.

use crate::harness::{seconds, until};

/// A Redis of its own.
pub struct Redis {
    child: std::process::Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Redis {
    pub async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new("redis-server");
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &port.to_string()]).current_dir(directory.path());
        let child = command.stdout(std::process::Stdio::null()).spawn().expect("redis-server");
        until("redis-server", seconds(10), || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Self { child, port, _directory: directory }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Redis {
    /// Everything in it: names and values.
    pub fn contents(&self) -> String {
        let ask = |command: &[&str]| {
            let mut redis = std::process::Command::new("redis-cli");
            let output = redis.args(["-p", &self.port.to_string()]).args(command).output().expect("redis-cli");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let names = ask(&["KEYS", "*"]);
        let values: String = names.lines().map(|name| ask(&["GET", name])).collect();
        names + &values
    }

    /// It is there no more.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}
