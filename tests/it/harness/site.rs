//! One installation: a directory, a configuration, a store, and the core it delivers to.

use super::{Core, Faults, Gateway, Postgres, Reply, copy_directory, post};
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::LazyLock,
};
use tempfile::TempDir;
use toml::{Table, toml};

/// The bearer token of the `app` channel.
pub const TOKEN: &str = "token-of-the-city-app-0123456789";

/// The time zone of every site: China's, but while midnight is near there, one where it is evening: the day of a test does
/// not end while it runs.
static ZONE: LazyLock<&str> = LazyLock::new(|| match Timestamp::now().in_tz("Asia/Shanghai").unwrap().hour() {
    23 | 0 => "Asia/Dubai",
    _ => "Asia/Shanghai",
});

/// The local day of a site.
pub fn today() -> Date {
    Timestamp::now().in_tz(&ZONE).unwrap().date()
}

/// One installation in a temporary directory.
pub struct Site {
    pub core: Core,
    /// The disk fails on command, if there.
    pub faults: Option<Faults>,
    /// The store's directory.
    pub data: PathBuf,
    /// The database server, if the store is in one.
    postgres: Option<(Postgres, String)>,
    config: Table,
    directory: TempDir,
    power_cuts: usize,
}

impl Site {
    /// With a core that takes everything, and a disk that never fails.
    pub async fn new() -> Self {
        let core = Core::start().await;
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().canonicalize().unwrap().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = toml! {
            [server]
            listen = "127.0.0.1:0"
            public_url = "https://12345.example"
            [admin]
            listen = "127.0.0.1:0"
            [limits]
            per_address = "off"
            per_key = "off"
            [core]
            secret = "env:JIESU_TEST_CORE_SECRET"
            retry = { first = "1s", max = "2s" }
            [channels.app]
            type = "api"
            hotline = "12345"
            keys = [{ name = "t", token = "env:JIESU_TEST_TOKEN" }]
            [channels.form]
            type = "web"
            hotline = "12345"
        };
        let mut site = Self { core, faults: None, data, postgres: None, config, directory, power_cuts: 0 };
        let url = site.core.url();
        site.set("core.url", url);
        site.set("server.timezone", *ZONE);
        site
    }

    /// The same, with a disk that fails on command.
    pub async fn with_faults() -> Self {
        let mut site = Self::new().await;
        site.faults = Some(Faults::new(&site.data, None));
        site
    }

    /// The same, with a shadow that holds what a power cut would leave.
    pub async fn with_shadow() -> Self {
        let mut site = Self::new().await;
        site.faults = Some(Faults::new(&site.data, Some(&site.shadow())));
        site
    }

    /// The same, with the store in a PostgreSQL with these settings.
    pub async fn on_postgres(options: &'static [&'static str]) -> Self {
        let mut site = Self::new().await;
        let server = tokio::task::spawn_blocking(|| Postgres::start(options)).await.unwrap();
        let url = server.database();
        site.postgres = Some((server, url));
        site
    }

    /// What stands behind the `?` of its address.
    pub fn postgres_parameters(&mut self, parameters: &str) {
        if let Some((_, url)) = &mut self.postgres {
            let bare = url.split('?').next().unwrap().to_owned();
            *url = format!("{bare}?{parameters}");
        }
    }

    /// The database server.
    pub fn postgres(&mut self) -> &mut Postgres {
        self.postgres.as_mut().map(|(server, _)| server).expect("a site on PostgreSQL")
    }

    fn shadow(&self) -> PathBuf {
        self.data.with_file_name(format!("shadow-{}", self.power_cuts))
    }

    /// Puts what the power cut left in the place of the store. The gateway must have been killed.
    pub fn cut_power(&mut self) {
        let left = self.shadow().join("tree");
        self.power_cuts += 1;
        self.data = self.data.with_file_name(format!("data-{}", self.power_cuts));
        copy_directory(&left, &self.data);
        self.faults = Some(Faults::new(&self.data, Some(&self.shadow())));
    }

    /// Sets one key of the configuration, `core.timeout`.
    pub fn set(&mut self, path: &str, value: impl Into<toml::Value>) {
        let mut table = &mut self.config;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                table.insert(key.into(), value.into());
                return;
            }
            table = table.entry(key).or_insert(Table::new().into()).as_table_mut().unwrap();
        }
    }

    /// Adds a subscriber with further keys, such as `contact = "full"`. Its secret stands in the configuration.
    pub fn subscriber(&mut self, name: &str, url: &str, secret: &str, keys: &str) {
        let table = format!(
            "name = {name:?}\nurl = {url:?}\nsecret = {secret:?}\nretry = {{ first = \"100ms\", max = \"1s\" }}\n{keys}"
        );
        let table: Table = table.parse().unwrap();
        let list = self.config.entry("subscribers").or_insert(toml::Value::Array(Vec::new()));
        list.as_array_mut().unwrap().push(table.into());
    }

    /// Writes a file beside the configuration.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a `jiesu` command without a gateway.
    pub async fn run_alone(&mut self, name: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(name, arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The store's database file.
    pub fn database(&self) -> PathBuf {
        self.data.join("jiesu.db")
    }

    /// Starts the gateway and waits until it listens.
    pub async fn start(&mut self) -> Gateway {
        Gateway::start(self.command("serve", &[])).await
    }

    /// A `jiesu` command with this configuration.
    pub fn command(&mut self, name: &str, arguments: &[&str]) -> Command {
        let file = || format!("sqlite:{}", self.database().display());
        let database = self.postgres.as_ref().map_or_else(file, |(_, url)| url.clone());
        let files = self.data.join("files").display().to_string();
        self.set("store.url", database);
        self.set("store.files", files);
        let file = self.directory.path().join("gateway.toml");
        std::fs::write(&file, self.config.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jiesu"));
        command.arg(name).args(arguments).arg("--config").arg(file).current_dir(self.directory.path());
        command.env("JIESU_TEST_CORE_SECRET", &self.core.secret).env("JIESU_TEST_TOKEN", TOKEN);
        if let Some(faults) = &self.faults {
            faults.apply(&mut command);
        }
        command
    }

    /// Runs a `jiesu` command beside a running gateway. Who has a store file says in it where to find its admin listener; of
    /// nodes that share a database the configuration says it.
    pub async fn run_beside(&mut self, gateway: &Gateway, name: &str, arguments: &[&str]) -> Output {
        if self.postgres.is_some() {
            self.set("admin.listen", gateway.admin.to_string());
        }
        let mut command = self.command(name, arguments);
        self.set("admin.listen", "127.0.0.1:0");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

impl Gateway {
    /// Posts an appeal to the `app` channel.
    pub async fn appeal(&self, body: &Value) -> Reply {
        post(self.public, "/channels/app", Some(TOKEN), body).await
    }

    /// Posts an appeal that must be taken: its number.
    pub async fn accept(&self, id: &str, content: &str) -> String {
        let reply = self.appeal(&json!({ "id": id, "content": content })).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["number"].as_str().unwrap().to_owned()
    }
}
