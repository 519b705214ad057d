//! Servers as child processes: on their own core, and measured from outside.

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Linux counts in hundredths of a second for programs, whatever it does inside (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
const LONGEST_START: Duration = Duration::from_secs(20);
const LAST_LINES: usize = 10;

/// Which cores are whose.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    all: CpuSet,
    server: CpuSet,
    rest: CpuSet,
}

impl Cores {
    /// The last core is the server's, the others are the load generator's and the sink's.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn divide() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let (mut server, mut rest) = (CpuSet::new(), all);
        if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu)) {
            server.set(last);
            if all.count() > 1 {
                rest.unset(last);
            }
        }
        Ok(Self { all, server, rest })
    }

    /// Whether the server has a core of its own.
    pub fn apart(&self) -> bool {
        self.all.count() > 1
    }
}

/// Where a child runs.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// On the server's core.
    Server,
    /// Beside the load generator.
    Rest,
    /// Wherever the kernel likes.
    Anywhere,
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to the line `listening on`.
    pub start: Duration,
}

impl Server {
    /// Starts a program and waits for the line `listening on` with `expected`, or else with any address.
    ///
    /// # Errors
    /// It cannot be started, ends, or says nothing of the kind for 20 s; with its last lines.
    pub fn start(mut command: Command, place: Place, cores: &Cores, expected: Option<SocketAddr>) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A child inherits the affinity of the thread that starts it.
        let set = match place {
            Place::Server => &cores.server,
            Place::Rest => &cores.rest,
            Place::Anywhere => &cores.all,
        };
        sched_setaffinity(None, set)?;
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()));
        sched_setaffinity(None, &cores.rest)?;
        let mut child = child?;
        let lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
        let (heard, hears) = mpsc::channel();
        thread::spawn(move || {
            let mut last = VecDeque::new();
            let mut listening = false;
            // To its end, so that the child never waits for a reader.
            for line in lines.map_while(Result::ok) {
                if !listening && let Some(address) = listening_on(&line, expected) {
                    listening = true;
                    // Whoever waited may have given up.
                    let _ = heard.send(Ok((address, begun.elapsed())));
                }
                last.push_back(line);
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
            let _ = heard.send(Err(Vec::from(last).join("\n  ")));
        });
        match hears.recv_timeout(LONGEST_START) {
            Ok(Ok((address, start))) => Ok(Self { child, address, start }),
            told => {
                let _ = child.kill();
                let _ = child.wait();
                match told {
                    Ok(Err(last)) => bail!("{:?} ended at its start:\n  {last}", command.get_program()),
                    _ => bail!("{:?} did not say `listening on` for {LONGEST_START:?}", command.get_program()),
                }
            }
        }
    }

    /// Processor time so far, all threads, in seconds.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in brackets may hold anything; the third field comes behind the last bracket.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let mut times = fields.split_whitespace().skip(11);
        let mut ticks = || times.next().and_then(|ticks| ticks.parse::<f64>().ok()).context("no times in stat");
        Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
    }

    /// Waits until it rests (0.3 s without a tick), for work that goes on after the last answer; 20 s at most.
    ///
    /// # Errors
    /// It has ended.
    pub fn settle(&self) -> Result<()> {
        let begun = Instant::now();
        let (mut before, mut since) = (self.cpu()?, Instant::now());
        while since.elapsed() < Duration::from_millis(300) && begun.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(50));
            let now = self.cpu()?;
            if now > before + 0.011 {
                (before, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Memory in use (resident), in megabytes of a million bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in status")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line such as `listening on 127.0.0.1:8080`, as text or in JSON.
fn listening_on(line: &str, expected: Option<SocketAddr>) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let rest = rest.trim_start_matches("http://");
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(rest.len());
    let address = rest[..end].parse().ok()?;
    (expected.is_none() || expected == Some(address)).then_some(address)
}
