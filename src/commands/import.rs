//! `jiesu import`: a legacy hotline's export, through the gateway that runs on the store, or into the store itself if none
//! does.

mod bar;

use super::{
    beside::{self, Gateway},
    load,
};
use anyhow::{Context, bail};
use bar::Bar;
use jiesu::{
    admin::handed::{Handed, Message},
    channels::Channel,
    config::Loaded,
    gateway,
    intake::Intake,
    registry::Registry,
    store::Store,
};
use jiesu_connector::{Import, Imported, Inbound, Incoming, Refusal};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::sync::Notify;

/// For the store, with five hundred rows.
const STORE: Duration = Duration::from_secs(40);
/// How often a store that cannot write now is asked again.
const TRIES: u32 = 5;

#[derive(clap::Args)]
pub struct Arguments {
    /// The channel's id in the configuration; its type is `files`.
    channel: String,
    /// The exports: CSV in any Chinese encoding, XLSX, NDJSON.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

/// Where messages go.
enum Door<'a> {
    Gateway(Gateway<'a>),
    Store { intake: Arc<Intake>, channel: Arc<Channel>, store: Arc<dyn Store> },
}

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (loaded, mut own) = match (load(&arguments.config), load(&arguments.config)) {
        (Ok(loaded), Ok(own)) => (loaded, own),
        (Err(code), _) | (_, Err(code)) => return Ok(code),
    };
    let channels = gateway::channels(&mut own, &Registry::standard());
    let Some(channel) = channels.get(arguments.channel.as_str()).cloned() else {
        let known: Vec<&str> = channels.keys().map(AsRef::as_ref).collect();
        bail!(
            "there is no channel {:?} in {}; known: {}",
            arguments.channel,
            arguments.config.display(),
            known.join(", ")
        );
    };
    let importer = match &channel.parts.inbound {
        Inbound::Pull(source) => source.importer(),
        _ => None,
    };
    let Some(importer) = importer else {
        bail!("channel {:?} is of type {}; files are loaded into a channel of type files", channel.id, channel.kind)
    };
    let door = door(&loaded, channel.clone()).await?;
    let mut failed = false;
    for file in &arguments.files {
        let outcome = match importer.open(file) {
            Ok(import) => through(&door, &channel.id, file, import).await,
            Err(why) => Err(anyhow::Error::msg(why)),
        };
        if let Err(error) = outcome {
            failed = true;
            eprintln!("jiesu: {}: {error:#}", file.display());
        }
    }
    if let Door::Store { intake, store, .. } = &door {
        intake.flush().await?;
        store.close().await?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn door(loaded: &Loaded, channel: Arc<Channel>) -> anyhow::Result<Door<'_>> {
    if beside::runs(loaded).await? {
        return Ok(Door::Gateway(Gateway::new(loaded)?));
    }
    let store = loaded.secrets.store.open().await?.store;
    let key = gateway::receipt_key(loaded)?;
    let zone = loaded.config.server.timezone.get().clone();
    let intake = Arc::new(Intake::new(store.clone(), key, zone, Arc::new(Notify::new())));
    Ok(Door::Store { intake, channel, store })
}

/// One file, to its end.
#[allow(clippy::print_stdout)] // A command's answer.
async fn through(door: &Door<'_>, channel: &str, file: &Path, import: Box<dyn Import>) -> anyhow::Result<()> {
    let mut bar = Bar::new(file);
    let (mut taken, mut known) = (0, 0);
    let mut import = import;
    let fault = loop {
        // Reading blocks, and one batch is short.
        let batch = tokio::task::block_in_place(|| import.next());
        match batch {
            Ok(Some(messages)) => {
                if !messages.is_empty() {
                    let (new, old) = door.take(channel, messages).await?;
                    taken += new;
                    known += old;
                }
                bar.show(&import.progress());
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    let Imported { rows, rejected, skipped, rejects, .. } =
        tokio::task::block_in_place(|| import.finish()).map_err(anyhow::Error::msg)?;
    bar.end();
    let counts = [("row", rejected), ("skipped", skipped)].map(|(reason, count)| (reason.to_owned(), count));
    door.count(channel, counts.into()).await?;
    let place = rejects.map(|place| format!(", see {}", place.display())).unwrap_or_default();
    let name = file.display();
    println!("{name}: {rows} rows: {taken} new, {known} known, {skipped} skipped, {rejected} rejected{place}");
    match fault {
        Some(fault) => bail!("{fault}; what was read before it is taken"),
        None => Ok(()),
    }
}

impl Door<'_> {
    /// Stores messages; how many were new, and how many known.
    async fn take(&self, channel_id: &str, messages: Vec<Incoming>) -> anyhow::Result<(usize, usize)> {
        match self {
            Self::Gateway(gateway) => {
                let messages = messages.into_iter().map(Message::from).collect();
                let handed = Handed { messages, rejected: BTreeMap::new() };
                let said = gateway.post(&format!("channels/{channel_id}/messages"), &handed).await;
                let said = said.context("the file can be imported again: nothing is taken twice")?;
                let count = |name: &str| usize::try_from(said[name].as_u64().unwrap_or_default()).unwrap_or_default();
                Ok((count("taken"), count("known")))
            }
            Self::Store { intake, channel, .. } => {
                let mut tries = 0;
                let receipts = loop {
                    match intake.accept_within(STORE, channel, messages.clone()).await {
                        Ok(receipts) => break receipts,
                        Err(Refusal::Unavailable { .. }) if tries < TRIES => {
                            tries += 1;
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                        Err(refusal) => bail!("{refusal}; the file can be imported again: nothing is taken twice"),
                    }
                };
                let known = receipts.iter().filter(|receipt| receipt.redelivery).count();
                Ok((receipts.len() - known, known))
            }
        }
    }

    /// Counts what was rejected.
    async fn count(&self, channel_id: &str, rejected: BTreeMap<String, u64>) -> anyhow::Result<()> {
        match self {
            Self::Gateway(gateway) => {
                let handed = Handed { messages: Vec::new(), rejected };
                gateway.post(&format!("channels/{channel_id}/messages"), &handed).await.map(drop)
            }
            Self::Store { intake, channel, .. } => {
                for (reason, label) in [("row", "row"), ("skipped", "skipped")] {
                    if let Some(count) = rejected.get(reason).filter(|count| **count > 0) {
                        intake.rejected_many(channel, label, *count);
                    }
                }
                Ok(())
            }
        }
    }
}
