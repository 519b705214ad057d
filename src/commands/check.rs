//! `jiesu check`: the configuration, and with `--connect` everything that it names.

use super::{beside, load};
use jiesu::{
    config::Loaded,
    files::Files,
    shared,
    store::{Home, ParityRun},
};
use jiesu_connector::Secret;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// One log-in, at most.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
    /// Also logs in to every channel, store and core; sends and consumes nothing.
    #[arg(long)]
    connect: bool,
}

#[allow(clippy::print_stdout)] // A command's answer.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    // Who shares a database is on a network, where nothing goes without being asked for.
    let mut faults = match &loaded.secrets.store {
        Home::Postgres(_) if !arguments.connect => 0,
        _ => parity(&loaded).await,
    };
    if arguments.connect {
        let file = arguments.config.display();
        let mut report = |key: &str, outcome: Result<(), String>| match outcome {
            Ok(()) => println!("{key}: ok"),
            Err(what) => {
                faults += 1;
                eprintln!("{file}: {key}: {what}");
            }
        };
        report("store.url", loaded.secrets.store.inspect().await.map_err(|error| error.to_string()));
        let files = Files::new(loaded.config.store.files.path().to_owned());
        let what =
            |error| format!("nothing can be written there: {error}; it must be a directory of the gateway's user");
        report("store.files", files.probe().map_err(what));
        if let Some(url) = &loaded.secrets.repeats_url {
            let outcome = redis(url).await;
            for advice in outcome.as_ref().into_iter().flatten() {
                eprintln!("warning: {file}: repeats.url: {advice}");
            }
            report("repeats.url", outcome.map(drop));
        }
        if let Some(core) = &loaded.config.core {
            report("core.url", reach(core.url.url()).await);
        }
        for (index, subscriber) in loaded.config.subscribers.iter().enumerate() {
            report(&format!("subscribers[{index}].url"), reach(subscriber.url.url()).await);
        }
        for (id, parts) in &loaded.parts {
            if let Some(probe) = &parts.probe {
                let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
                let outcome = timeout(PATIENCE, probe.probe()).await.unwrap_or_else(|_| late());
                report(&format!("channels.{id}"), outcome);
            }
        }
    }
    if faults > 0 {
        return Ok(ExitCode::from(2));
    }
    println!("{}: ok", arguments.config.display());
    Ok(ExitCode::SUCCESS)
}

/// Lines that are declared absorbed although their parity is too low: how many.
async fn parity(loaded: &Loaded) -> u32 {
    let zone = loaded.config.server.timezone.get().clone();
    let today = jiff::Timestamp::now().to_zoned(zone).date();
    let runs = match beside::parity(loaded).await {
        Ok(runs) => runs,
        Err(error) => {
            eprintln!("warning: the last comparisons of hotlines cannot be read: {error:#}");
            return 0;
        }
    };
    let refused = |run: ParityRun| loaded.hotlines.get(&run.line)?.refusal(today, run.parity());
    let refusals: Vec<String> = runs.into_iter().filter_map(refused).collect();
    refusals.iter().for_each(|why| eprintln!("{}: hotlines: {why}", loaded.hotlines_file));
    refusals.len() as u32
}

/// Redis lets us in and answers; what should be changed about it.
async fn redis(url: &Secret) -> Result<Vec<String>, String> {
    let redis = shared::Redis::new(url).map_err(|error| error.to_string())?;
    redis.ping().await.map_err(|error| error.to_string())?;
    Ok(redis.advice().await.unwrap_or_default())
}

/// A connection can be made; nothing is sent over it.
async fn reach(url: &reqwest::Url) -> Result<(), String> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("has no host".into());
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("cannot connect to {host} port {port}: {error}; is it running and reachable?")),
        Err(_) => Err(format!(
            "no answer from {host} port {port} within {} s; does a firewall stand between?",
            PATIENCE.as_secs()
        )),
    }
}
