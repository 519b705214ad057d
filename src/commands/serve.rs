//! `jiesu serve`.

use super::{load, stop_signal};
use jiesu::registry::Registry;
use std::{path::Path, process::ExitCode};

pub async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let loaded = match load(config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let stop = stop_signal()?;
    jiesu::run(loaded, &Registry::standard(), stop).await?;
    Ok(ExitCode::SUCCESS)
}
