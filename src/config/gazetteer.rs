//! `gazetteer.toml`: a city's places (地名库), so that repeats are told by the place and not by what it is called.

use super::{faults::below, load::read_toml, typed::typed};
use jiesu_linking::{Class, Gazetteer, Part, Place};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

type Faults = Vec<(String, String)>;

/// What a place is.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Kind {
    Area,
    Town,
    Road,
    Estate,
    School,
    Organisation,
}

impl From<Kind> for Class {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Area => Self::Area,
            Kind::Town => Self::Town,
            Kind::Road => Self::Road,
            Kind::Estate => Self::Estate,
            Kind::School => Self::School,
            Kind::Organisation => Self::Organisation,
        }
    }
}

/// One place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Entry {
    /// What it is called.
    #[schemars(example = &"阳光花园小区")]
    name: String,
    /// What else it is called.
    #[serde(default)]
    aliases: Vec<String>,
    /// The name of the place that it lies in.
    parent: Option<String>,
    /// What it is; unless given, its name tells.
    kind: Option<Kind>,
}

/// Reads a gazetteer.
///
/// # Errors
/// Every fault: its key, or line and column, and what is wrong.
pub(super) fn parse(text: &str) -> Result<Gazetteer, Faults> {
    let mut file = read_toml(text)?;
    let mut faults = Faults::new();
    let items = file.as_object_mut().and_then(|file| file.shift_remove("places"));
    for (key, _) in file.as_object().into_iter().flatten() {
        faults.push((key.clone(), format!("unknown key `{key}`; write [[places]] before each place")));
    }
    let items = match items {
        Some(Value::Array(items)) => items,
        None => Vec::new(),
        Some(_) => {
            faults.push(("places".into(), "no array of tables; write [[places]] before each place".into()));
            return Err(faults);
        }
    };
    let mut places = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let (entry, wrong) = typed::<Entry>(item, &[]);
        faults.extend(wrong.into_iter().map(|(key, what)| (below(&here(index), &key), what)));
        let place =
            |Entry { name, aliases, parent, kind }| Place { name, aliases, parent, kind: kind.map(Class::from) };
        // What could not be read keeps its place, so that others are told by theirs.
        places.push(entry.map(place).unwrap_or_default());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let told = |(index, part, fault): (usize, Part, jiesu_linking::BadPlace)| {
        let key = match part {
            Part::Name => "name".to_owned(),
            Part::Alias(number) => format!("aliases[{number}]"),
            Part::Parent => "parent".to_owned(),
        };
        (below(&here(index), &key), fault.to_string())
    };
    Gazetteer::new(&places).map_err(|faults| faults.into_iter().map(told).collect())
}

fn here(index: usize) -> String {
    format!("places[{index}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_with_its_key_and_what_would_be_right() {
        let faults = |text: &str| {
            let faults = parse(text).unwrap_err();
            faults.into_iter().map(|(key, what)| format!("{key}: {what}")).collect::<Vec<_>>()
        };
        let one = |text: &str, key: &str, what: &str| {
            let faults = faults(text);
            assert!(faults.len() == 1 && faults[0].starts_with(key) && faults[0].contains(what), "{faults:?}");
        };
        one("[[place]]\nname = '沙县'", "place", "write [[places]]");
        one("[[places]]\nname = '沙县'\nalias = '沙县区'", "places[0].alias", "aliases");
        one("[[places]]\nname = '沙县'\nkind = 'county'", "places[0].kind", "area");
        one("[[places]]\naliases = ['沙县区']", "places[0].name", "missing");
        one("[[places]]\nname = '沙县'\nparent = '三明市'", "places[0].parent", "add a table for it");
        one("[[places]]\nname = '沙县'\naliases = ['沙']", "places[0].aliases[0]", "2 to 32 letters");
        one("places = 3", "places", "no array");
        one("[[places]\n", "line 1", "");
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn the_example_can_be_read() {
        let example = parse(include_str!("../../config/gazetteer.example.toml")).unwrap();
        assert!(example.len() > 5 && example.fingerprint() != 0);
    }
}
