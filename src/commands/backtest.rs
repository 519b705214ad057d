//! `jiesu backtest`: a city's own history through the production code, on the history's own clock.

mod picture;
mod progress;
mod stream;
mod table;

use super::{load_offline, stop_signal};
use anyhow::{Context, bail};
use jiesu::{
    config::{Loaded, Lookback},
    repeats::{self, Repeats},
    shared,
};
use jiesu_linking::{Appeal, Band};
use jiesu_triage::Said;
use serde_json::json;
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
pub(super) use stream::{Ambiguous, Entry, ambiguous, read};
use table::Judge;

/// What a backtest that was killed leaves in Redis goes by itself after so long.
const LEFT: Duration = Duration::from_hours(72);

#[derive(clap::Args)]
pub struct Arguments {
    /// The history, oldest first: one `{"id","user","time","subject","text"[,"event_id","label"]}` a line.
    stream: PathBuf,
    /// Compares with `event_id` and `label`: the table of quality on stderr, and a picture beside the stream.
    #[arg(long)]
    labels: bool,
    /// Pairs of ids, one `["a","b"]` a line, of which nobody can say whether they belong together; with `--labels`.
    #[arg(long, value_name = "FILE")]
    ambiguous: Option<PathBuf>,
    /// Where the picture (SVG) goes; with `--labels`.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load_offline(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let zone = loaded.config.server.timezone.get().clone();
    let stream = read(&arguments.stream, &zone)?;
    let judgement = &loaded.judgement;
    // With an index that is off one wants to see what it would do.
    let window = loaded.config.repeats.window.get().or_else(|| Lookback::default().get()).unwrap_or_default();
    let index = match &loaded.secrets.repeats_url {
        None => Repeats::in_memory(judgement, window),
        Some(url) => {
            let redis = Arc::new(shared::Redis::new(url).context("repeats.url")?);
            // Its own, also where another one runs elsewhere: in containers all have the same process id. And short, for it
            // is in the key of every entry: the last six characters are thirty random bits.
            let own = ulid::Ulid::generate().to_string();
            let prefix = format!("jiesu:backtest:{}", own.get(20..).unwrap_or(&own));
            Repeats::in_redis(judgement, window, redis, &prefix).with_life(LEFT)
        }
    };
    let deciding = decide(&arguments, &stream, &index, &loaded, &zone);
    let judge = match &loaded.secrets.repeats_url {
        None => deciding.await?,
        Some(_) => {
            let stop = stop_signal()?;
            let outcome = stop.run_until_cancelled(deciding).await;
            index.clear().await.context("what the backtest put into Redis could not be removed")?;
            let Some(outcome) = outcome else { bail!("stopped; nothing is left in Redis") };
            outcome?
        }
    };
    if arguments.labels {
        let ambiguous = match &arguments.ambiguous {
            Some(path) => ambiguous(path, &stream)?,
            None => Ambiguous::default(),
        };
        let path = arguments.picture.unwrap_or_else(|| arguments.stream.with_extension("svg"));
        judge.report(&stream, &ambiguous, &path)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn decide(
    arguments: &Arguments,
    stream: &[Entry],
    index: &Repeats,
    loaded: &Loaded,
    zone: &jiff::tz::TimeZone,
) -> anyhow::Result<Judge> {
    let judgement = &loaded.judgement;
    let mut bar = progress::Bar::new(stream.len());
    let mut out = BufWriter::new(io::stdout().lock());
    let mut judge = Judge::new(arguments.labels);
    let places: HashMap<i64, usize> = (0..stream.len()).map(|place| (place as i64 + 1, place)).collect();
    let id_of = |number: i64| places.get(&number).and_then(|place| stream.get(*place)).map(|entry| entry.id.as_str());
    for (place, entry) in stream.iter().enumerate() {
        let number = place as i64 + 1;
        let appeal = Appeal {
            number,
            at: entry.at.as_second(),
            citizen: repeats::citizen(&entry.user),
            title: &entry.subject,
            text: &entry.text,
        };
        let decision = index.check(&appeal).await?.decision;
        let said = Said { title: &entry.subject, text: &entry.text, ..Said::default() };
        let proposal = judgement.policy.propose(
            &said,
            (&judgement.category_model, &judgement.categories),
            (entry.at, zone, &judgement.calendar),
        );
        let linked = decision.matched.as_ref().filter(|_| decision.band == Band::Auto);
        let root = linked.map_or(number, |found| found.root);
        let matched = decision.matched.as_ref().and_then(|found| places.get(&found.number)).copied();
        let category = proposal.category.as_ref().map(|found| &found.value);
        let line = json!({
            "id": entry.raw_id,
            "match": decision.matched.as_ref().and_then(|found| id_of(found.number)),
            "cluster": id_of(root),
            "score": (f64::from(decision.score) * 10_000.0).round() / 10_000.0,
            "band": decision.band.name(),
            "reason": decision.reason,
            "kind": proposal.kind.value,
            "category": category.map(|category| &category.0),
            "priority": proposal.level.value,
        });
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
        judge.add(entry, place, matched, root, &decision, category.map(|category| category.1.as_str()));
        bar.at(place + 1);
    }
    out.flush()?;
    bar.end();
    Ok(judge)
}
