//! `[policy]`: the files that hold what differs between cities.

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// The files that hold what differs between cities. Relative paths are relative to this file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The register of hotlines; unless given, `hotlines.toml` beside this file if there is one, else the built-in one.
    #[schemars(example = "hotlines.toml")]
    pub hotlines: Option<PathBuf>,
}
