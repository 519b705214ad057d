//! Every closed day's record against its hash, and each day against the one before.

use super::{fault, shown};
use crate::{
    files::hex,
    store::{ClosedDay, Store, StoreError},
};
use serde::{Deserialize, Serialize};

/// Closed days read at once.
const PAGE: usize = 1000;
/// Broken days that are named.
const MOST: usize = 100;

/// What became of looking at all closed days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Every day fits its hash and the day before.
    pub intact: bool,
    /// How many there are.
    pub days: u64,
    /// The first, `YYYY-MM-DD`.
    pub first: Option<String>,
    /// The last.
    pub last: Option<String>,
    /// The last one's hash, in hexadecimal: to be noted in another place.
    pub head: Option<String>,
    /// Days that do not fit; the first hundred.
    pub broken: Vec<Broken>,
}

/// A day that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// What is wrong with it.
    pub what: String,
}

/// Looks at all closed days.
///
/// # Errors
/// The store cannot read.
pub async fn verify(store: &dyn Store) -> Result<Chain, StoreError> {
    let (mut before, mut chain): (Option<ClosedDay>, _) = (None, Chain::default());
    loop {
        let from = before.as_ref().map_or(0, |last| last.day + 1);
        let page = store.closed_days(from, PAGE).await?;
        let whole = page.len() < PAGE;
        for day in page {
            chain.first.get_or_insert_with(|| shown(day.day));
            chain.days += 1;
            if let Some(what) = fault(&day, before.as_ref()).filter(|_| chain.broken.len() < MOST) {
                chain.broken.push(Broken { day: shown(day.day), what: what.into() });
            }
            before = Some(day);
        }
        if whole {
            break;
        }
    }
    chain.intact = chain.broken.is_empty();
    chain.last = before.as_ref().map(|last| shown(last.day));
    chain.head = before.as_ref().map(|last| hex(&last.hash));
    Ok(chain)
}
