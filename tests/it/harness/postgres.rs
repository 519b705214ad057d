//! A real PostgreSQL of the test's own, on a port and in a directory of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// PostgreSQL will not run as root: as nobody then.
const NOBODY: u32 = 65_534;
/// Who owns the databases.
const ROLE: &str = "jiesu";

/// The server; it is gone with this value.
pub struct Postgres {
    directory: TempDir,
    child: Child,
    port: u16,
    options: &'static [&'static str],
    databases: AtomicUsize,
}

/// Debian's are in no path: the newest one's.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|program| program.exists());
    found.max().unwrap_or_else(|| name.into())
}

fn command(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.current_dir(directory).stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("PostgreSQL's programs: `make setup`");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Postgres {
    /// Starts one, with these settings (`name=value`).
    pub fn start(options: &'static [&'static str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        if rustix::process::geteuid().is_root() {
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = directory.path().join("data");
        let mut initdb = command("initdb", directory.path());
        initdb.args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]);
        run(initdb.arg("--pgdata").arg(&data));
        // Free a moment ago; nobody else binds below the ephemeral ports in between but by chance.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let child = spawn(directory.path(), port, options);
        let server = Self { directory, child, port, options, databases: AtomicUsize::new(0) };
        server.ready();
        server
    }

    fn ready(&self) {
        let (directory, port) = (self.directory.path(), self.port.to_string());
        wait("PostgreSQL is ready", || {
            let mut ask = command("pg_isready", directory);
            ask.args(["--quiet", "--host", "127.0.0.1", "--port", &port]).status().is_ok_and(|status| status.success())
        });
    }

    /// Makes a database, and gives its URL.
    pub fn database(&self) -> String {
        let name = format!("store{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.ask("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{name}", self.port)
    }

    /// What a database answers, a row a line.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let mut psql = command("psql", self.directory.path());
        psql.args(["--no-psqlrc", "-AtqX", "--port", &port, "--username", ROLE])
            .arg("--host")
            .arg(self.directory.path());
        run(psql.args(["--set", "ON_ERROR_STOP=1", "--dbname", database, "--command", sql])).trim_end().to_owned()
    }

    /// From now on it takes this password only, and over TLS only, with the certificate and the key in a directory.
    pub fn lock(&self, certificates: &Path, password: &str) {
        let data = self.directory.path().join("data");
        for (from, to) in [("server.pem", "server.crt"), ("server.key", "server.key")] {
            let to = data.join(to);
            fs::copy(certificates.join(from), &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            if rustix::process::geteuid().is_root() {
                chown(&to, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        self.ask("postgres", &format!("ALTER ROLE {ROLE} PASSWORD '{password}'"));
        self.ask("postgres", "ALTER SYSTEM SET ssl = on");
        fs::write(data.join("pg_hba.conf"), "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
            .unwrap();
        self.ask("postgres", "SELECT pg_reload_conf()");
        wait("it speaks TLS", || self.ask("postgres", "SHOW ssl") == "on");
    }

    /// As after a crash: every connection is cut off, nothing is tidied up; and it is started again.
    pub fn crash(&mut self) {
        self.stop();
        self.child = spawn(self.directory.path(), self.port, self.options);
        self.ready();
    }

    /// Stops it at once.
    pub fn stop(&mut self) {
        signal(self.child.id(), rustix::process::Signal::QUIT);
        let _ = self.child.wait();
        wait("its port is free", || TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }

    /// Starts it again.
    pub fn resume_after_stop(&mut self) {
        self.child = spawn(self.directory.path(), self.port, self.options);
        self.ready();
    }

    /// It accepts connections and bytes, and does nothing any more.
    pub fn hang(&self) {
        self.all(rustix::process::Signal::STOP);
    }

    /// It goes on.
    pub fn go_on(&self) {
        self.all(rustix::process::Signal::CONT);
    }

    fn all(&self, what: rustix::process::Signal) {
        signal(self.child.id(), what);
        children(self.child.id()).into_iter().for_each(|child| signal(child, what));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.go_on();
        signal(self.child.id(), rustix::process::Signal::QUIT);
        let _ = self.child.wait();
    }
}

fn spawn(directory: &Path, port: u16, options: &[&str]) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut server = command("postgres", directory);
    server.arg("-D").arg(directory.join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
    server.arg("-k").arg(directory).args(options.iter().flat_map(|option| ["-c", option]));
    server.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("PostgreSQL: `make setup`")
}

fn signal(process: u32, what: rustix::process::Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(process, what);
    }
}

fn children(of: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
    };
    all.filter(|process| parent(process) == Some(of)).collect()
}
