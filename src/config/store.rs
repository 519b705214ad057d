//! `[store]`: the durable truth.

use super::values::text_value;
use crate::store::postgres::Address;
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
    /// The database: `sqlite:PATH`, for one node; or PostgreSQL (12 or later), for several:
    /// `postgres://USER@HOST:PORT/DATABASE`, with `?sslmode=verify-full` across a network and `&sslrootcert=FILE` for an
    /// authority of your own (as `env:NAME` or `file:PATH` when it carries a password).
    pub url: StoreUrl,
    /// PostgreSQL's password (a secret), where it does not stand in `url`.
    #[schemars(example = "env:JIESU_STORE_PASSWORD")]
    pub password: Option<SecretRef>,
    /// The attachments: a directory; the same one for all nodes.
    pub files: FilesHome,
    /// The key under which receipts are made (a secret); a file beside the database, written at the first start,
    /// unless given. Whoever loses it cannot tell a redelivery its first status code. With PostgreSQL it must be given,
    /// because all nodes must have the same.
    #[schemars(example = "file:/run/secrets/jiesu-store-key")]
    pub key: Option<SecretRef>,
}

/// The database. Its `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// PostgreSQL, or a reference to its URL.
    Postgres(SecretRef),
}

impl StoreUrl {
    /// A password stands in the file itself.
    pub(super) fn has_literal_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if url.is_literal() && Address::has_password(url.text()))
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
        let reference = SecretRef::new(text);
        if !reference.is_literal() || Address::is_one(text) {
            return Ok(Self::Postgres(reference));
        }
        let path = text.strip_prefix("sqlite:").ok_or(
            "no store's URL; use \"sqlite:data/jiesu.db\", or for several nodes \"postgres://jiesu@127.0.0.1:5432/jiesu\"",
        )?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains(['?', '\0']) {
            return Err("no file behind `sqlite:`; use a path, as in \"sqlite:data/jiesu.db\"".into());
        }
        Ok(Self::Sqlite(path.into()))
    }
}

/// For the schema's default only; a URL of PostgreSQL is not shown.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres:[secret]"),
        }
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
