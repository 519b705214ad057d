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
}

impl Redis {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut redis = Self { child: None, port, directory: tempfile::tempdir().unwrap() };
        redis.again().await;
        redis
    }

    /// Starts it (again), empty.
    pub async fn again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.current_dir(self.directory.path()).stdout(Stdio::null());
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
