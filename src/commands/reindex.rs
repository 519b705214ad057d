//! `jiesu reindex`: the repeat index anew, through the gateway that runs on the store, or from the store if none does.

use super::{beside, load};
use jiesu::repeats::{Repeats, rebuild};
use serde_json::json;
use std::{path::Path, process::ExitCode};

#[allow(clippy::print_stdout)] // A command's answer.
pub async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match load(config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let index = Repeats::configured(&loaded);
    if index.is_off() {
        println!("nothing is compared: repeats.window is \"off\"");
        return Ok(ExitCode::SUCCESS);
    }
    if beside::runs(&loaded).await? {
        println!("{}", beside::post(&loaded, "repeats/reindex", &json!({})).await?);
        return Ok(ExitCode::SUCCESS);
    }
    if loaded.secrets.repeats_url.is_none() {
        println!("the index is in the gateway's memory: it is built from the store at each start");
        return Ok(ExitCode::SUCCESS);
    }
    let store = loaded.secrets.store.open().await?.store;
    let built = rebuild(&index, store.as_ref(), loaded.config.server.timezone.get()).await;
    store.close().await?;
    println!("{} tickets are in the index", built.map_err(anyhow::Error::msg)?);
    Ok(ExitCode::SUCCESS)
}
