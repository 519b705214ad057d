//! `[policy]`: the files that hold what differs between cities.

use super::{
    Hotlines,
    faults::Report,
    load::{read_file, read_toml},
};
use jiesu_connector::Words;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What is wrong with one of the files: keys, or lines and columns, each with words.
type Faults = Vec<(String, String)>;

/// The files that hold what differs between cities. Relative paths are relative to this file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The register of hotlines; unless given, `hotlines.toml` beside this file if there is one, else the built-in one.
    #[schemars(example = "hotlines.toml")]
    pub hotlines: Option<PathBuf>,
    /// What is said to citizens, and what they say to the gateway, where it differs from the standard; unless given,
    /// `words.zh-CN.toml` beside this file if there is one. A channel's own `words` change these once more.
    #[schemars(example = "words.zh-CN.toml")]
    pub words: Option<PathBuf>,
}

impl Policy {
    /// The register of hotlines, for the configuration in `path`.
    pub(super) fn hotlines(&self, path: &Path, report: &mut Report) -> Hotlines {
        let named = self.hotlines.as_deref();
        read("policy.hotlines", named, path, "hotlines.toml", Hotlines::parse, report)
            .unwrap_or_else(Hotlines::built_in)
    }

    /// The words of every channel, for the configuration in `path`.
    pub(super) fn words(&self, path: &Path, report: &mut Report) -> Words {
        let named = self.words.as_deref();
        read("policy.words", named, path, "words.zh-CN.toml", words, report).unwrap_or_default()
    }
}

/// What stands in the file that is named, else in the one beside the configuration, else nothing. Faults in the file are
/// that file's.
fn read<T>(
    key: &str,
    named: Option<&Path>,
    configuration: &Path,
    usual: &str,
    parse: impl FnOnce(&str) -> Result<T, Faults>,
    report: &mut Report,
) -> Option<T> {
    let file = configuration.parent().unwrap_or(Path::new("")).join(named.unwrap_or(Path::new(usual)));
    if named.is_none() && !file.exists() {
        return None;
    }
    let text = read_file(&file).map_err(|what| report.fault(key, format!("{} {what}", file.display()))).ok()?;
    let told = |faults: Faults| {
        let mut other = Report::new(file.display().to_string());
        faults.into_iter().for_each(|(key, what)| other.fault(key, what));
        report.faults.append(&mut other.faults);
    };
    parse(&text).map_err(told).ok()
}

fn words(text: &str) -> Result<Words, Faults> {
    let table = read_toml(text)?;
    // A TOML file is a table.
    let table = table.as_object().cloned().unwrap_or_default();
    let told = |fault: jiesu_connector::FieldFault| (fault.field, fault.detail);
    Words::default().with(&table).map_err(|faults| faults.into_iter().map(told).collect())
}
