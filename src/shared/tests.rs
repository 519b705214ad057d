//! Against a real `redis-server`.

use super::*;
use std::{
    fs,
    io::{self, Read},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use tracing::subscriber::DefaultGuard;

const MINUTE: Duration = Duration::from_secs(60);

/// A Redis of its own, on a port of its own, in a directory of its own.
struct Server {
    directory: tempfile::TempDir,
    address: SocketAddr,
    options: Vec<&'static str>,
    process: Option<Child>,
}

impl Server {
    async fn start(options: &[&'static str]) -> Self {
        // Between this and the start somebody else may take the port: then the next one.
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let directory = tempfile::tempdir().unwrap();
            let mut server = Self { directory, address, options: options.to_vec(), process: None };
            if server.run().await {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// Whether it runs; it does not if its port is taken.
    async fn run(&mut self) -> bool {
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(self.directory.path()).args(&self.options);
        let process = command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()).spawn();
        let mut process = process.unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => panic!("no redis-server: `make setup`, or apt-get install redis-server"),
            _ => panic!("redis-server: {error}"),
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            if fs::read_to_string(self.directory.path().join("log")).unwrap().contains("Ready to accept connections") {
                self.process = Some(process);
                return true;
            }
            assert!(Instant::now() < deadline, "redis-server is not ready after 20 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn node(&self) -> Redis {
        redis(&format!("redis://{}", self.address))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn redis(url: &str) -> Redis {
    Redis::new(&Secret::new(url.to_owned())).unwrap()
}

/// The log lines of this test's thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn listen() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn count(&self, words: &str) -> usize {
        self.all().matches(words).count()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_node_sets_and_the_other_reads_until_the_time_is_over() {
    let server = Server::start(&[]).await;
    let (one, other) = (server.node(), server.node());
    one.ping().await.unwrap();
    assert_eq!(other.get("k").await, Ok(None));
    assert_eq!(one.compare_and_swap("k", Some("a"), "b", MINUTE).await, Ok(false), "nothing is not a");
    assert_eq!(one.compare_and_swap("k", Some(""), "b", MINUTE).await, Ok(false), "nothing is not an empty text");
    assert_eq!(one.compare_and_swap("k", None, "", MINUTE).await, Ok(true));
    assert_eq!(other.get("k").await, Ok(Some(String::new())));
    assert_eq!(other.compare_and_swap("k", None, "b", MINUTE).await, Ok(false), "an empty text is not nothing");
    assert_eq!(other.compare_and_swap("k", Some(""), "令牌\r\n\0", MINUTE).await, Ok(true));
    assert_eq!(one.get("k").await, Ok(Some("令牌\r\n\0".into())));
    assert_eq!(one.compare_and_swap("k", Some("令牌\r\n\0"), "c", Duration::ZERO).await, Ok(true));
    until("the value ends", async || one.get("k").await == Ok(None)).await;
    assert_eq!(one.compare_and_swap("for ever", None, "x", Duration::MAX).await, Ok(true));
}

#[tokio::test]
async fn the_keys_carry_the_prefix_and_a_time() {
    let server = Server::start(&[]).await;
    server.node().compare_and_swap("wechat/token/wx1", None, "t", MINUTE).await.unwrap();
    let client = ::redis::Client::open(format!("redis://{}", server.address)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let left: i64 = ::redis::cmd("PTTL").arg("jiesu:wechat/token/wx1").query_async(&mut connection).await.unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_race_for_a_key_exactly_one_wins() {
    let server = Server::start(&[]).await;
    let nodes = [Arc::new(server.node()), Arc::new(server.node())];
    for round in 0..50 {
        let key = format!("race/{}", round % 10);
        let old = nodes[0].get(&key).await.unwrap();
        let racing: Vec<_> = (0..8)
            .map(|racer| {
                let (node, key, old) = (nodes[racer % 2].clone(), key.clone(), old.clone());
                let new = format!("{round}-{racer}");
                tokio::spawn(async move {
                    let won = node.compare_and_swap(&key, old.as_deref(), &new, MINUTE).await.unwrap();
                    won.then_some(new)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racing {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(nodes[1].get(&key).await, Ok(winners.pop()));
    }
}

#[tokio::test]
async fn an_outage_is_told_once_and_ends_by_itself() {
    let (lines, _listening) = Lines::listen();
    let mut server = Server::start(&[]).await;
    let node = server.node();
    assert_eq!(node.compare_and_swap("k", None, "SECRET", MINUTE).await, Ok(true));
    assert_eq!(lines.all(), "", "a Redis that is there is not worth a line");
    server.kill();
    for _ in 0..10 {
        let started = Instant::now();
        assert!(node.get("k").await.is_err());
        assert!(node.compare_and_swap("k", Some("SECRET"), "SECRET", MINUTE).await.is_err());
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    assert_eq!((lines.count("cannot be used"), lines.count("is back")), (1, 0), "{}", lines.all());
    assert!(server.run().await, "the port is taken");
    until("Redis is back", async || node.get("k").await == Ok(None)).await;
    assert_eq!(node.compare_and_swap("k", None, "new", MINUTE).await, Ok(true));
    assert_eq!((lines.count("cannot be used"), lines.count("is back")), (1, 1), "{}", lines.all());
    assert!(!lines.all().contains("SECRET"), "{}", lines.all());
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed_by_who_reads() {
    let (lines, _listening) = Lines::listen();
    let mut server = Server::start(&[]).await;
    let node = server.node();
    node.ping().await.unwrap();
    server.kill();
    assert!(server.run().await, "the port is taken");
    assert_eq!(node.get("k").await, Ok(None));
    assert_eq!(lines.all(), "");
}

#[tokio::test]
async fn a_redis_that_is_silent_costs_a_second_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let silent = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let node = redis(&format!("redis://{address}"));
    let started = Instant::now();
    assert!(node.get("k").await.is_err());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let started = Instant::now();
    assert!(node.get("k").await.is_err(), "the next one does not wait");
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    drop(node);
    silent.join().unwrap();
}

#[tokio::test]
async fn a_redis_that_lets_nobody_in_says_what_is_wrong_with_the_url() {
    let server = Server::start(&["--requirepass", "SECRET"]).await;
    let said = async |user: &str| {
        let error = redis(&format!("redis://{user}{}", server.address)).ping().await.unwrap_err();
        assert!(!error.0.contains("SECRET") && !error.0.contains("WRONG"), "{error}");
        error.0
    };
    assert!(said("").await.contains("wants a password"));
    assert!(said(":WRONG@").await.contains("refuses the user or the password"));
    redis(&format!("redis://:SECRET@{}", server.address)).ping().await.unwrap();
}

#[test]
fn a_url_that_is_none_is_told_without_its_words() {
    for url in ["redis://", "http://127.0.0.1", "redis://:SECRET@", "redis://:SECRET@host:port", "redis-cluster://a,,b"]
    {
        let error = memory(Some(&Secret::new(url.to_owned()))).err().expect(url);
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
    assert!(memory(None).is_ok());
}

#[tokio::test]
async fn nodes_share_a_limit_and_each_counts_for_itself_while_redis_is_away() {
    let mut server = Server::start(&[]).await;
    let rate = crate::server::limits::RateSpec { count: 10.try_into().unwrap(), per: MINUTE };
    let node = || {
        SharedLimiter::new(
            Some(rate),
            "citizen",
            Some((Arc::new(server.node()), crate::number::ReceiptKey::new([7; 32]))),
        )
    };
    let nodes = [node(), node()];
    let mut taken = 0;
    for turn in 0..30 {
        taken += usize::from(nodes[turn % 2].check_key("mp/13800138000").await.is_ok());
    }
    assert_eq!(taken, 10, "ten between them");
    let wait = nodes[0].check_key("mp/13800138000").await.unwrap_err();
    assert!(wait <= Duration::from_secs(6), "{wait:?}");
    assert!(nodes[1].check_key("mp/13900139000").await.is_ok(), "another key has its own count");
    let mut taken = 0;
    for turn in 0..30u128 {
        // All of a /64 is one client.
        let address = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | turn).into();
        taken += usize::from(nodes[turn as usize % 2].check_address(address).await.is_ok());
    }
    assert_eq!(taken, 10, "addresses, too");
    let client = ::redis::Client::open(format!("redis://{}", server.address)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() == 3 && keys.iter().all(|key| key.starts_with("jiesu:limit:citizen:") && !key.contains("138")));
    server.kill();
    let mut taken = 0;
    for _ in 0..20 {
        taken += usize::from(nodes[0].check_key("mp/13700137000").await.is_ok());
    }
    assert_eq!(taken, 10, "its own count");
}

#[tokio::test]
async fn a_redis_that_would_lose_keys_is_told_of() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]).await;
    let advice = server.node().advice().await.unwrap();
    assert!(advice.len() == 2 && advice[0].contains("allkeys-lru") && advice[1].contains("no maxmemory"), "{advice:?}");
    let server = Server::start(&["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]).await;
    assert_eq!(server.node().advice().await, Ok(Vec::new()));
}
