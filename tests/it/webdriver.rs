//! Just enough of a WebDriver client (W3C WebDriver, level 2) to use the pages as a person does: in Chromium, with keys
//! and clicks. It waits for what is to be seen instead of sleeping.

use crate::harness::{Reply, eventually, request, seconds};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Chromium starts slowly on a busy machine.
const PATIENCE: Duration = seconds(30);
const MISSING: &str = "chromedriver is needed: `make setup` installs it (Debian: chromium, chromium-driver)";
/// The name of an element's reference (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Chromium, with a profile of its own. Closed when dropped.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().unwrap_or_else(|error| panic!("{MISSING}: {error}"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = |line: String| line.split_once("started successfully on port ").map(|(_, port)| port.to_owned());
        let port = lines.find_map(said).expect("chromedriver says its port");
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim_end_matches('.').parse().unwrap()));
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        browser.session = browser.open_session().await;
        browser
    }

    async fn open_session(&self) -> String {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        // No sandbox: tests often run as root in a container, where it cannot be set up. Nothing from outside is asked.
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1000",
            profile,
        ]);
        let chrome = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" } });
        let asked = json!({ "capabilities": { "alwaysMatch": chrome } });
        let reply = self.send("POST", "/session", &asked).await;
        let session = reply.json()["value"]["sessionId"].as_str().map(str::to_owned);
        session.unwrap_or_else(|| panic!("no browser (`make setup` installs chromium): {}", reply.text()))
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers = [("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.address, method, path, &headers, body.as_bytes()).await
    }

    async fn ask(&self, path: &str, body: &Value) -> Result<Value, String> {
        let reply = self.send("POST", &format!("/session/{}{path}", self.session), body).await;
        if reply.status == 200 { Ok(reply.json()["value"].clone()) } else { Err(reply.text()) }
    }

    /// Opens `url` and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url })).await.unwrap();
    }

    /// The element that `place` (a CSS selector, or an XPath from `//`) finds, once it is there.
    async fn find(&self, place: &str) -> String {
        let using = if place.starts_with("//") { "xpath" } else { "css selector" };
        eventually(&format!("an element {place}"), PATIENCE, async || {
            let found = self.ask("/element", &json!({ "using": using, "value": place })).await.ok()?;
            found[ELEMENT].as_str().map(str::to_owned)
        })
        .await
    }

    /// Clicks as a person does: what is hidden or covered cannot be clicked, and is tried again.
    pub async fn click(&self, place: &str) {
        eventually(&format!("a click on {place}"), PATIENCE, async || {
            let element = self.find(place).await;
            self.ask(&format!("/element/{element}/click"), &json!({})).await.ok()
        })
        .await;
    }

    /// Types into a field.
    pub async fn write(&self, place: &str, text: &str) {
        let element = self.find(place).await;
        self.ask(&format!("/element/{element}/value"), &json!({ "text": text })).await.unwrap();
    }

    /// Runs a script: what it returns.
    pub async fn script(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] })).await.unwrap()
    }

    /// What can be read at `place`; nothing where it is hidden.
    pub async fn text(&self, place: &str) -> String {
        let element = self.find(place).await;
        let path = format!("/session/{}/element/{element}/text", self.session);
        let reply = self.send("GET", &path, &Value::Null).await;
        reply.json()["value"].as_str().unwrap_or_default().to_owned()
    }

    /// The window as large as a telephone's screen, or any other; in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// As browsers of people who do not want scripts.
    pub async fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// A position to find, with leave to do so.
    pub async fn stands_at(&self, latitude: f64, longitude: f64) {
        self.devtools("Browser.grantPermissions", json!({ "permissions": ["geolocation"] })).await;
        let place = json!({ "latitude": latitude, "longitude": longitude, "accuracy": 12 });
        self.devtools("Emulation.setGeolocationOverride", place).await;
    }

    /// By night.
    pub async fn darken(&self) {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.devtools("Emulation.setEmulatedMedia", dark).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.ask("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await.unwrap()
    }

    /// Keeps a picture of the whole page below `target/screenshots`, for people to look at.
    pub async fn picture(&self, name: &str) {
        let asked = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", asked).await;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What axe-core finds wrong with the page by the rules of WCAG 2.2, levels A and AA, each with where.
    pub async fn barriers(&self) -> Vec<String> {
        let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers-web/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).expect("axe-core is needed: `make setup` installs it");
        self.script(&axe).await;
        let run = "const [tags, done] = arguments;
            axe.run({ runOnly: tags }).then(found => done(found.violations.map(it =>
                it.id + ': ' + it.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))))";
        let tags = json!([["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]]);
        let found = self.ask("/execute/async", &json!({ "script": run, "args": tags })).await.unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// Waits until `words` can be read at `place`.
    pub async fn shows(&self, place: &str, words: &str) {
        let last = std::cell::RefCell::new(String::new());
        let waited = eventually_or(PATIENCE, async || {
            *last.borrow_mut() = self.text(place).await;
            last.borrow().contains(words)
        });
        assert!(waited.await, "{place} does not show {words:?} but {:?}", last.borrow());
    }

    /// What the pages complained of: scripts that failed, things that their policy forbids. An answer that is an error
    /// is none of these.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.ask("/se/log", &json!({ "type": "browser" })).await.unwrap();
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| entry["source"] != "network");
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

async fn eventually_or(within: Duration, mut check: impl AsyncFnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !check().await {
        if start.elapsed() > within {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    true
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver closes its browser when the session is deleted, not when it is killed.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.set_read_timeout(Some(seconds(5)));
            let request = format!("DELETE /session/{} HTTP/1.1\r\nhost: localhost\r\n\r\n", self.session);
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
