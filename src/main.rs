//! The commands.

mod commands;

use clap::{Parser, Subcommand, ValueEnum};
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};
use tracing_subscriber::EnvFilter;

/// Jiesu 接诉: a multi-channel intake gateway for government service hotlines (12345).
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Configured,
    /// How log lines look; text on a terminal and JSON otherwise, unless given.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

#[derive(clap::Args, Clone)]
struct Configured {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the gateway (the default).
    Serve(Configured),
    /// Checks the configuration; says every fault, one a line, and exits with 2 if there is one.
    Check(commands::check::Arguments),
    /// Parses one stored sample through a channel and prints the appeal as JSON; touches nothing.
    Try(commands::sample::Arguments),
    /// Loads a legacy hotline's export (CSV, XLSX, NDJSON); a second run adds nothing.
    Import(commands::import::Arguments),
    /// Sends dead letters again, or rewinds one destination; others get nothing again.
    Replay(commands::replay::Arguments),
    /// Prints the register of hotlines as it stands today.
    Hotlines(commands::hotlines::Arguments),
    /// Compares an old system's export row by row with what the gateway has.
    Parity(commands::parity::Arguments),
    /// Checks the chained certificates of all days; exits with 1 if one was changed.
    Chain(commands::chain::Arguments),
    /// Builds the repeat index anew from the store.
    Reindex(Configured),
    /// Runs a city's own history through the repeats and triage code; prints one decision a line.
    Backtest(commands::backtest::Arguments),
    /// Learns models of a city's own from its labelled history.
    Train(commands::train::Arguments),
    /// A stand-in core dispatch system for trials: receives events, checks signatures, prints each.
    StandIn(jiesu::standin::Arguments),
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.log_format);
    jiesu::server::log_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(16).build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(async move {
                match cli.command {
                    None => commands::serve::run(&cli.serve.config).await,
                    Some(Command::Serve(arguments)) => commands::serve::run(&arguments.config).await,
                    Some(Command::Check(arguments)) => commands::check::run(arguments).await,
                    Some(Command::Try(arguments)) => commands::sample::run(&arguments),
                    Some(Command::Import(arguments)) => commands::import::run(arguments).await,
                    Some(Command::Replay(arguments)) => commands::replay::run(arguments).await,
                    Some(Command::Hotlines(arguments)) => commands::hotlines::run(arguments).await,
                    Some(Command::Parity(arguments)) => commands::parity::run(arguments).await,
                    Some(Command::Chain(arguments)) => commands::chain::run(arguments).await,
                    Some(Command::Reindex(arguments)) => commands::reindex::run(&arguments.config).await,
                    Some(Command::Backtest(arguments)) => commands::backtest::run(arguments).await,
                    Some(Command::Train(arguments)) => commands::train::run(arguments),
                    Some(Command::StandIn(arguments)) => commands::stand_in::run(arguments).await,
                }
            });
            // A thread that waits for a dead disk does not keep the process.
            runtime.shutdown_timeout(std::time::Duration::from_millis(100));
            outcome
        }
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("jiesu: {error:#}");
        ExitCode::FAILURE
    })
}

fn log(format: Option<LogFormat>) {
    let text = std::io::stderr().is_terminal();
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format.unwrap_or(if text { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => builder.with_target(false).with_ansi(text).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
