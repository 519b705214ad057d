//! Looking later: what the index could not be asked about, and an index that must be built anew.

use super::{
    Issuer, NotNow, count_late,
    incidents::Joined,
    link::{Link, rounded},
};
use crate::{
    event::kind,
    repeats::{self, Away, Known},
    revise::Draft,
    store::{StoreError, TicketRow},
};
use jiesu_linking::Decision;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Tickets looked at in one go.
const AT_ONCE: usize = 200;
/// The line waits so long for an index that is being filled.
const MOMENT: Duration = Duration::from_secs(2);

impl Issuer {
    /// Sees to it that the index gets what the store has. The line waits for it for a moment only: what comes after that is
    /// looked at when the index is there.
    pub(super) async fn prepare(&self, stop: CancellationToken) {
        let issuer = self.clone();
        self.repeats.set_filling(true);
        let filling = tokio::spawn(async move {
            let filled = async {
                match issuer.repeats.is_empty().await {
                    Ok(true) => repeats::fill(&issuer.repeats, &*issuer.aside, &issuer.reviser.zone).await.map(drop),
                    Ok(false) => Ok(()),
                    Err(away) => Err(away.to_string()),
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                filled = filled => if let Err(error) = filled {
                    tracing::warn!(%error, "the repeat index could not be filled from the store");
                }
            }
            issuer.repeats.set_filling(false);
            issuer.arrived.notify_one();
        });
        let _ = tokio::time::timeout(MOMENT, filling).await;
    }

    async fn reindex(&self) -> Result<(), String> {
        repeats::rebuild(&self.repeats, &*self.reviser.store, &self.reviser.zone).await.map(drop)
    }

    /// Looks at what could not be looked at, if the index can be asked again.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        if self.repeats.must_rebuild()
            && let Err(error) = self.reindex().await
        {
            tracing::warn!(%error, "the repeat index could not be built anew; it is tried again");
            return Ok(());
        }
        loop {
            let rows = self.reviser.store.unchecked(AT_ONCE).await?;
            // A Redis that comes back may come back empty.
            match self.repeats.is_empty().await {
                _ if rows.is_empty() => return Ok(()),
                Ok(false) => {}
                Ok(true) if self.reindex().await.is_ok() => {}
                Ok(true) | Err(_) => return Ok(()),
            }
            for row in &rows {
                match self.look_again(row).await {
                    Ok(()) => self.reviser.store.checked(row.number).await?,
                    Err(NotNow::Later | NotNow::AfterOthers) => return Ok(()),
                    Err(NotNow::Store(error)) => return Err(error),
                }
            }
            if rows.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn look_again(&self, row: &TicketRow) -> Result<(), NotNow> {
        let ticket = Draft::new(row).ticket;
        let known = Known::of(&ticket);
        let appeal = known.appeal(row.number);
        let checked = self.repeats.check_if_there(&appeal).await.map_err(|Away(_)| NotNow::Later)?;
        let decision = checked.decision.clone();
        match self.link_to(row.number, known.citizen, checked, true).await? {
            Link::Repeat(earlier, _) => self.repeated_late(row, &earlier, &decision).await,
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
                self.reviser.revise(row.number, change).await.map(drop).map_err(NotNow::Store)
            }
            Link::Perhaps(similar) => {
                let change = |row: &TicketRow| {
                    let mut draft = checked_now(row);
                    draft.set("similar", json!(similar));
                    self.reviser.updated(row, &draft)
                };
                self.reviser.revise(row.number, change).await.map(drop).map_err(NotNow::Store)
            }
            Link::New | Link::Unchecked => {
                let change = |row: &TicketRow| self.reviser.updated(row, &checked_now(row));
                self.reviser.revise(row.number, change).await.map(drop).map_err(NotNow::Store)
            }
        }
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
