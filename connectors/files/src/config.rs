//! Where files are found, and what their rows mean.

use jiesu_connector::BuildError;
use jiesu_mapping::Map;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// The keys of a channel of type `files`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder that the legacy hotline drops its files into; without it, files come by `jiesu import` alone.
    #[serde(default)]
    pub watch: Option<PathBuf>,
    /// The jq filter: from `{ row: { column: value }, line, file }` to the body that channels of type `api` take, or to null
    /// (skip). Without it the usual column names are known, as in docs/files.md.
    #[serde(default)]
    pub map: Option<String>,
    /// Where files go that were read, below `watch` unless absolute.
    #[serde(default = "done")]
    pub done: PathBuf,
    /// Where files go that could not be read, each with a reason beside it.
    #[serde(default = "failed")]
    pub failed: PathBuf,
    /// How long a file must not have changed before it is read: `"500ms"`, `"5s"`, `"2m"`; up to an hour.
    #[serde(default = "settle")]
    pub settle: String,
}

fn done() -> PathBuf {
    "done".into()
}

fn failed() -> PathBuf {
    "failed".into()
}

fn settle() -> String {
    "5s".into()
}

/// A whole number and its unit.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)
        .filter(|millis| (100..=3_600_000).contains(millis))
        .map(Duration::from_millis)
}

/// A watched folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub watch: PathBuf,
    pub done: PathBuf,
    pub failed: PathBuf,
    pub settle: Duration,
}

/// The folder and the map.
type Checked = (Option<Folder>, Option<Arc<Map>>);

/// Looks at the folder; opens nothing.
pub(crate) fn checked(config: Config) -> Result<Checked, Vec<BuildError>> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, what: String| faults.push(BuildError::new(key, what));
    let map = match config.map.as_deref().map(Map::compile).transpose() {
        Ok(map) => map.map(Arc::new),
        Err(error) => {
            fault("map", error.to_string());
            None
        }
    };
    let settle = duration(&config.settle).unwrap_or_else(|| {
        fault("settle", format!("{:?} is no duration from 100ms to 1h, such as \"5s\"", config.settle));
        Duration::ZERO
    });
    if let Some(watch) = &config.watch {
        match std::fs::metadata(watch) {
            Ok(found) if !found.is_dir() => fault("watch", format!("{} is no folder", watch.display())),
            Ok(_) => {
                use rustix::fs::{Access, access};
                if access(watch, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
                    let what = "cannot be written to: files are moved out of it once they are read";
                    fault("watch", format!("{} {what}", watch.display()));
                }
            }
            Err(error) => fault("watch", format!("{} cannot be read: {error}; make the folder", watch.display())),
        }
    }
    let folder = config.watch.map(|watch| Folder {
        done: watch.join(&config.done),
        failed: watch.join(&config.failed),
        watch,
        settle,
    });
    if let Some(folder) = &folder {
        for (key, place) in [("done", &folder.done), ("failed", &folder.failed)] {
            if *place == folder.watch {
                fault(key, "is the watched folder itself: files would be read again".into());
            }
        }
    }
    if faults.is_empty() { Ok((folder, map)) } else { Err(faults) }
}
