//! The city's policy: rules, profiles and modes, from `deadlines.toml`.

use crate::{
    deadlines::{Mode, Term},
    lexicon::Lexicon,
    rules::Words,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Rules, profiles and modes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The profile in force.
    pub profile: String,
    /// The mode of operation in force.
    pub mode: Mode,
    /// The deadlines of each profile, by its name.
    pub profiles: BTreeMap<String, Profile>,
    /// What kind a matter is; the first that fits counts.
    #[serde(default)]
    pub kinds: Vec<Words>,
    /// How soon; the highest that fits counts.
    #[serde(default)]
    pub priorities: Vec<Words>,
    /// What to look out for; all that fit count.
    #[serde(default)]
    pub flags: Vec<Words>,
    /// Categories that words name, before the model is asked; the first that fits counts.
    #[serde(default)]
    pub categories: Vec<Words>,
    /// The words of all rules.
    #[serde(skip)]
    pub(crate) lexicon: Lexicon,
}

/// The deadlines of a city.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Of these the first that fits counts.
    pub terms: Vec<Term>,
}

/// What a TOML file holds.
///
/// # Errors
/// What is wrong, with its line and column.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<(String, String)>> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        vec![(format!("line {line}, column {column}"), error.message().to_owned())]
    })
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// Every fault: its key, or line and column, and what is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let mut policy: Self = read(text)?;
        let mut faults = Vec::new();
        if !policy.profiles.contains_key(&policy.profile) {
            let known: Vec<&str> = policy.profiles.keys().map(String::as_str).collect();
            faults.push((
                "profile".to_owned(),
                format!("there is no profile {:?}; known: {}", policy.profile, known.join(", ")),
            ));
        }
        for (name, profile) in &policy.profiles {
            for (index, term) in profile.terms.iter().enumerate() {
                let found = term.faults().into_iter();
                faults.extend(found.map(|(key, what)| (format!("profiles.{name}.terms[{index}].{key}"), what)));
            }
        }
        for (name, rules, value) in [
            ("kinds", &policy.kinds, "kind"),
            ("priorities", &policy.priorities, "level"),
            ("flags", &policy.flags, "flag"),
            ("categories", &policy.categories, "category"),
        ] {
            for (index, rule) in rules.iter().enumerate() {
                faults.extend(rule.fault(value).map(|what| (format!("{name}[{index}]"), what)));
            }
        }
        let rules = [&mut policy.kinds, &mut policy.priorities, &mut policy.flags, &mut policy.categories];
        policy.lexicon = Lexicon::of(rules.into_iter().flatten().flat_map(Words::words));
        if faults.is_empty() { Ok(policy) } else { Err(faults) }
    }

    /// The profile in force.
    pub fn terms(&self) -> &[Term] {
        self.terms_of(None)
    }

    /// A profile; the one in force unless named.
    pub fn terms_of(&self, name: Option<&str>) -> &[Term] {
        self.profiles.get(name.unwrap_or(&self.profile)).map_or(&[], |profile| &profile.terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policy_has_both_cities_profiles() {
        let policy = Policy::parse(include_str!("../../../config/deadlines.toml")).unwrap();
        assert_eq!((policy.profile.as_str(), policy.mode), ("leshan", Mode::Normal));
        assert!(policy.profiles.contains_key("beijing"));
        assert!(!policy.priorities.is_empty() && !policy.kinds.is_empty() && !policy.flags.is_empty());
    }

    #[test]
    fn a_policy_names_each_mistake() {
        let faults = Policy::parse(
            "profile = \"x\"\nmode = \"normal\"\n[profiles.y]\nterms = [{ respond = \"soon\", reply = \"5wd\" }]\n[[priorities]]\nname = \"a\"\nany = [\"b\"]\n",
        )
        .unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["profile", "profiles.y.terms[0].respond", "priorities[0]"]);
        assert_eq!(Policy::parse("profile = 7").unwrap_err()[0].0, "line 1, column 11");
    }
}
