//! A real Redis that can be killed, stopped, emptied and started again.

use crate::harness::{seconds, until};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// A Redis of its own.
pub struct Redis {
    child: Option<Child>,
    port: u16,
    directory: tempfile::TempDir,
    options: Vec<String>,
}

impl Redis {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With options of its own.
    pub async fn with(options: &[&str]) -> Self {
        // A node of a cluster listens on its port and 10,000 above.
        let port = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let port = port.take(1_000).find(|port| *port < 55_000).expect("a port");
        let options = options.iter().map(ToString::to_string).collect();
        let mut redis = Self { child: None, port, directory: tempfile::tempdir().unwrap(), options };
        redis.again().await;
        redis
    }

    /// Asks others which of the Redis they watch is the primary, and makes another one that if it is gone.
    pub async fn sentinel(primary: &Self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = directory.path().join("sentinel.conf");
        let watched = primary.port;
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor leshan 127.0.0.1 {watched} 2\n\
             sentinel down-after-milliseconds leshan 500\nsentinel failover-timeout leshan 2000\n"
        );
        std::fs::write(&configuration, text).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&configuration).arg("--sentinel").current_dir(directory.path()).stdout(Stdio::null());
        let child = Some(command.spawn().expect("redis-server: `make setup`"));
        until("sentinel", seconds(10), || TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Self { child, port, directory, options: Vec::new() }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it (again), empty.
    pub async fn again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(&self.options).current_dir(self.directory.path()).stdout(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server: `make setup`"));
        until("redis-server", seconds(10), || TcpStream::connect(("127.0.0.1", self.port)).ok()).await;
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Hangs, or goes on.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What it answers.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut redis = Command::new("redis-cli");
        let output = redis.args(["-p", &self.port.to_string()]).args(command).output().expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
