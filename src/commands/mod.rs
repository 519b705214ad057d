//! What each command does. The only place with `anyhow`: here an error is about to be read by a person.

pub mod backtest;
mod beside;
pub mod chain;
pub mod check;
pub mod hotlines;
pub mod import;
pub mod parity;
pub mod reindex;
pub mod replay;
pub mod sample;
pub mod serve;
pub mod stand_in;
mod table;
pub mod train;

use jiesu::{
    config::{self, Fault, Loaded},
    registry::Registry,
};
use std::{path::Path, process::ExitCode};
use tokio_util::sync::CancellationToken;

/// A configuration, or its faults on stderr and the exit code for that.
fn load(path: &Path) -> Result<Loaded, ExitCode> {
    config::load(path, &Registry::standard()).map_err(|faults| refuse(&faults))
}

/// Like [`load`], and no channel has a way out.
fn load_offline(path: &Path) -> Result<Loaded, ExitCode> {
    config::load_offline(path, &Registry::standard()).map_err(|faults| refuse(&faults))
}

/// One line a fault, and exit code 2.
fn refuse(faults: &[Fault]) -> ExitCode {
    faults.iter().for_each(|fault| eprintln!("{fault}"));
    ExitCode::from(2)
}

/// Cancelled by SIGTERM or Ctrl-C.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(stop)
}
