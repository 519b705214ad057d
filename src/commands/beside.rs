//! A command beside a running gateway: through its admin listener.

use anyhow::{Context, bail};
use jiesu::config::Loaded;
use serde_json::Value;
use std::time::Duration;

/// Posts `body` to the admin API under `path`; what the gateway says.
// The status is read below, and the answer is our own gateway's.
#[allow(clippy::disallowed_methods)]
pub async fn post(loaded: &Loaded, path: &str, body: &Value) -> anyhow::Result<String> {
    let url = format!("http://{}/api/v1/{path}", loaded.config.admin.listen);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let mut request = client.post(&url).json(body);
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
    Ok(format!("the running gateway has taken it: {said}"))
}
