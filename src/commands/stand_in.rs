//! `jiesu stand-in`.

use super::stop_signal;
use jiesu::{config::SystemSecrets, standin};
use std::process::ExitCode;

pub async fn run(arguments: standin::Arguments) -> anyhow::Result<ExitCode> {
    let options = arguments.resolve(&SystemSecrets::default())?;
    standin::run(options, stop_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}
