//! What types cannot say of a register: what must be unique, in order, or known elsewhere.

use super::{Entries, Faults, Hotline, Mode, is_code};
use crate::config::values::clip;
use serde_json::Value;
use std::collections::BTreeMap;

const MODES: [&str; 3] = ["absorbed", "parallel", "subcentre"];
/// The fields that `columns` may name.
pub(crate) const COLUMNS: [&str; 9] =
    ["id", "time", "phone", "name", "title", "content", "category", "location", "kind"];

/// What a register may refer to.
pub(crate) struct Known<'a> {
    /// The names of the subscribers.
    pub subscribers: Vec<&'a str>,
    /// The names of the profiles of deadlines.
    pub profiles: Vec<&'a str>,
    /// The codes of the categories.
    pub categories: Vec<&'a str>,
}

/// A mode that is none is told, and another put in its place: the entry's other mistakes are told as well.
pub(super) fn stand_in_for_mode(item: &mut Value, fault: impl FnOnce(String)) {
    let Some(mode) = item.get_mut("mode") else { return };
    if !mode.as_str().is_some_and(|mode| MODES.contains(&mode)) {
        let shown = mode.as_str().map_or_else(|| "it".into(), |mode| format!("{:?}", clip(mode)));
        fault(format!("{shown} is not known; it must be one of \"absorbed\", \"parallel\", \"subcentre\""));
        *mode = MODES[0].into();
    }
}

impl Entries {
    /// What is wrong in the register itself.
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::new();
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, hotline) in &self.0 {
            let mut fault = |key: &str, what: String| faults.push((format!("hotlines[{index}].{key}"), what));
            if !is_code(&hotline.code) {
                fault("code", format!("`{}` is no hotline's number; it must be 3 to 16 digits", clip(&hotline.code)));
            }
            if let Some(earlier) = first.get(hotline.code.as_str()) {
                let code = clip(&hotline.code);
                fault("code", format!("{code} is there twice, first as hotlines[{earlier}]; each hotline once"));
            } else {
                first.insert(&hotline.code, *index);
            }
            if hotline.name.trim().is_empty() {
                fault("name", "empty; it must be the hotline's name".into());
            }
            if hotline.region.as_deref().is_some_and(|region| !is_region(region)) {
                let region = clip(hotline.region.as_deref().unwrap_or_default());
                fault(
                    "region",
                    format!(
                        "`{region}` is no administrative division; it must be a code of GB/T 2260: 2, 4, 6, 9 or 12 digits, such as \"511102\""
                    ),
                );
            }
            dates(hotline, &mut fault);
            if hotline.parity_threshold.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                fault("parity_threshold", "it must be a share from 0 to 1, such as 0.98".into());
            }
            if hotline.absorbed_reason.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
                fault("absorbed_reason", "empty; say why, or leave it out".into());
            }
            for field in hotline.columns.keys().filter(|field| !COLUMNS.contains(&field.as_str())) {
                let known = COLUMNS.join(", ");
                fault(
                    &format!("columns.{}", clip(field)),
                    format!("no field of a ticket; the known ones are: {known}"),
                );
            }
        }
        faults
    }

    /// What the register refers to, and is not there.
    pub fn strangers(&self, known: &Known<'_>) -> Faults {
        let mut faults = Faults::new();
        for (index, hotline) in &self.0 {
            let mut look = |key: String, what: &str, name: &str, known: &[&str], where_: &str| {
                if !known.contains(&name) {
                    let list = if known.is_empty() { "none".into() } else { known.join(", ") };
                    let name = clip(name);
                    let what = format!("there is no {what} `{name}`; it must be one {where_}; known: {list}");
                    faults.push((format!("hotlines[{index}].{key}"), what));
                }
            };
            if let Some(name) = &hotline.subscriber {
                look("subscriber".into(), "subscriber", name, &known.subscribers, "of [[subscribers]]");
            }
            if let Some(name) = &hotline.profile {
                look("profile".into(), "profile", name, &known.profiles, "of [profiles] in deadlines.toml");
            }
            for (old, code) in &hotline.categories {
                let key = format!("categories.{}", crate::config::faults::quoted(old));
                look(key, "category", code, &known.categories, "of categories.toml");
            }
        }
        faults
    }
}

/// The days in the order in which they come.
fn dates(hotline: &Hotline, fault: &mut impl FnMut(&str, String)) {
    let Hotline { parallel_from, absorbed_from, number_off_at, .. } = hotline;
    let mut order = |key: &str, later: Option<super::Day>, name: &str, earlier: Option<super::Day>| {
        if let (Some(later), Some(earlier)) = (later, earlier)
            && later < earlier
        {
            fault(key, format!("{later} is before `{name}`, {earlier}; it must be that day or later"));
        }
    };
    order("absorbed_from", *absorbed_from, "parallel_from", *parallel_from);
    order("number_off_at", *number_off_at, "absorbed_from", *absorbed_from);
    if absorbed_from.is_none() {
        order("number_off_at", *number_off_at, "parallel_from", *parallel_from);
    }
    if hotline.mode == Mode::Subcentre && parallel_from.is_some() {
        fault("parallel_from", "a sub-centre keeps its own number and seats; leave it out, or set `mode`".into());
    }
    if hotline.mode == Mode::Absorbed && parallel_from.is_some() && absorbed_from.is_none() {
        fault(
            "absorbed_from",
            "missing beside `parallel_from`; it must be the day on which the line is absorbed".into(),
        );
    }
}

/// GB/T 2260 and its longer forms: province, prefecture, county, township, village.
fn is_region(code: &str) -> bool {
    matches!(code.len(), 2 | 4 | 6 | 9 | 12)
        && code.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(code.as_bytes().first(), Some(b'1'..=b'8'))
}
