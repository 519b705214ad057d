//! A command beside a running gateway: through its admin listener.

use anyhow::{Context, bail};
use jiesu::{
    config::Loaded,
    store::{ParityRun, sqlite},
};
use serde_json::Value;
use std::time::Duration;

/// Posts `body` to the admin API under `path`; what the gateway says.
pub async fn post(loaded: &Loaded, path: &str, body: &Value) -> anyhow::Result<String> {
    let said = ask(loaded, path, Some(body)).await?;
    Ok(format!("the running gateway has taken it: {said}"))
}

/// Gets what the admin API has under `path`.
pub async fn get(loaded: &Loaded, path: &str) -> anyhow::Result<Value> {
    ask(loaded, path, None).await
}

// The status is read below, and the answer is our own gateway's.
#[allow(clippy::disallowed_methods)]
async fn ask(loaded: &Loaded, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let url = format!("http://{}/api/v1/{path}", loaded.config.admin.listen);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let mut request = body.map_or_else(|| client.get(&url), |body| client.post(&url).json(body));
    if let Some(token) = &loaded.secrets.admin_token {
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

/// The last comparison of each line, from the gateway that runs on the store, or from the store if none does.
pub async fn parity(loaded: &Loaded) -> anyhow::Result<Vec<ParityRun>> {
    let path = loaded.config.store.url.path();
    if sqlite::lock_is_free(path) {
        return sqlite::parity_at_rest(path).map_err(anyhow::Error::msg);
    }
    let mut answer = get(loaded, "parity").await?;
    Ok(serde_json::from_value(answer["parity"].take())?)
}
