//! The six servers of the table, and one round of each.

use crate::{
    load::{self, Requests},
    process::{Cores, Place, Server},
    settings::Settings,
};
use anyhow::{Context as _, Result, ensure};
use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The api key of the benchmark's partner.
pub const TOKEN: &str = "bench-partner-0123456789";
/// The path of the benchmark's channel; the floors take any.
pub const PATH: &str = "/channels/partner";
/// The gateway's configuration, in its directory; what is there already stays.
const CONFIG: &str = "gateway.toml";
/// Triage that judges nothing.
const NO_RULES: &str = "profile = \"none\"\nmode = \"normal\"\n[profiles.none]\nterms = []\n";
/// How long the last event may take after the last answer.
const DELIVERY: Duration = Duration::from_secs(60);
/// A run of the bare server is over in a blink: it gets the requests several times.
const BARE_TIMES: usize = 4;

/// A row of the table, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// hyper, nothing stored.
    Bare = 1,
    /// hyper and a store.
    AcknowledgeFloor,
    /// hyper, a store and forwarding.
    EndToEndFloor,
    /// The gateway without a core.
    Acknowledge,
    /// The gateway with a core.
    EndToEnd,
    /// The same, but nothing is compared or judged.
    PlainEndToEnd,
}

impl Row {
    /// In the order of a round: each floor right before what is held against it.
    pub const ROUND: [Self; 6] = [
        Self::Bare,
        Self::AcknowledgeFloor,
        Self::Acknowledge,
        Self::EndToEndFloor,
        Self::EndToEnd,
        Self::PlainEndToEnd,
    ];

    /// In the order of the table.
    pub const TABLE: [Self; 6] = [
        Self::Bare,
        Self::AcknowledgeFloor,
        Self::EndToEndFloor,
        Self::Acknowledge,
        Self::EndToEnd,
        Self::PlainEndToEnd,
    ];

    /// What it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare hyper",
            Self::AcknowledgeFloor => "hyper + SQLite: the acknowledge floor",
            Self::EndToEndFloor => "the same + forwarding: the end-to-end floor",
            Self::Acknowledge => "jiesu, acknowledge",
            Self::EndToEnd => "jiesu, end to end",
            Self::PlainEndToEnd => "the same without repeats and triage",
        }
    }

    /// What it is held against, and the least share of its requests/s to reach.
    pub fn floor(self) -> Option<(Self, f64)> {
        match self {
            Self::Acknowledge => Some((Self::AcknowledgeFloor, 0.6)),
            Self::EndToEnd | Self::PlainEndToEnd => Some((Self::EndToEndFloor, 0.5)),
            _ => None,
        }
    }

    fn has_core(self) -> bool {
        matches!(self, Self::EndToEndFloor | Self::EndToEnd | Self::PlainEndToEnd)
    }

    fn start(self, directory: &Path, core: Option<SocketAddr>, cores: &Cores) -> Result<Server> {
        let core = core.map(|core| format!("http://{core}/events"));
        let floor = |arguments: &[&str]| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(arguments);
            Server::start(command, Place::Server, cores, None)
        };
        let path = directory.to_str().context("the target directory is no UTF-8")?;
        match (self, &core) {
            (Self::Bare, _) => floor(&["--serve-bare"]),
            (Self::AcknowledgeFloor, _) => floor(&["--serve-durable", path]),
            (Self::EndToEndFloor, core) => floor(&["--serve-durable", path, core.as_deref().context("no core")?]),
            (Self::Acknowledge | Self::EndToEnd, core) => gateway(directory, core.as_deref(), Place::Server, cores),
            (Self::PlainEndToEnd, core) => {
                fs::write(directory.join("deadlines.toml"), NO_RULES)?;
                fs::write(directory.join("categories.toml"), "categories = []\n")?;
                fs::write(directory.join(CONFIG), "[repeats]\nwindow = \"off\"\n")?;
                gateway(directory, core.as_deref(), Place::Server, cores)
            }
        }
    }
}

/// What one round measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Requests a second: to the last answer, or with a core to the last arrival.
    pub rate: f64,
    /// Median latency of an answer, in milliseconds.
    pub p50: f64,
    /// 99th percentile of it.
    pub p99: f64,
    /// Processor seconds of the server for 10,000 requests, until it rests again.
    pub cpu: f64,
}

