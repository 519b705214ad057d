//! A command beside a running gateway: through its admin listener.

use anyhow::{Context, bail};
use jiesu::{
    config::Loaded,
    store::{Home, ParityRun, Store, sqlite},
};
use serde::Serialize;
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};

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
        let url = format!("http://{}/api/v1/{path}", admin_of(self.loaded)?);
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

/// Where the admin listener of the running gateway is.
fn admin_of(loaded: &Loaded) -> anyhow::Result<SocketAddr> {
    // Who holds the store knows best where it listens: the configuration may ask for any free port.
    let configured = Some(loaded.config.admin.listen).filter(|at| at.port() != 0);
    loaded
        .secrets
        .store
        .announced()
        .or(configured)
        .context("admin.listen has port 0, and nothing says which port the running gateway got: give it one")
}

/// Whether this configuration's gateway runs. Who has a file knows it by its lock; who shares a database is asked.
// The status is all that is looked at.
#[allow(clippy::disallowed_methods)]
pub async fn runs(loaded: &Loaded) -> anyhow::Result<bool> {
    if let Home::Sqlite(path) = &loaded.secrets.store {
        return Ok(!sqlite::lock_is_free(path));
    }
    let gateway = Gateway::new(loaded)?;
    let url = format!("http://{}/healthz", loaded.config.admin.listen);
    let answer = gateway.client.get(url).timeout(Duration::from_secs(2)).send().await;
    Ok(answer.is_ok_and(|answer| answer.status().is_success()))
}

/// The store, if there is one.
pub async fn open(loaded: &Loaded) -> anyhow::Result<Arc<dyn Store>> {
    let home = &loaded.secrets.store;
    if !home.may_be_there() {
        bail!("there is no store at {home}; start the gateway once, or name the right configuration");
    }
    Ok(home.open().await?.store)
}

/// Posts `body` to the admin API under `path`; what the gateway says, in words.
pub async fn post(loaded: &Loaded, path: &str, body: &Value) -> anyhow::Result<String> {
    let said = Gateway::new(loaded)?.post(path, body).await?;
    Ok(format!("the running gateway has taken it: {said}"))
}

/// The last comparison of each line, from the gateway that runs on the store, or from the store if none does.
pub async fn parity(loaded: &Loaded) -> anyhow::Result<Vec<ParityRun>> {
    if !runs(loaded).await? {
        return loaded.secrets.store.parity_at_rest().await.map_err(anyhow::Error::msg);
    }
    let mut answer = Gateway::new(loaded)?.get("parity").await?;
    Ok(serde_json::from_value(answer["parity"].take())?)
}
