//! `jiesu hotlines`: the register as it stands on a day.

use super::{beside, load_offline, table::table};
use jiesu::{
    config::{Held, Hotline, Mode, Stage},
    store::ParityRun,
};
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Arguments {
    /// The day; today unless given.
    #[arg(long, value_name = "DAY")]
    on: Option<Date>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

#[allow(clippy::print_stdout)] // A command's answer.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load_offline(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let day =
        arguments.on.unwrap_or_else(|| Timestamp::now().to_zoned(loaded.config.server.timezone.get().clone()).date());
    let runs: BTreeMap<String, ParityRun> = match beside::parity(&loaded).await {
        Ok(runs) => runs.into_iter().map(|run| (run.line.clone(), run)).collect(),
        Err(error) => {
            eprintln!("warning: the last comparisons are not shown: {error:#}");
            BTreeMap::new()
        }
    };
    runs.values().for_each(|run| loaded.hotlines.hold(&run.line, run.parity()));
    let lines: Vec<&Hotline> = loaded.hotlines.iter().collect();
    if arguments.json {
        let shown: Vec<Value> = lines.iter().map(|line| json(line, day, runs.get(&line.code))).collect();
        println!("{:#}", json!({ "day": day.to_string(), "hotlines": shown }));
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|line| row(line, day, runs.get(&line.code))).collect();
    print!("{}", table(&["编号", "热线", "模式", "自", "地区", "主管单位", "工单去向", "最近核对", "备注"], &rows));
    let count = |mode| lines.iter().filter(|line| line.mode_on(day) == mode).count();
    let [absorbed, parallel, branches] = [Mode::Absorbed, Mode::Parallel, Mode::Subcentre].map(count);
    println!("\n{day}：{} 条热线，整体并入 {absorbed}，双号并行 {parallel}，设分中心 {branches}", lines.len());
    Ok(ExitCode::SUCCESS)
}

/// Since when the mode is in force.
fn since(line: &Hotline, mode: Mode) -> Option<String> {
    let day = match mode {
        Mode::Absorbed => line.absorbed_from,
        Mode::Parallel => line.parallel_from,
        Mode::Subcentre => None,
    };
    day.map(|day| day.to_string())
}

fn note(line: &Hotline, day: Date) -> String {
    let mut notes = Vec::new();
    match line.stage_on(day) {
        Stage::Before => notes.push("尚未开始".to_owned()),
        Stage::Off => {
            notes.push(format!("号码 {} 停用", line.number_off_at.map(|day| day.to_string()).unwrap_or_default()))
        }
        Stage::Under => {
            let next = line.absorbed_from.filter(|from| from.0 > day).map(|from| format!("{from} 并入"));
            let off = line.number_off_at.map(|off| format!("{off} 停号"));
            notes.extend(next.or(off));
        }
    }
    let due = Hotline { held: Held::default(), ..line.clone() }.mode_on(day) == Mode::Absorbed;
    if line.held.get() && due {
        notes.push("核对未达标，暂不并入".into());
    } else if let Some(reason) = &line.absorbed_reason {
        notes.push(format!("并入理由：{reason}"));
    }
    notes.join("；")
}

fn destinations(line: &Hotline, day: Date) -> Vec<String> {
    let core = std::iter::once("core".to_owned());
    core.chain(line.also_to(day).map(str::to_owned)).collect()
}

fn row(line: &Hotline, day: Date, run: Option<&ParityRun>) -> Vec<String> {
    let mode = line.mode_on(day);
    let parity = run.map_or_else(|| "—".into(), |run| format!("{:.2} %", run.parity() * 100.0));
    let blank = |text: Option<String>| text.unwrap_or_else(|| "—".into());
    vec![
        line.code.clone(),
        line.name.clone(),
        mode.chinese().into(),
        blank(since(line, mode)),
        blank(line.region.clone()),
        blank(line.owner.clone()),
        destinations(line, day).join(" + "),
        parity,
        note(line, day),
    ]
}

fn json(line: &Hotline, day: Date, run: Option<&ParityRun>) -> Value {
    let mut shown = serde_json::to_value(line).unwrap_or_default();
    let stage = match line.stage_on(day) {
        Stage::Before => "before",
        Stage::Under => "under",
        Stage::Off => "off",
    };
    shown["declared"] = shown["mode"].take();
    shown["mode"] = json!(line.mode_on(day));
    shown["stage"] = json!(stage);
    shown["held"] = json!(line.held.get());
    shown["goes_to"] = json!(destinations(line, day));
    shown["parity"] = run.map_or(Value::Null, |run| {
        let mut run_shown = serde_json::to_value(run).unwrap_or_default();
        run_shown["parity"] = json!(run.parity());
        run_shown
    });
    shown
}