/// An empty directory on the disk that holds the build (a temporary file system would know no fsync).
///
/// # Errors
/// It cannot be made.
pub fn directory() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("bench-line-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// One round: fresh processes, an empty store, a warm-up, then the measured requests.
///
/// # Errors
/// Whatever went wrong: a request not answered 2xx, a complaint that did not arrive.
pub fn round(row: Row, settings: &Settings, requests: &Requests, cores: &Cores) -> Result<Measured> {
    let directory = directory()?;
    let sink = match row.has_core() {
        true => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--serve-sink");
            Some(Server::start(command, Place::Rest, cores, None)?)
        }
        false => None,
    };
    let sink = sink.as_ref().map(|sink| sink.address);
    let server = row.start(directory.path(), sink, cores)?;
    let arrived = |count| sink.map_or(Ok(()), |sink| wait_for_arrivals(sink, count));

    load::run(server.address, requests, 0..settings.warm_up, settings.connections)?;
    arrived(settings.warm_up)?;
    server.settle()?;

    let times = if row == Row::Bare { BARE_TIMES } else { 1 };
    let all = settings.warm_up + settings.requests;
    let which = (0..settings.requests * times).map(|at| settings.warm_up + at % settings.requests);
    let (cpu, begun) = (server.cpu()?, Instant::now());
    let outcome = load::run(server.address, requests, which, settings.connections)?;
    arrived(all)?;
    let elapsed = if row.has_core() { begun.elapsed() } else { outcome.elapsed };
    server.settle()?;
    let sent = outcome.latencies.len();
    ensure!(sent == settings.requests * times, "{sent} answers to {} requests", settings.requests * times);
    Ok(Measured {
        rate: sent as f64 / elapsed.as_secs_f64(),
        p50: outcome.quantile(0.5).as_secs_f64() * 1e3,
        p99: outcome.quantile(0.99).as_secs_f64() * 1e3,
        cpu: (server.cpu()? - cpu) / sent as f64 * 1e4,
    })
}

/// Start time in seconds and idle memory in megabytes of the gateway on an empty store, on all cores.
///
/// # Errors
/// It does not start.
pub fn idle(cores: &Cores) -> Result<(f64, f64)> {
    let directory = directory()?;
    let server = gateway(directory.path(), None, Place::Anywhere, cores)?;
    std::thread::sleep(Duration::from_secs(1));
    Ok((server.start.as_secs_f64(), server.memory()?))
}

fn gateway(directory: &Path, core: Option<&str>, place: Place, cores: &Cores) -> Result<Server> {
    // Both ports are taken and let go again: the gateway gets addresses that are known beforehand.
    let (public, admin) = {
        let (public, admin) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        (public.local_addr()?, admin.local_addr()?)
    };
    let at = directory.display();
    let mut config = format!(
        "[server]\nlisten = \"{public}\"\npublic_url = \"http://{public}\"\n\
         [admin]\nlisten = \"{admin}\"\n\
         [store]\nurl = \"sqlite:{at}/jiesu.db\"\nfiles = \"{at}/files\"\n\
         [limits]\nper_address = \"off\"\nper_key = \"off\"\nper_citizen = \"off\"\n\
         [channels.partner]\ntype = \"api\"\nhotline = \"12345\"\n\
         keys = [{{ name = \"bench\", token = \"env:JIESU_BENCH_TOKEN\" }}]\n"
    );
    if let Some(core) = core {
        config.push_str(&format!(
            "[core]\nurl = \"{core}\"\nsecret = \"env:JIESU_BENCH_SECRET\"\ntoken = \"env:JIESU_BENCH_TOKEN\"\n"
        ));
    }
    let file = directory.join(CONFIG);
    OpenOptions::new().create(true).append(true).open(&file)?.write_all(config.as_bytes())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_jiesu"));
    command
        .args(["serve".as_ref(), "--config".as_ref(), file.as_os_str()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUST_LOG")
        .env("JIESU_BENCH_TOKEN", TOKEN)
        .env("JIESU_BENCH_SECRET", "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=");
    Server::start(command, place, cores, Some(public))
}

fn wait_for_arrivals(sink: SocketAddr, count: usize) -> Result<()> {
    let mut stream = TcpStream::connect(sink)?;
    stream.set_read_timeout(Some(DELIVERY))?;
    write!(stream, "GET /{count} HTTP/1.1\r\nHost: sink\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).with_context(|| format!("not all of {count} complaints arrived in {DELIVERY:?}"))?;
    ensure!(answer.ends_with(b" 200"), "the sink answered {}", String::from_utf8_lossy(&answer));
    Ok(())
}
