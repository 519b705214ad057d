//! The gateway as a process: started, watched, stopped and killed.

use super::until;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// A running gateway. Killed when dropped; its log is printed when the test failed.
pub struct Gateway {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts `command` and waits until it listens.
    pub async fn start(command: Command) -> Self {
        let mut process = Process::spawn(command);
        let (public, admin) = until("listening on the public and the admin address", Duration::from_secs(20), || {
            let log = process.log.lock().unwrap().clone();
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("the gateway ended with {status}:\n{log}");
            }
            let mut addresses = log.split("listening on ").skip(1).filter_map(address);
            Some((addresses.next()?, addresses.next()?))
        })
        .await;
        let Process { child, log } = process;
        Self { public, admin, child, log }
    }

    /// Starts `command`, which is expected to end by itself: its status and what it printed.
    pub async fn fails(command: Command) -> (ExitStatus, String) {
        let mut process = Process::spawn(command);
        let status = until("the end of the process", Duration::from_secs(20), || process.child.try_wait().unwrap());
        let status = status.await;
        // The reader thread may still have a line to take over.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let log = process.log.lock().unwrap().clone();
        (status, log)
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// SIGSTOP: it does nothing any more, and does not know.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// SIGCONT: it goes on, as if no time had passed.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        until("the end of the gateway", within, || self.child.try_wait().unwrap()).await
    }

    /// Resident memory in bytes (proc(5), VmRSS).
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
            eprintln!("--- the gateway's log, its end ---\n{}", &log[from..]);
        }
    }
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = lines.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    let end = text.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(text.len());
    text[..end].parse().ok()
}
