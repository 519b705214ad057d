//! `jiesu replay`: through the gateway that runs on the store, or on the store itself if none does.

use super::{beside, load};
use anyhow::bail;
use jiesu::{
    config::Loaded,
    nodes,
    store::{Progress, Requeue, Sequence},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["dead", "after"])))]
pub struct Arguments {
    /// Sends dead letters again: all, or those of one destination.
    #[arg(long)]
    dead: bool,
    /// `core`, or a subscriber's name.
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Rewinds the destination: everything after this cursor (0: from the beginning) goes to it again.
    #[arg(long, value_name = "CURSOR", requires = "destination")]
    after: Option<u64>,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

#[allow(clippy::print_stdout)] // A command's answer.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    if let Some(name) = &arguments.destination {
        let mut known: Vec<&str> = loaded.config.core.iter().map(|_| "core").collect();
        known.extend(loaded.config.subscribers.iter().map(|subscriber| subscriber.name.as_str()));
        if !known.contains(&name.as_str()) {
            bail!("there is no destination {name:?}; known: {}", known.join(", "));
        }
    }
    let said = match beside::runs(&loaded).await? {
        false => on_the_store(&loaded, &arguments).await?,
        true => through_the_gateway(&loaded, &arguments).await?,
    };
    println!("{said}");
    Ok(ExitCode::SUCCESS)
}

async fn on_the_store(loaded: &Loaded, arguments: &Arguments) -> anyhow::Result<String> {
    let store = loaded.secrets.store.open().await?.store;
    let said = match (&arguments.destination, arguments.after) {
        (Some(name), Some(after)) => {
            let now = store.progress(name).await?.cursor;
            let cursor = Sequence(i64::try_from(after)?.min(now.0));
            // Of several nodes one may run, and keep its cursor in memory.
            if store.signals().is_some() {
                store.order(&nodes::to(name), &format!("{}{}", nodes::REWIND, cursor)).await?;
                format!("{name} begins again after {cursor}, at once where a node runs")
            } else {
                store.save_progress(name, Progress { cursor, ahead: Vec::new() }).await?;
                format!("{name} begins again after {cursor} when the gateway starts")
            }
        }
        (destination, _) => {
            let which = destination.clone().map_or(Requeue::All, Requeue::Of);
            let count = store.requeue(which).await?;
            format!("{count} dead letters go out again when the gateway starts")
        }
    };
    store.close().await?;
    Ok(said)
}

async fn through_the_gateway(loaded: &Loaded, arguments: &Arguments) -> anyhow::Result<String> {
    let (path, body) = match (&arguments.destination, arguments.after) {
        (Some(name), Some(after)) => (format!("destinations/{name}/rewind"), json!({ "after": after })),
        (destination, _) => ("deliveries/retry".to_owned(), json!({ "destination": destination })),
    };
    beside::post(loaded, &path, &body).await
}
