//! `jiesu parity`: an old system's export against what the gateway has, beside a running gateway or without one.

use super::{beside, load_offline, table::table};
use anyhow::{Context, bail};
use jiesu::{
    config::{Hotline, Loaded},
    gateway, number,
    parity::{self, Comparison, Export, Page, Row, Span, Verdict},
    registry::Registry,
    store::{MessageId, ParityRun},
};
use jiesu_connector::{mask_name, mask_phone};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// An export may be loaded so many days after its appeals were raised.
const LATER: i64 = 62;

#[derive(clap::Args)]
pub struct Arguments {
    /// The hotline's number.
    line: String,
    /// The first day.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// The old system's export: CSV, XLSX or NDJSON, with the names of its columns. Without it the last comparison is shown.
    file: Option<PathBuf>,
    /// How far apart the two systems may have the same appeal.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    within: Duration,
    /// Where the picture goes; `parity-LINE-FROM-TO.svg` unless given.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// As JSON, with contact data as it stands in both systems.
    #[arg(long)]
    json: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiesu::config::Duration>().map(jiesu::config::Duration::get)
}

pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut loaded = match load_offline(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let Some(line) = loaded.hotlines.get(&arguments.line).cloned() else {
        let known: Vec<&str> = loaded.hotlines.iter().map(|line| line.code.as_str()).collect();
        bail!("there is no line {:?} in the register; known: {}", arguments.line, known.join(", "));
    };
    let Some(file) = &arguments.file else { return last(&loaded, &line, arguments.json).await };
    let (Some(from), Some(to)) = (arguments.from, arguments.to) else {
        bail!("say which days: --from DAY --to DAY, such as --from 2026-11-01 --to 2026-11-30");
    };
    if to < from {
        bail!("--to {to} is before --from {from}");
    }
    let zone = loaded.config.server.timezone.get().clone();
    let within = jiff::SignedDuration::try_from(arguments.within).context("--within is too long")?;
    let there = parity::read(file, &line)?;
    let span = Span { from, to, within, zone };
    let here = received(&mut loaded, &line, &span).await?;
    let Export { rows, unreadable, twice } = there;
    let counts = Counts { export: rows.len() + unreadable.len() + twice, twice, gateway: here.len() };
    let mut all = parity::compare(rows, here, &span);
    all.extend(unreadable.into_iter().map(|(line, why)| Comparison::unreadable(line, why)));
    let run = summary(&line, &span, file.display().to_string(), &all);
    let picture = arguments.picture.clone().unwrap_or_else(|| format!("parity-{}-{from}-{to}.svg", line.code).into());
    let title = format!("{} {} 并轨核对 {from} – {to}：{:.2} %", line.code, line.name, run.parity() * 100.0);
    std::fs::write(&picture, parity::draw(&title, &all, &span))
        .with_context(|| format!("{} cannot be written", picture.display()))?;
    record(&loaded, &run).await?;
    if arguments.json {
        print_json(&run, &all, &counts, &picture);
    } else {
        print_table(&line, &run, &all, &counts);
        say(&format!("图：{}", picture.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// How much was compared.
struct Counts {
    /// Rows of the export, of which some are there twice.
    export: usize,
    twice: usize,
    gateway: usize,
}

fn unreadable(all: &[Comparison]) -> u64 {
    all.iter().filter(|one| matches!(one.verdict, Verdict::Unreadable(_))).count() as u64
}

#[allow(clippy::print_stdout)] // A command's answer.
fn say(text: &str) {
    println!("{text}");
}

/// What the gateway has, of these days and a little around them.
async fn received(loaded: &mut Loaded, line: &Hotline, span: &Span) -> anyhow::Result<Vec<Row>> {
    let first = span.from.saturating_sub(1.day());
    let last = span.to.saturating_add(LATER.days());
    let mut pages = Vec::new();
    let mut after = 0;
    if beside::runs(loaded).await? {
        let gateway = beside::Gateway::new(loaded)?;
        loop {
            let path = format!("parity/received?line={}&from={first}&to={last}&after={after}", line.code);
            let page: Page = serde_json::from_value(gateway.get(&path).await?).context("the gateway's answer")?;
            let next = page.next;
            pages.push(page);
            let Some(next) = next else { return Ok(Page::join(pages)) };
            after = next;
        }
    }
    let store = beside::open(loaded).await?;
    let channels = gateway::channels(loaded, &Registry::standard());
    let days = (number::day_key(first), number::day_key(last));
    loop {
        let page = parity::received(store.as_ref(), &channels, line, days, MessageId(after)).await?;
        let next = page.next;
        pages.push(page);
        let Some(next) = next else { break };
        after = next;
    }
    store.close().await?;
    Ok(Page::join(pages))
}

async fn record(loaded: &Loaded, run: &ParityRun) -> anyhow::Result<()> {
    if beside::runs(loaded).await? {
        beside::post(loaded, "parity", &serde_json::to_value(run)?).await?;
        return Ok(());
    }
    let store = beside::open(loaded).await?;
    store.record_parity(run.clone()).await?;
    store.close().await?;
    Ok(())
}

fn summary(line: &Hotline, span: &Span, file: String, all: &[Comparison]) -> ParityRun {
    let count = |wanted: fn(&Verdict) -> bool| all.iter().filter(|one| wanted(&one.verdict)).count() as u64;
    ParityRun {
        line: line.code.clone(),
        first: number::day_key(span.from),
        last: number::day_key(span.to),
        at: Timestamp::now(),
        file,
        matched: count(|verdict| *verdict == Verdict::Matched),
        different: count(|verdict| matches!(verdict, Verdict::Different(_))),
        // What nobody can read is not found here.
        missing_here: count(|verdict| matches!(verdict, Verdict::MissingHere | Verdict::Unreadable(_))),
        missing_there: count(|verdict| *verdict == Verdict::MissingThere),
    }
}

fn print_json(run: &ParityRun, all: &[Comparison], counts: &Counts, picture: &std::path::Path) {
    let found: Vec<&Comparison> = all.iter().filter(|one| one.verdict != Verdict::Matched).collect();
    say(&format!(
        "{:#}",
        json!({
            "line": run.line, "matched": run.matched, "different": run.different, "missing_here": run.missing_here - unreadable(all),
            "missing_there": run.missing_there, "unreadable": unreadable(all), "twice_in_export": counts.twice, "parity": run.parity(), "picture": picture, "findings": found,
        })
    ));
}

fn print_table(line: &Hotline, run: &ParityRun, all: &[Comparison], counts: &Counts) {
    let rows: Vec<Vec<String>> = all.iter().flat_map(findings).collect();
    if !rows.is_empty() {
        say(&table(&["结果", "导出行", "旧系统编号", "网关编号", "字段", "旧系统", "网关"], &rows));
    }
    say(&format!(
        "{} {}：导出 {} 行{}，网关 {} 件；一致 {}，字段不同 {}，网关缺失 {}，旧系统缺失 {}{}；符合率 {:.2} %",
        line.code,
        line.name,
        counts.export,
        some("（其中重复", counts.twice as u64, "）"),
        counts.gateway,
        run.matched,
        run.different,
        run.missing_here - unreadable(all),
        run.missing_there,
        some("，无法读取 ", unreadable(all), ""),
        run.parity() * 100.0
    ));
    threshold(line, run);
}

/// Nothing of nothing.
fn some(before: &str, count: u64, behind: &str) -> String {
    if count == 0 { String::new() } else { format!("{before}{count}{behind}") }
}

fn threshold(line: &Hotline, run: &ParityRun) {
    let Some(threshold) = line.parity_threshold else { return };
    let verdict = if run.parity() >= threshold { "达到" } else { "未达到" };
    say(&format!("{verdict}并入门槛 {:.2} %", threshold * 100.0));
}

/// One line a finding; what matches is none.
fn findings(one: &Comparison) -> Vec<Vec<String>> {
    let (there, here) = (one.there.as_ref(), one.here.as_ref());
    let place = there.map(|row| row.place.clone()).unwrap_or_default();
    let id = there.and_then(|row| row.ids.first().cloned()).unwrap_or_default();
    let number = here.map(|row| row.place.clone()).unwrap_or_default();
    let line = |result: &str, field: &str, there: String, here: String| {
        vec![result.into(), place.clone(), id.clone(), number.clone(), field.into(), there, here]
    };
    let words = |row: Option<&Row>| clip(row.and_then(|row| row.content.as_deref()).unwrap_or_default());
    match &one.verdict {
        Verdict::Matched => Vec::new(),
        Verdict::MissingHere => vec![line("网关缺失", "", words(there), String::new())],
        Verdict::MissingThere => vec![line("旧系统缺失", "", String::new(), words(here))],
        Verdict::Unreadable(why) => vec![line("无法读取", "", why.clone(), String::new())],
        Verdict::Different(fields) => fields
            .iter()
            .map(|one| {
                let show = |text: &str| match one.field {
                    "phone" => mask_phone(text),
                    "name" => mask_name(text),
                    _ => clip(text),
                };
                line("字段不同", field(one.field), show(&one.there), show(&one.here))
            })
            .collect(),
    }
}

/// A field as operators call it.
fn field(name: &str) -> &str {
    match name {
        "phone" => "电话",
        "name" => "姓名",
        "title" => "标题",
        "content" => "内容",
        "location" => "地点",
        "category" => "分类",
        "kind" => "类型",
        "time" => "时间",
        other => other,
    }
}

fn clip(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut short: String = letters.by_ref().take(24).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

/// The last comparison of a line.
async fn last(loaded: &Loaded, line: &Hotline, as_json: bool) -> anyhow::Result<ExitCode> {
    let runs = beside::parity(loaded).await?;
    let Some(run) = runs.into_iter().find(|run| run.line == line.code) else {
        bail!("{} was not compared yet: give --from DAY --to DAY and the old system's export", line.code);
    };
    if as_json {
        let mut shown = serde_json::to_value(&run)?;
        shown["parity"] = json!(run.parity());
        say(&format!("{shown:#}"));
        return Ok(ExitCode::SUCCESS);
    }
    let day = |day: u32| format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100);
    say(&format!(
        "{} {}：{} 核对 {} – {}（{}）；一致 {}，字段不同 {}，网关缺失 {}，旧系统缺失 {}；符合率 {:.2} %",
        line.code,
        line.name,
        run.at.to_zoned(loaded.config.server.timezone.get().clone()).strftime("%Y-%m-%d %H:%M"),
        day(run.first),
        day(run.last),
        run.file,
        run.matched,
        run.different,
        run.missing_here,
        run.missing_there,
        run.parity() * 100.0
    ));
    threshold(line, &run);
    Ok(ExitCode::SUCCESS)
}
