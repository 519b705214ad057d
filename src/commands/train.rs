//! `jiesu train`: models of a city's own, from its own labelled history.

use super::backtest::{Ambiguous, ambiguous, read};
use anyhow::{Context, bail};
use jiesu::repeats::citizen;
use jiesu_linking::{
    Appeal, Digest, Gazetteer, Topics, Vocabulary,
    train::{Pairs, Sample, cross_validated, topics, train},
};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The model that finds repeats and incidents: writes `repeats.model.json` and `repeats.words`.
    Repeats {
        /// A history with labels, oldest first: one `{"id","user","time","subject","text","event_id"}` a line.
        stream: PathBuf,
        /// Pairs of ids, one `["a","b"]` a line, of which nobody can say whether they belong together.
        #[arg(long, value_name = "FILE")]
        ambiguous: Option<PathBuf>,
        /// Further texts, one `{"subject","text"}` a line, for how rare words are.
        #[arg(long, value_name = "FILE")]
        texts: Vec<PathBuf>,
        /// What the model says of its origin.
        #[arg(long, default_value = "a city's own history")]
        trained_on: String,
        /// Where the files go.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// The model that names categories: writes `categories.model`.
    Categories {
        /// Labelled texts: one `{"subject","text","label"}` a line; word-segmented texts are put together again.
        #[arg(required = true)]
        texts: Vec<PathBuf>,
        /// Where the file goes.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
}

/// A gram that fewer texts have is not kept.
const LEAST: u32 = 5;

/// Ways to divide the events that cross-validation goes.
const WAYS: u32 = 24;
/// The limit for one citizen's appeals, beside the one for different citizens.
const SAME: f32 = 0.4;

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Repeats { stream, ambiguous, texts, trained_on, out } => {
            repeats(&stream, ambiguous.as_deref(), &texts, trained_on, &out)?;
        }
        What::Categories { texts, out } => categories(&texts, &out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn repeats(
    stream: &Path,
    unclear: Option<&Path>,
    texts: &[PathBuf],
    trained_on: String,
    out: &Path,
) -> anyhow::Result<()> {
    let entries = read(stream, &TimeZone::UTC)?;
    let unclear = unclear.map_or(Ok(Ambiguous::default()), |path| ambiguous(path, &entries))?;
    let samples: Vec<Sample> = entries
        .into_iter()
        .enumerate()
        .map(|(place, entry)| Sample {
            citizen: citizen(&entry.user),
            at: entry.at.as_second(),
            title: entry.subject,
            text: entry.text,
            event: entry.event.unwrap_or_else(|| format!("\u{0}{place}")),
        })
        .collect();
    let events: HashSet<&str> = samples.iter().map(|sample| sample.event.as_str()).collect();
    if events.len() == samples.len() {
        bail!("{}: no two messages have the same event_id; there is nothing to learn from", stream.display());
    }
    let mut words = Words::default();
    let others = texts.iter().map(|path| labelled(path)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    others.iter().for_each(|(title, text, _)| words.count(title, text));
    // What the stream itself says is learned as it comes, as the line will: the words of tomorrow are not known today.
    let before = Vocabulary::from_bytes(&words.to_bytes());
    // What texts are about is learned from others, too, if there are any: what is judged was not seen before.
    let stream_itself = samples.iter().map(|sample| (&sample.title, &sample.text)).filter(|_| others.is_empty());
    let told = others.iter().map(|(title, text, _)| (title, text)).chain(stream_itself);
    let none = Gazetteer::default();
    let told: Vec<Digest> = told
        .map(|(title, text)| {
            Digest::new(&Appeal { title, text, ..Appeal::default() }, &before, &Topics::default(), &none)
        })
        .collect();
    let topics = topics(&told);
    drop(told);
    // The gateway counts the stream's own words when it fills its index from the store; counted twice, names say too little.
    samples.iter().filter(|_| others.is_empty()).for_each(|sample| words.count(&sample.title, &sample.text));
    eprintln!("{} messages, {} events; looking for pairs …", samples.len(), events.len());
    let pairs = Pairs::of(&samples, &unclear, before, topics, |_| ());
    eprintln!("{} pairs, {} with places exchanged; cross-validating …", pairs.real.len(), pairs.swapped.len());
    let limits = [0.50, 0.55, 0.60, 0.64, 0.67, 0.70, 0.75, 0.80];
    eprintln!(
        "limit   link P     R    F1   auto P  B³ F1  pair F1  swapped  one citizen's: clusters  scores, at best from"
    );
    for line in cross_validated(&samples, &unclear, &pairs, &limits, SAME, WAYS) {
        let ([link, b_cubed, of_pairs], (own, from)) = (line.f1, line.same_citizen);
        eprintln!(
            " {:.2}   {:.3}  {:.3}  {link:.3}  {:.3}   {b_cubed:.3}    {of_pairs:.3}    {:.3}                    {:.3}    {own:.3}  {from:.2}",
            line.limit, line.link.precision, line.link.recall, line.auto, line.swapped, line.together,
        );
    }
    let model = train(&pairs, format!("{trained_on}: {} messages, {} events", samples.len(), events.len()));
    write(out, "repeats.model.json", format!("{}\n", serde_json::to_string(&model)?).as_bytes())?;
    write(out, "repeats.words", &words.to_bytes())
}

/// How many texts have each gram.
#[derive(Default)]
struct Words {
    counts: BTreeMap<u32, u32>,
    texts: u32,
    none: Vocabulary,
}

impl Words {
    fn count(&mut self, title: &str, text: &str) {
        let digest = Digest::new(
            &Appeal { title, text, ..Appeal::default() },
            &self.none,
            &Topics::default(),
            &Gazetteer::default(),
        );
        digest.all().for_each(|gram| *self.counts.entry(gram.0).or_default() += 1);
        self.texts += 1;
    }

    fn to_bytes(&self) -> Vec<u8> {
        Vocabulary::to_bytes(self.texts, &self.counts, LEAST)
    }
}

fn categories(texts: &[PathBuf], out: &Path) -> anyhow::Result<()> {
    let all = texts.iter().map(|path| labelled(path)).collect::<anyhow::Result<Vec<_>>>()?.concat();
    let samples: Vec<jiesu_triage::train::Sample> = all
        .into_iter()
        .filter_map(|(title, text, label)| Some(jiesu_triage::train::Sample { title, text, label: label? }))
        .collect();
    if samples.is_empty() {
        bail!("no text has a label; there is nothing to learn from");
    }
    eprintln!("{} texts; learning …", samples.len());
    let model = jiesu_triage::train::train(&samples, |label| eprintln!("label {}", label + 1));
    write(out, "categories.model", &model.to_bytes())
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = out.join(name);
    std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}

/// Titles, texts and labels.
fn labelled(path: &Path) -> anyhow::Result<Vec<(String, String, Option<String>)>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    let mut all = Vec::new();
    for (index, line) in
        text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty())
    {
        let value: Value = serde_json::from_str(line).with_context(|| format!("{name}:{}: no JSON", index + 1))?;
        let field = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let label = value["label"].as_str().filter(|label| !label.is_empty()).map(str::to_owned);
        all.push((field("subject"), field("text"), label));
    }
    Ok(all)
}
