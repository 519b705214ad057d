//! WeChat official accounts from end to end: signed pushes into the real gateway, and a stand-in for the platform's API.

mod account;
mod answers;
mod leaving;
mod limits;
mod notices;
mod odd;
mod pace;
mod photos;
mod platform;
mod pushes;
mod redis;
mod strange;
mod talk;
mod words;

use crate::harness::{Gateway, Reply, Site, eventually, get, request, seconds};
use account::Account;
use platform::Platform;
use serde_json::{Value, json};

/// What the core shows on its callbacks.
const CORE_TOKEN: &str = "the-core-shows-this-0123456789";
/// Closes soon, so that tests need not wait.
const SOON: &str = r#"{ idle = "700ms", max = "10s" }"#;

/// A gateway with one account, and the platform behind it.
struct Town {
    site: Site,
    platform: Platform,
    account: Account,
}

impl Town {
    async fn new(assembly: &str) -> Self {
        Self::at(Site::new().await, assembly).await
    }

    async fn at(mut site: Site, assembly: &str) -> Self {
        let (platform, account) = (Platform::start().await, Account::new("mp", "safe"));
        account.configure(&mut site, Some(platform.address), assembly);
        site.set("core.token", CORE_TOKEN);
        // What counts against an address does not count for signed pushes.
        site.set("limits.per_address", "1/m");
        Self { site, platform, account }
    }
}

/// The whole feed.
pub(crate) async fn feed(gateway: &Gateway) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), json!(0));
    loop {
        let after_text = after.as_str().map_or_else(|| after.to_string(), str::to_owned);
        let page = get(gateway.admin, &format!("/api/v1/events?after={after_text}&limit=1000")).await.json();
        let found = page["events"].as_array().cloned().unwrap_or_default();
        if found.is_empty() {
            return events;
        }
        events.extend(found);
        after = page["next"].clone();
    }
}

/// Waits for `count` events of `kind`, and sees that there are no more: the tickets in them, in order.
async fn tickets(gateway: &Gateway, kind: &str, count: usize) -> Vec<Value> {
    let what = format!("{count} × {kind}");
    let found = eventually(&what, seconds(15), async || {
        let found: Vec<Value> = feed(gateway).await.into_iter().filter(|event| event["type"] == kind).collect();
        (found.len() >= count).then_some(found)
    });
    let found = found.await;
    assert_eq!(found.len(), count, "{what}: {found:#?}");
    found.into_iter().map(|event| event["data"]["ticket"].clone()).collect()
}

/// The ticket as it stands.
async fn ticket(gateway: &Gateway, number: &str) -> Value {
    get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json()
}

/// Waits until the ticket is as `so` says.
async fn becomes(gateway: &Gateway, number: &str, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let found = eventually(what, seconds(20), async || {
        let ticket = ticket(gateway, number).await;
        so(&ticket).then_some(ticket)
    });
    found.await
}

/// The core's callback.
async fn core_says(gateway: &Gateway, number: &str, update: &Value) -> Reply {
    let bearer = format!("Bearer {CORE_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/tickets/{number}/updates");
    request(gateway.public, "POST", &path, &headers, update.to_string().as_bytes()).await
}

/// Everything adds up today.
async fn balanced(gateway: &Gateway) -> Value {
    // What was rejected is counted once a second.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let report = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(report["balanced"], true, "{report:#}");
    report["total"].clone()
}

/// Neither secrets nor citizens are in the log.
fn log_is_clean(gateway: &Gateway, account: &Account, openids: &[&str], words: &[&str]) {
    let log = gateway.log();
    let secrets =
        [account.secret.as_str(), &account.token, &account.key, account::QUERY_OPENID, "-of-the-platform", CORE_TOKEN];
    for forbidden in secrets.iter().chain(openids).chain(words) {
        assert!(!log.contains(forbidden), "{forbidden} is in the log:\n{log}");
    }
}
