//! `make bench`: the straight line against the floors it stands on. How to read it: `benches/README.md`.
//!
//! One executable, several processes: called with a hidden argument it is one of the floors, or the stand-in core.

#![allow(
    clippy::disallowed_methods,
    reason = "the rules guard the gateway against the outside; a benchmark meets only itself, and its floors do without"
)]

mod complaint;
mod floor;
mod http;
mod load;
mod process;
mod report;
mod rows;
mod settings;
mod sink;
mod writer;

use crate::{
    load::Requests,
    process::Cores,
    report::{Report, median},
    rows::Row,
    settings::Settings,
};
use anyhow::{Result, bail};
use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--serve-bare"] => serve(floor::bare()),
        ["--serve-durable", directory] => serve(floor::durable(Path::new(directory), None)),
        ["--serve-durable", directory, core] => serve(floor::durable(Path::new(directory), Some(core))),
        ["--serve-sink"] => serve(sink::serve()),
        // What `cargo bench` passes.
        [] | ["--bench"] => measure(),
        [unknown, ..] => {
            bail!("unknown argument {unknown}: the settings are in the environment, see benches/README.md")
        }
    }
}

/// A floor or the sink: everything on one thread, until it is killed.
fn serve(server: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    // A benchmark that was killed leaves no servers behind.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(server)?;
    Ok(ExitCode::SUCCESS)
}

fn measure() -> Result<ExitCode> {
    let settings = Settings::from_env()?;
    let cores = Cores::divide()?;
    if !cores.apart() {
        eprintln!("one core only: the load generator takes its share of the servers' time");
    }
    let bodies = (0..settings.warm_up + settings.requests).map(complaint::body);
    let requests = Requests::post(rows::PATH, rows::TOKEN, bodies);
    eprintln!(
        "{} rounds of {} complaints ({} bytes of JSON each) over {} connections",
        settings.rounds,
        settings.requests,
        complaint::body(0).len(),
        settings.connections
    );
    let mut failed = false;
    let mut report = Report::default();
    let wanted = |row: &Row| settings.rows.is_empty() || settings.rows.contains(&(*row as usize));
    let mut rows: Vec<Row> = Row::ROUND.into_iter().filter(wanted).collect();
    for round in 1..=settings.rounds {
        rows.retain(|row| {
            eprint!("round {round}: {} … ", row.name());
            match rows::round(*row, &settings, &requests, &cores) {
                Ok(measured) => {
                    eprintln!("{:.0}/s, p99 {:.1} ms, {:.3} CPU s", measured.rate, measured.p99, measured.cpu);
                    report.rounds.push((*row, measured));
                    true
                }
                Err(error) => {
                    eprintln!("failed, and left out of the further rounds: {error:#}");
                    failed = true;
                    false
                }
            }
        });
    }
    match (0..5).map(|_| rows::idle(&cores)).collect::<Result<Vec<_>>>() {
        Ok(starts) => {
            report.idle = median(starts.iter().map(|idle| idle.0)).zip(median(starts.iter().map(|idle| idle.1)));
        }
        Err(error) => {
            eprintln!("idle: failed: {error:#}");
            failed = true;
        }
    }
    io::stdout().write_all(report.text().as_bytes())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
