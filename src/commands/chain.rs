//! `jiesu chain`: whether the certificates of all days are as they were written, beside a running gateway or without one.

use super::{beside, load_offline};
use anyhow::Context;
use jiesu::days::{self, Chain};
use std::{path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

/// Ends with 1 if a day was changed, left out or put in later.
#[allow(clippy::print_stdout)] // A command's answer.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load_offline(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let chain: Chain = if !beside::runs(&loaded).await? {
        let store = beside::open(&loaded).await?;
        let chain = days::verify(store.as_ref()).await?;
        store.close().await?;
        chain
    } else {
        let answer = beside::Gateway::new(&loaded)?.get("reconciliation/chain").await?;
        serde_json::from_value(answer).context("the gateway's answer")?
    };
    match arguments.json {
        true => println!("{:#}", serde_json::to_value(&chain)?),
        false => print(&chain),
    }
    Ok(if chain.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stdout)] // A command's answer.
fn print(chain: &Chain) {
    let (Some(first), Some(last), Some(head)) = (&chain.first, &chain.last, &chain.head) else {
        println!("还没有已结的日子");
        return;
    };
    for broken in &chain.broken {
        println!("{}：{}", broken.day, broken.what);
    }
    let verdict = if chain.intact { "完整" } else { "已被改动" };
    println!("{first} – {last}，{} 天，{verdict}；末日哈希 {head}", chain.days);
}
