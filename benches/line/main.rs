//! `make bench`: the straight line against the floors it stands on. How to read it: `benches/README.md`.
//!
//! One executable, several processes: called with a hidden argument it is one of the floors, or the stand-in core.

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
    report::Report,
    rows::{Measured, Row},
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
    let mut rounds: Vec<(Row, Measured)> = Vec::new();
    let wanted = |row: Row| settings.rows.is_empty() || settings.rows.contains(&(row as usize));
    let mut rows: Vec<Row> = Row::ROUND.into_iter().filter(|row| wanted(*row)).collect();
    for round in 1..=settings.rounds {
        rows.retain(|row| {
            eprint!("round {round}: {} … ", row.name());
            match rows::round(*row, &settings, &requests, &cores) {
                Ok(measured) => {
                    eprintln!("{:.0}/s, p99 {:.1} ms, {:.3} CPU s", measured.rate, measured.p99, measured.cpu);
                    rounds.push((*row, measured));
                    true
                }
                Err(error) => {
                    eprintln!("failed: {error:#}");
                    failed = true;
                    false
                }
            }
        });
    }
    let mut report = Report {
        rows: rows.iter().map(|row| (*row, medians(rounds.iter().filter(|(of, _)| of == row)))).collect(),
        idle: None,
    };
    let starts: Result<Vec<_>> = (0..5).map(|_| rows::idle(&cores)).collect();
    match starts {
        Ok(starts) => {
            report.idle = Some((median(starts.iter().map(|idle| idle.0)), median(starts.iter().map(|idle| idle.1))));
        }
        Err(error) => {
            eprintln!("idle: failed: {error:#}");
            failed = true;
        }
    }
    io::stdout().write_all(report.text().as_bytes())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn medians<'a>(rounds: impl Iterator<Item = &'a (Row, Measured)> + Clone) -> Measured {
    let of = |part: fn(&Measured) -> f64| median(rounds.clone().map(|(_, measured)| part(measured)));
    Measured { rate: of(|m| m.rate), p50: of(|m| m.p50), p99: of(|m| m.p99), cpu: of(|m| m.cpu) }
}

/// The middle one, or the mean of the two in the middle; 0 of nothing.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        count => (numbers[(count - 1) / 2] + numbers[count / 2]) / 2.0,
    }
}
