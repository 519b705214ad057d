//! `[policy]`: the files that hold what differs between cities.

use super::{
    Hotlines,
    faults::Report,
    gazetteer, hotlines,
    judgement::{self, Judgement},
    load::{read_bytes, read_file, read_toml},
};
use jiesu_connector::Words;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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
    /// Kinds, priorities, flags and deadlines; unless given, `deadlines.toml` beside this file if there is one, else the
    /// built-in one.
    #[schemars(example = "deadlines.toml")]
    pub deadlines: Option<PathBuf>,
    /// The working calendar; unless given, `calendar-cn.toml` beside this file if there is one, else the built-in one.
    #[schemars(example = "calendar-cn.toml")]
    pub calendar: Option<PathBuf>,
    /// The table of categories; unless given, `categories.toml` beside this file if there is one, else the built-in one.
    #[schemars(example = "categories.toml")]
    pub categories: Option<PathBuf>,
    /// The model that names categories (`jiesu train categories`); unless given, the built-in one.
    #[schemars(example = "categories.model")]
    pub category_model: Option<PathBuf>,
    /// The model that finds repeats (`jiesu train repeats`); unless given, the built-in one.
    #[schemars(example = "repeats.model.json")]
    pub repeat_model: Option<PathBuf>,
    /// How rare words are (`jiesu train repeats` writes it too); unless given, the built-in one.
    #[schemars(example = "repeats.words")]
    pub repeat_words: Option<PathBuf>,
    /// The city's places with what else they are called and what they lie in (`gazetteer.example.toml` says how); unless
    /// given, `gazetteer.toml` beside this file if there is one, else none.
    #[schemars(example = "gazetteer.toml")]
    pub gazetteer: Option<PathBuf>,
}

impl Policy {
    /// The register of hotlines, for the configuration in `path`; `known` is what it may refer to.
    pub(super) fn hotlines(&self, path: &Path, known: &hotlines::Known<'_>, report: &mut Report) -> Hotlines {
        let named = self.hotlines.as_deref();
        let parse = |text: &str| {
            let (entries, mut faults) = hotlines::Entries::read(text)?;
            faults.extend(entries.strangers(known));
            if faults.is_empty() { Ok(Hotlines::from(entries)) } else { Err(faults) }
        };
        read("policy.hotlines", named, path, "hotlines.toml", parse, report).unwrap_or_else(Hotlines::built_in)
    }

    /// The register's file for the configuration in `path`, as it is named in faults.
    pub(super) fn hotlines_file(&self, path: &Path) -> String {
        let usual = self.hotlines.as_deref().unwrap_or(Path::new("hotlines.toml"));
        path.parent().unwrap_or(Path::new("")).join(usual).display().to_string()
    }

    /// The words of every channel, for the configuration in `path`.
    pub(super) fn words(&self, path: &Path, report: &mut Report) -> Words {
        let named = self.words.as_deref();
        read("policy.words", named, path, "words.zh-CN.toml", words, report).unwrap_or_default()
    }
}

impl Policy {
    /// What matters are judged by, for the configuration in `path`.
    pub(super) fn judgement(&self, path: &Path, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::built_in();
        let mut toml =
            |key: &str, named: &Option<PathBuf>, usual: &str, take: &mut dyn FnMut(&str) -> Result<(), Faults>| {
                read(&format!("policy.{key}"), named.as_deref(), path, usual, take, report);
            };
        let found = &mut judgement;
        toml("deadlines", &self.deadlines, "deadlines.toml", &mut |text| {
            found.policy = judgement::policy(text)?;
            Ok(())
        });
        toml("calendar", &self.calendar, "calendar-cn.toml", &mut |text| {
            found.calendar = judgement::calendar(text)?;
            Ok(())
        });
        toml("categories", &self.categories, "categories.toml", &mut |text| {
            found.categories = judgement::categories(text)?;
            Ok(())
        });
        toml("gazetteer", &self.gazetteer, "gazetteer.toml", &mut |text| {
            found.places = Arc::new(gazetteer::parse(text)?);
            Ok(())
        });
        let files = [
            ("category_model", &self.category_model),
            ("repeat_model", &self.repeat_model),
            ("repeat_words", &self.repeat_words),
        ];
        for (key, named) in files {
            let Some(named) = named else { continue };
            let file = path.parent().unwrap_or(Path::new("")).join(named);
            let taken = read_bytes(&file).and_then(|bytes| judgement.take(key, bytes));
            if let Err(what) = taken {
                report.fault(format!("policy.{key}"), format!("{} {what}", file.display()));
            }
        }
        judgement
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
