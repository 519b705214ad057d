//! `jiesu stand-in`.

use super::{stop_signal, table::table};
use jiesu::{
    config::SystemSecrets,
    standin::{
        self,
        conform::{Trial, conform},
    },
};
use std::process::ExitCode;

pub async fn run(arguments: standin::Arguments) -> anyhow::Result<ExitCode> {
    let secrets = SystemSecrets::default();
    if let Some(trial) = arguments.trial(&secrets)? {
        return try_receiver(&trial).await;
    }
    let options = arguments.resolve(&secrets)?;
    standin::run(options, stop_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 0 if the receiver keeps the contract, 1 if something is to be mended.
#[allow(clippy::print_stdout)] // A command's answer.
async fn try_receiver(trial: &Trial) -> anyhow::Result<ExitCode> {
    let findings = conform(trial).await?;
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|one| {
            let (verdict, mend) = match one.mend {
                None => ("通过", ""),
                Some(mend) => ("不通过", mend),
            };
            [one.name, one.what, &one.answered, verdict, mend].map(str::to_owned).to_vec()
        })
        .collect();
    print!("{}", table(&["检查", "内容", "应答", "结果", "如何改正"], &rows));
    let failed = findings.iter().filter(|one| one.mend.is_some()).count();
    println!("\n{} 项检查，{} 项通过，{failed} 项不通过", findings.len(), findings.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
