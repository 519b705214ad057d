//! Why the database did not do it, and what that means for the connection and for the others of a transaction.

use crate::store::StoreError;
use std::error::Error;
use tokio_postgres::error::SqlState;

/// Why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fail {
    /// The connection is of no more use. What was sent last may have been done.
    Lost(String),
    /// Not now: no room, too much to do, another node is in the way. Nothing was stored.
    NotNow(String),
    /// Not for whoever asks: another node has what they would need. Nothing was stored, and nothing is wrong.
    Refused(String),
    /// This will never do.
    Statement(String),
}

impl Fail {
    /// The database did not answer in time.
    pub(super) fn silent() -> Self {
        Self::Lost("the database does not answer".into())
    }

    pub(super) fn text(&self) -> &str {
        let (Self::Lost(text) | Self::NotNow(text) | Self::Refused(text) | Self::Statement(text)) = self;
        text
    }
}

impl From<tokio_postgres::Error> for Fail {
    /// Says what the server says, but not its details: they may quote what a citizen wrote.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let first: Option<&(dyn Error + 'static)> = error.source();
            let because = std::iter::successors(first, |because| (*because).source());
            let broken = error.is_closed() || because.clone().any(|because| because.is::<std::io::Error>());
            let text = because.fold(error.to_string(), |text, because| format!("{text}: {because}"));
            return match broken {
                true => Self::Lost(format!("the connection to the database broke: {text}")),
                // Such as a value of another type than the column: a mistake of ours.
                false => Self::Statement(text),
            };
        };
        let text = format!("{} ({})", said.message(), said.code().code());
        let class = said.code().code().get(..2).unwrap_or_default();
        match *said.code() {
            // After a switch-over this is the standby: the next connection looks for the primary.
            SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost(text),
            SqlState::QUERY_CANCELED => Self::NotNow(text),
            SqlState::LOCK_NOT_AVAILABLE => Self::NotNow(text),
            SqlState::TOO_MANY_CONNECTIONS => Self::Lost(text),
            _ => match class {
                "08" | "57" => Self::Lost(text),
                // Resources, objects in use, transactions that were rolled back, input and output, damage.
                "53" | "55" | "40" | "58" => Self::NotNow(text),
                "XX" if *said.code() != SqlState::INTERNAL_ERROR => Self::NotNow(text),
                _ => Self::Statement(text),
            },
        }
    }
}

impl From<Fail> for StoreError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Lost(text) | Fail::NotNow(text) | Fail::Refused(text) => Self::Unavailable(text),
            Fail::Statement(text) => Self::Failed(text),
        }
    }
}
