//! The register of hotlines (热线), from `hotlines.toml`.

use super::typed::typed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The register that is built in.
pub(super) const BUILT_IN: &str = include_str!("../../config/hotlines.toml");

/// How a hotline came under 12345.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

/// One hotline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Hotline {
    /// Its number.
    #[schemars(example = "12319")]
    pub code: String,
    /// Its name.
    #[schemars(example = &"城管热线")]
    pub name: String,
    /// How it came under 12345.
    pub mode: Mode,
}

/// The register, by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hotlines(BTreeMap<String, Hotline>);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// The hotlines.
    hotlines: Vec<Hotline>,
}

impl Hotlines {
    /// Reads a register.
    ///
    /// # Errors
    /// Every fault: its key, or line and column, and what is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let (file, mut faults) = typed::<File>(super::load::read_toml(text)?, &[]);
        let mut register = BTreeMap::new();
        for (index, hotline) in file.into_iter().flat_map(|file| file.hotlines).enumerate() {
            if !is_code(&hotline.code) {
                faults
                    .push((format!("hotlines[{index}].code"), "no hotline's number; it must be 3 to 16 digits".into()));
            }
            if hotline.name.trim().is_empty() {
                faults.push((format!("hotlines[{index}].name"), "empty; it must be the hotline's name".into()));
            }
            let code = hotline.code.clone();
            if register.insert(code.clone(), hotline).is_some() {
                faults.push((format!("hotlines[{index}].code"), format!("{code} is there twice; each hotline once")));
            }
        }
        if faults.is_empty() { Ok(Self(register)) } else { Err(faults) }
    }

    /// The built-in register.
    pub fn built_in() -> Self {
        // A test reads it; were it broken all the same, an empty register names no hotline and stops nothing.
        Self::parse(BUILT_IN).unwrap_or(Self(BTreeMap::new()))
    }

    /// The hotline of this number.
    pub fn get(&self, code: &str) -> Option<&Hotline> {
        self.0.get(code)
    }

    /// All, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Hotline> {
        self.0.values()
    }
}

/// Whether `code` could be a hotline's number.
pub(super) fn is_code(code: &str) -> bool {
    (3..=16).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_register_knows_the_usual_hotlines() {
        let register = Hotlines::parse(BUILT_IN).unwrap();
        assert_eq!(register, Hotlines::built_in());
        assert_eq!(register.get("12319").map(|hotline| hotline.name.as_str()), Some("城管热线"));
        assert_eq!(register.get("12366").map(|hotline| hotline.mode), Some(Mode::Subcentre));
        assert!(register.get("12345").is_some() && register.get("110").is_none());
        assert!(register.iter().count() >= 25);
    }

    #[test]
    fn a_register_names_each_mistake() {
        let text = r#"
            [[hotlines]]
            code = "12319"
            name = "a"
            mode = "merged"
            [[hotlines]]
            code = "12345"
            name = ""
            mode = "absorbed"
            [[hotlines]]
            code = "12345"
            name = "b"
            mode = "absorbed"
        "#;
        let faults = Hotlines::parse(text).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert!(keys.contains(&"hotlines[0].mode") && faults.len() >= 3, "{faults:?}");
        assert_eq!(faults[0].1, r#""merged" is not known; it must be one of "absorbed", "parallel", "subcentre""#);
    }
}
