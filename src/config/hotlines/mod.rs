//! The register of hotlines (热线), from `hotlines.toml`: eighty-two lines become one number, each in its own way and
//! on its own days.

mod check;
mod road;
#[cfg(test)]
mod tests;

pub(super) use check::Known;
pub use road::Stage;

use super::{Day, typed::typed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The register that is built in.
pub(super) const BUILT_IN: &str = include_str!("../../../config/hotlines.toml");

/// How a hotline came under 12345.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// 整体并入: its number leads to 12345.
    Absorbed,
    /// 双号并行: both numbers are in use, 12345 answers.
    Parallel,
    /// 设分中心: it answers itself, as a branch of 12345.
    Subcentre,
}

impl Mode {
    /// As it stands in a ticket.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absorbed => "absorbed",
            Self::Parallel => "parallel",
            Self::Subcentre => "subcentre",
        }
    }

    /// As operators say it.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Absorbed => "整体并入",
            Self::Parallel => "双号并行",
            Self::Subcentre => "设分中心",
        }
    }
}

/// One hotline.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Hotline {
    /// Its number.
    #[schemars(example = "12319")]
    pub code: String,
    /// Its name.
    #[schemars(example = &"城管热线")]
    pub name: String,
    /// Whose line it was, or is (主管单位).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How it came under 12345; before `absorbed_from` a line of the mode `absorbed` is `parallel`.
    pub mode: Mode,
    /// The administrative division it serves (GB/T 2260).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// From this day both numbers ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_from: Option<Day>,
    /// From this day its number leads to 12345, whatever it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absorbed_from: Option<Day>,
    /// From this day its number is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_off_at: Option<Day>,
    /// The subscriber that its tickets go to besides the core: the line's own system while it is `parallel`, the
    /// sub-centre while it is `subcentre`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<String>,
    /// The profile of deadlines that its matters get; the policy's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The old system's codes of categories, and ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, String>,
    /// What the columns of its old system's export are called, for `jiesu parity`, where they have no usual name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// What share of its old system's tickets must be here before it may be declared absorbed, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parity_threshold: Option<f64>,
    /// Why it is absorbed although the last `jiesu parity` found less than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absorbed_reason: Option<String>,
    /// It is not absorbed yet, whatever the entry says: its parity is below the threshold, and nobody said why.
    #[serde(skip)]
    pub held: Held,
}

/// Whether a line is kept from being absorbed. Copies of an entry hold together: a comparison changes it while all run.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<AtomicBool>);

impl Held {
    /// Whether it is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// The register, by code.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hotlines(BTreeMap<String, Hotline>);

/// What could be read of a register: each entry with its place in the file.
#[derive(Debug, Default)]
pub(super) struct Entries(pub Vec<(usize, Hotline)>);

impl Entries {
    /// Reads a register entry by entry, so that one mistake hides no other.
    ///
    /// # Errors
    /// The file is no TOML.
    pub fn read(text: &str) -> Result<(Self, Faults), Faults> {
        let mut file = super::load::read_toml(text)?;
        let mut faults = Faults::new();
        let items = file.as_object_mut().and_then(|file| file.shift_remove("hotlines"));
        for (key, _) in file.as_object().into_iter().flatten() {
            faults.push((key.clone(), format!("unknown key `{key}`; write [[hotlines]] before each line")));
        }
        let Some(Value::Array(items)) = items else {
            faults.push(("hotlines".into(), "no array of tables; write [[hotlines]] before each line".into()));
            return Ok((Self::default(), faults));
        };
        let mut entries = Vec::with_capacity(items.len());
        for (index, mut item) in items.into_iter().enumerate() {
            let here = |key: &str| super::faults::below(&format!("hotlines[{index}]"), key);
            check::stand_in_for_mode(&mut item, |what| faults.push((here("mode"), what)));
            let (hotline, wrong) = typed::<Hotline>(item, &[]);
            faults.extend(wrong.into_iter().map(|(key, what)| (here(&key), what)));
            entries.extend(hotline.map(|hotline| (index, hotline)));
        }
        let entries = Self(entries);
        faults.extend(entries.faults());
        Ok((entries, faults))
    }
}

/// What is wrong: keys, or lines and columns, each with words.
pub(super) type Faults = Vec<(String, String)>;

impl Hotlines {
    /// Reads a register.
    ///
    /// # Errors
    /// Every fault: its key, or line and column, and what is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let (entries, faults) = Entries::read(text)?;
        if faults.is_empty() { Ok(entries.into()) } else { Err(faults) }
    }

    /// The built-in register.
    pub fn built_in() -> Self {
        // A test reads it; were it broken all the same, an empty register names no hotline and stops nothing.
        Self::parse(BUILT_IN).unwrap_or_default()
    }

    /// The hotline of this number.
    pub fn get(&self, code: &str) -> Option<&Hotline> {
        self.0.get(code)
    }

    /// All, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Hotline> {
        self.0.values()
    }

    /// The lines whose tickets go to this subscriber.
    pub fn of_subscriber(&self, name: &str) -> Vec<String> {
        let theirs = self.iter().filter(|hotline| hotline.subscriber.as_deref() == Some(name));
        theirs.map(|hotline| hotline.code.clone()).collect()
    }

    /// Keeps a line from being absorbed if a comparison found too little and nobody said why, and lets it go if not.
    pub fn hold(&self, code: &str, parity: f64) {
        if let Some(hotline) = self.get(code) {
            hotline.held.0.store(hotline.falls_short(parity), Ordering::Relaxed);
        }
    }
}

impl From<Entries> for Hotlines {
    fn from(entries: Entries) -> Self {
        Self(entries.0.into_iter().map(|(_, hotline)| (hotline.code.clone(), hotline)).collect())
    }
}

/// Whether `code` could be a hotline's number.
pub(super) fn is_code(code: &str) -> bool {
    (3..=16).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}
