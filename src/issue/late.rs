//! Looking later: what the index could not be asked about, and an index that must be built anew.

use super::{
    Issuer, NotNow, count_late,
    incidents::Joined,
    link::{Link, rounded},
};
use crate::{
    event::kind,
    number::Number,
    repeats::{self, Away, Content, Known},
    revise::Draft,
    store::{StoreError, TicketRow},
};
use futures_util::{FutureExt, future::try_join_all};
use jiesu_linking::Decision;
use serde_json::json;
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tickets looked at in one go; then the line has its turn again.
const AT_ONCE: usize = 64;
/// The line waits so long for an index that is being filled.
const MOMENT: Duration = Duration::from_secs(2);

impl Issuer {
    /// Sees to it that the index gets what the store has. The line waits for it for a moment only: what comes after that is
    /// looked at when the index is there.
    pub(super) async fn prepare(&self, stop: &CancellationToken) {
        if self.repeats.is_off() {
            return;
        }
        // What is in this process alone does not know what other nodes did since.
        let anew = self.repeats.is_own();
        let _ = tokio::time::timeout(MOMENT, self.fill(anew, stop)).await;
    }

    /// Fills the index from the store, beside the line; if `anew`, it is emptied first.
    fn fill(&self, anew: bool, stop: &CancellationToken) -> JoinHandle<()> {
        let (issuer, stop) = (self.clone(), stop.clone());
        self.repeats.set_filling(true);
        tokio::spawn(async move {
            let (index, store, zone) = (&issuer.repeats, &*issuer.aside, &issuer.reviser.zone);
            let filled = async {
                match index.content().await {
                    _ if anew => repeats::rebuild(index, store, zone).await.map(drop),
                    Ok(Content::Nothing) => repeats::fill(index, store, zone).await.map(drop),
                    // Whoever filled it last did not come to the end.
                    Ok(Content::Part) => repeats::rebuild(index, store, zone).await.map(drop),
                    Ok(Content::Whole) => Ok(()),
                    Err(away) => Err(away.to_string()),
                }
            };
            // Whatever happens, it ends: while it lasts, nothing is looked at.
            let filled = tokio::select! {
                () = stop.cancelled() => Ok(()),
                filled = AssertUnwindSafe(filled).catch_unwind() => {
                    filled.unwrap_or_else(|_panic| Err("filling panicked: a bug; see the log".to_owned()))
                }
            };
            index.filled().await;
            match filled {
                Ok(()) => issuer.arrived.notify_one(),
                // The line comes back to it by itself, and not at once.
                Err(error) => tracing::warn!(%error, "the repeat index could not be filled from the store"),
            }
        })
    }

    /// Looks at some of what could not be looked at, if the index can be asked again; tells whether there is more.
    pub(super) async fn catch_up(&self, stop: &CancellationToken) -> Result<bool, StoreError> {
        if self.repeats.is_off() || self.repeats.is_filling() {
            return Ok(false);
        }
        if self.repeats.must_rebuild() {
            drop(self.fill(true, stop));
            return Ok(false);
        }
        let rows = self.reviser.store.unchecked(AT_ONCE).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        match self.repeats.is_lost().await {
            Ok(false) => {}
            // A Redis that comes back may come back empty.
            Ok(true) => {
                drop(self.fill(true, stop));
                return Ok(false);
            }
            Err(Away(_)) => return Ok(false),
        }
        let (mut plain, mut more) = (Vec::new(), rows.len() == AT_ONCE);
        for row in &rows {
            match self.look_again(row).await {
                Ok(true) => self.reviser.store.checked(row.number).await?,
                Ok(false) => plain.push(row.number),
                // The index does not answer, or something has to happen first: not at once.
                Err(NotNow::Later | NotNow::AfterOthers) => {
                    more = false;
                    break;
                }
                Err(NotNow::Store(error)) => return Err(error),
            }
        }
        // Nothing depends on these: they share the store's commits.
        try_join_all(plain.into_iter().map(|number| self.is_new(number))).await?;
        Ok(more)
    }

    /// It was looked at, and belongs to nothing.
    async fn is_new(&self, number: Number) -> Result<(), StoreError> {
        self.reviser.revise(number, |row| self.reviser.updated(row, &checked_now(row))).await?;
        self.reviser.store.checked(number).await
    }

    /// Tells whether it belongs to something, and has been told so.
    async fn look_again(&self, row: &TicketRow) -> Result<bool, NotNow> {
        let ticket = Draft::new(row).ticket;
        let known = Known::of(&ticket);
        let appeal = known.appeal(row.number);
        let checked = self.repeats.check_if_there(&appeal).await.map_err(|Away(_)| NotNow::Later)?;
        let decision = checked.decision.clone();
        match self.link_to(row.number, known.citizen, checked, true).await? {
            Link::Repeat(earlier, _) => self.repeated_late(row, &earlier, &decision).await?,
            Link::Joined(Joined { incident, joins }) => {
                if joins.begins.is_some() {
                    self.incidents.begin(&self.reviser, joins.root, incident.size).await?;
                }
                self.reviser.store.set_member(row.number, Some(joins.root)).await?;
                let change = |row: &TicketRow| {
                    let mut draft = checked_now(row);
                    draft.set("incident", json!(incident));
                    let change = json!({ "incident": incident.id, "size": incident.size, "reason": incident.reason });
                    self.reviser.told(row, &draft, kind::JOINED, change)
                };
                self.reviser.revise(row.number, change).await?;
            }
            Link::Perhaps(similar) => {
                let change = |row: &TicketRow| {
                    let mut draft = checked_now(row);
                    draft.set("similar", json!(similar));
                    self.reviser.updated(row, &draft)
                };
                self.reviser.revise(row.number, change).await?;
            }
            Link::New | Link::Unchecked => return Ok(false),
        }
        Ok(true)
    }

    /// Both have tickets already: the later one says which one it repeats.
    async fn repeated_late(&self, row: &TicketRow, other: &TicketRow, decision: &Decision) -> Result<(), NotNow> {
        let (later, earlier) = if other.number > row.number { (other, row) } else { (row, other) };
        let score = rounded(decision.score);
        count_late(&self.reviser, later.number, earlier.number, &decision.reason, score, check).await?;
        if row.number != later.number {
            self.reviser.revise(row.number, |row| self.reviser.updated(row, &checked_now(row))).await?;
        }
        Ok(())
    }
}

/// The ticket without the mark that it is unchecked.
fn checked_now(row: &TicketRow) -> Draft {
    let mut draft = Draft::new(row);
    check(&mut draft);
    draft
}

fn check(draft: &mut Draft) {
    draft.edit_list("flags", |flags| flags.retain(|flag| flag != "unchecked"));
}
