//! A command beside a running gateway: through its admin listener.

use anyhow::{Context, bail};
use jiesu::{
    config::Loaded,
    store::{ParityRun, sqlite},
};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// The gateway that runs on the store.
pub struct Gateway<'a> {
    loaded: &'a Loaded,
    client: reqwest::Client,
}

impl<'a> Gateway<'a> {
    /// The gateway of this configuration; nothing is sent yet.
    pub fn new(loaded: &'a Loaded) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { loaded, client })
    }

    /// Posts `body` to the admin API under `path`; what the gateway says.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        self.ask(path, |client, url| client.post(url).json(body)).await
    }

    /// Gets what the admin API has under `path`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(path, |client, url| client.get(url)).await
    }

    // The status is read below, and the answer is our own gateway's.
    #[allow(clippy::disallowed_methods)]
    async fn ask(
        &self,
        path: &str,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> anyhow::Result<Value> {
        let url = format!("http://{}/api/v1/{path}", self.loaded.config.admin.listen);
        let mut request = request(&self.client, &url);
        if let Some(token) = &self.loaded.secrets.admin_token {
            request = request.bearer_auth(token.expose());
        }
        let running = "a gateway runs on this store, but its admin listener does not answer";
        let answer = request.send().await.with_context(|| format!("{running} at {url}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| running)?;
        let said: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if !status.is_success() {
            bail!("the gateway refuses: {status} {said}");
        }
        Ok(said)
    }
}

/// Posts `body` to the admin API under `path`; what the gateway says, in words.
pub async fn post(loaded: &Loaded, path: &str, body: &Value) -> anyhow::Result<String> {
    let said = Gateway::new(loaded)?.post(path, body).await?;
    Ok(format!("the running gateway has taken it: {said}"))
}

/// The last comparison of each line, from the gateway that runs on the store, or from the store if none does.
pub async fn parity(loaded: &Loaded) -> anyhow::Result<Vec<ParityRun>> {
    let path = loaded.config.store.url.path();
    if sqlite::lock_is_free(path) {
        return sqlite::parity_at_rest(path).map_err(anyhow::Error::msg);
    }
    let mut answer = Gateway::new(loaded)?.get("parity").await?;
    Ok(serde_json::from_value(answer["parity"].take())?)
}
