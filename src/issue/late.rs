//! Looking later: what the index could not be asked about, and an index that must be built anew.

use super::{
    Issuer, NotNow,
    link::{Link, rounded},
};
use crate::{
    event::kind,
    number::Number,
    repeats::{self, Away},
    revise::Draft,
    store::{StoreError, TicketRow},
};
use jiesu_linking::{Appeal, Decision};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Tickets looked at in one go.
const AT_ONCE: usize = 200;

/// A ticket as the index sees it.
pub(crate) struct Known {
    title: String,
    text: String,
    citizen: u64,
    at: i64,
}

impl Known {
    /// From its document.
    pub(crate) fn of(ticket: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let at = ticket["received_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        Self {
            title: text(&ticket["title"]),
            text: [text(&ticket["content"]), text(&ticket["location"]["text"])].join("。"),
            citizen: repeats::citizen(ticket["appellant"]["key"].as_str().unwrap_or_default()),
            at: at.map_or(0, |at| at.as_second()),
        }
    }

    /// To be compared.
    pub(crate) fn appeal(&self, number: Number) -> Appeal<'_> {
        Appeal { number: number.to_key(), at: self.at, citizen: self.citizen, title: &self.title, text: &self.text }
    }
}

/// The first ticket of a ticket's incident; itself, if it is in none.
pub(crate) fn root_of(number: Number, ticket: &Value) -> Number {
    let id = ticket["incident"]["id"].as_str().and_then(|id| id.strip_prefix("in_"));
    id.and_then(|root| root.parse().ok()).unwrap_or(number)
}

impl Issuer {
    /// Makes sure that the index has what the store has, before the first appeal is compared.
    pub(super) async fn prepare(&self) {
        let empty = self.repeats.is_empty().await;
        if empty == Ok(true)
            && let Err(error) = self.reindex().await
        {
            tracing::warn!(%error, "the repeat index could not be built; repeats are found among new tickets only");
        }
    }

    /// Builds the index anew from the store.
    async fn reindex(&self) -> Result<(), String> {
        let window = SignedDuration::try_from(self.repeats.window()).unwrap_or(SignedDuration::MAX);
        let since = Timestamp::now().saturating_sub(window).unwrap_or(Timestamp::MIN);
        let day = crate::number::day_key(since.to_zoned(self.reviser.zone.clone()).date());
        let mut after = Number { day, sequence: 0 };
        let mut count = 0usize;
        loop {
            let rows = self.reviser.store.tickets_from(after, AT_ONCE).await.map_err(|error| error.to_string())?;
            let Some(last) = rows.last() else { break };
            after = last.number;
            for row in &rows {
                let ticket = Draft::new(row).ticket;
                let known = Known::of(&ticket);
                let root = root_of(row.number, &ticket).to_key();
                let put = self.repeats.put(&known.appeal(row.number), row.number.to_key(), root).await;
                put.map_err(|error| error.to_string())?;
            }
            count += rows.len();
        }
        self.repeats.rebuilt();
        if count > 0 {
            tracing::info!(tickets = count, "the repeat index was built from the store");
        }
        Ok(())
    }

    /// Looks at what could not be looked at, if the index can be asked again.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        if self.repeats.must_rebuild() {
            let cleared = self.repeats.clear().await.map_err(|error| error.to_string());
            let built = if cleared.is_ok() { self.reindex().await } else { cleared };
            if let Err(error) = built {
                tracing::warn!(%error, "the repeat index could not be built anew; it is tried again");
                return Ok(());
            }
        }
        loop {
            let rows = self.reviser.store.unchecked(AT_ONCE).await?;
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
        match self.follow(row.number, known.citizen, checked).await? {
            Link::Repeat(earlier, _) => self.repeated_late(row, &earlier, &decision).await,
            Link::Joined(incident, root) => {
                self.reviser.store.set_member(row.number, Some(root)).await?;
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
        let first = Draft::new(earlier).ticket;
        let count = first["repeat"]["count"].as_u64().unwrap_or(1) + 1;
        let repeat = json!({ "of": earlier.number.to_string(), "count": count, "reason": decision.reason,
            "score": rounded(decision.score), "first_at": first["received_at"] });
        for number in [row.number, later.number] {
            let change = |row: &TicketRow| {
                let mut draft = checked_now(row);
                if row.number == later.number {
                    draft.set("repeat", repeat.clone());
                }
                self.reviser.updated(row, &draft)
            };
            self.reviser.revise(number, change).await?;
        }
        Ok(())
    }
}

/// The ticket without the mark that it is unchecked.
fn checked_now(row: &TicketRow) -> Draft {
    let mut draft = Draft::new(row);
    draft.edit_list("flags", |flags| flags.retain(|flag| flag != "unchecked"));
    draft
}
