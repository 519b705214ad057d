//! `[store]`: the durable truth.

use super::values::text_value;
use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The durable truth. Relative paths are relative to the working directory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The database: `sqlite:PATH`.
    pub url: StoreUrl,
    /// The attachments: a directory.
    pub files: FilesHome,
    /// The key under which receipts are made (a secret); a file beside the database, written at the first start,
    /// unless given. Whoever loses it cannot tell a redelivery its first status code.
    #[schemars(example = "file:/run/secrets/jiesu-store-key")]
    pub key: Option<SecretRef>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// The file.
    pub fn path(&self) -> &Path {
        let Self::Sqlite(path) = self;
        path
    }
}

impl Default for StoreUrl {
    fn default() -> Self {
        Self::Sqlite("data/jiesu.db".into())
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    /// Says nothing of the text itself in an error: it may carry a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err("PostgreSQL, which this build cannot use yet; use \"sqlite:data/jiesu.db\"".into());
        }
        let path = text.strip_prefix("sqlite:").ok_or("no store's URL; use \"sqlite:data/jiesu.db\"")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
            return Err("no file behind `sqlite:`; use a path, as in \"sqlite:data/jiesu.db\"".into());
        }
        Ok(Self::Sqlite(path.into()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path().display())
    }
}
text_value!(StoreUrl, "StoreUrl");

/// The home of the attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesHome {
    /// A directory.
    Directory(PathBuf),
}

impl FilesHome {
    /// The directory.
    pub fn path(&self) -> &Path {
        let Self::Directory(path) = self;
        path
    }
}

impl Default for FilesHome {
    fn default() -> Self {
        Self::Directory("data/files".into())
    }
}

impl FromStr for FilesHome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("s3:") {
            return Err("S3, which this build cannot use yet; use a directory such as \"data/files\"".into());
        }
        if text.is_empty() || text.contains(['\0']) || text.contains("://") {
            return Err("no directory; use for example \"data/files\"".into());
        }
        Ok(Self::Directory(text.into()))
    }
}

impl fmt::Display for FilesHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}
text_value!(FilesHome, "FilesHome");
