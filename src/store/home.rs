//! Where a store is, and opening it there.

use super::{
    ParityRun, Store,
    postgres::{self, Address, PostgresStore},
    sqlite::{self, SqliteStore},
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// Where a store is.
#[derive(Debug, Clone)]
pub enum Home {
    /// In an SQLite file, which one process has for itself.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, which several nodes share.
    Postgres(Address),
}

/// Why a store could not be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// The database.
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
    /// The program failed at it.
    #[error("it could not be opened: {0}")]
    Failed(String),
}

/// An open store.
pub struct Opened {
    /// For everybody.
    pub store: Arc<dyn Store>,
    /// The same, for the line, which reads much and on a thread of its own.
    pub line: Arc<dyn Store>,
}

impl Home {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// [`OpenError`]: it is another's, it is newer than this program, or there is no way to it.
    pub async fn open(&self) -> Result<Opened, OpenError> {
        match self {
            Self::Sqlite(path) => {
                let path = path.clone();
                let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path)).await;
                let store = opened.map_err(|error| OpenError::Failed(error.to_string()))??;
                Ok(Opened { line: Arc::new(store.in_place()), store: Arc::new(store) })
            }
            Self::Postgres(address) => {
                let store: Arc<dyn Store> = Arc::new(PostgresStore::open(address.clone()).await?);
                Ok(Opened { line: store.clone(), store })
            }
        }
    }

    /// Looks whether it could be opened, and writes nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn inspect(&self) -> Result<(), OpenError> {
        match self {
            Self::Sqlite(path) => Ok(sqlite::inspect(path)?),
            Self::Postgres(address) => Ok(postgres::inspect(address).await?),
        }
    }

    /// Notes where the admin listener of the gateway that has opened the store answers, which the configuration does not say
    /// when it asks for any free port. For a store that one process has for itself; nodes that share one are reached by
    /// their own configurations.
    pub fn announce(&self, admin: SocketAddr) {
        let Self::Sqlite(path) = self else { return };
        if let Err(error) = sqlite::announce(path, admin) {
            tracing::warn!(%error, "the lock file of the store cannot be written: commands look for the gateway at admin.listen");
        }
    }

    /// Where the admin listener of the gateway that has the store open answers, if it announced it.
    pub fn announced(&self) -> Option<SocketAddr> {
        match self {
            Self::Sqlite(path) => sqlite::announced(path),
            Self::Postgres(_) => None,
        }
    }

    /// Whether there may be a store: not where it would be a file and is none.
    pub fn may_be_there(&self) -> bool {
        match self {
            Self::Sqlite(path) => path.exists(),
            Self::Postgres(_) => true,
        }
    }

    /// The last comparison of each line, from a store that this process need not open. Writes nothing; a store that is not
    /// there, or is older, has none.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn parity_at_rest(&self) -> Result<Vec<ParityRun>, String> {
        match self {
            Self::Sqlite(path) => sqlite::parity_at_rest(path),
            Self::Postgres(address) => postgres::parity_at_rest(address).await,
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::Sqlite("data/jiesu.db".into())
    }
}

impl std::fmt::Display for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}
