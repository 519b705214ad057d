//! What an appeal belongs to: a matter of the same citizen, an incident of others, or nothing known.

use super::{Issuer, NotNow, compose::is_known};
use crate::repeats::Checked;
use crate::{
    assembly::Matter,
    event::kind,
    number::Number,
    repeats,
    revise::Draft,
    store::{Known, TicketRow},
    ticket::{Incident, Similar},
};
use jiesu_linking::{Appeal, Band, Decision, Placed};
use serde_json::json;

/// What an appeal belongs to.
#[derive(Debug)]
pub(super) enum Link {
    /// Nothing known.
    New,
    /// The index could not be asked.
    Unchecked,
    /// Perhaps to this one; an operator decides.
    Perhaps(Similar),
    /// To this incident, that began with that ticket.
    Joined(Incident, Number),
    /// It is said again by the same citizen: of this ticket.
    Repeat(Box<TicketRow>, Decision),
}

impl Link {
    pub(super) fn incident(&self) -> Option<Incident> {
        if let Self::Joined(incident, _) = self { Some(incident.clone()) } else { None }
    }

    pub(super) fn similar(&self) -> Option<Similar> {
        if let Self::Perhaps(similar) = self { Some(similar.clone()) } else { None }
    }

    pub(super) fn root(&self) -> Option<Number> {
        if let Self::Joined(_, root) = self { Some(*root) } else { None }
    }
}

/// A score as it is told.
pub(super) fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}

impl Issuer {
    /// Looks for what `matter` belongs to.
    pub(super) async fn link(&self, matter: &Matter) -> Result<Link, NotNow> {
        let Some((message, _)) = matter.said.first() else { return Ok(Link::New) };
        let wordless =
            |appeal: &jiesu_connector::Appeal| appeal.content.trim().is_empty() && appeal.location.text.is_none();
        // A call that nobody took, a photo: where no word was said, there is nothing to compare.
        if matter.said.iter().all(|(_, appeal)| wordless(appeal)) {
            return Ok(Link::New);
        }
        let number = message.number;
        let who = matter.first(|appeal| is_known(&appeal.appellant).then(|| appeal.appellant.clone()));
        let citizen = repeats::citizen(&self.citizen(message, &who.unwrap_or_default()));
        let checked = match self.decided.get(number, matter.said.len()) {
            Some(checked) => checked,
            None => {
                let title = matter.first(|appeal| appeal.title.clone()).unwrap_or_default();
                let place = matter.first(|appeal| appeal.location.text.clone()).unwrap_or_default();
                let text = [matter.content(), place].join("。");
                let appeal = Appeal {
                    number: number.to_key(),
                    at: message.received_at.as_second(),
                    citizen,
                    title: &title,
                    text: &text,
                };
                let Ok(checked) = self.repeats.check_if_there(&appeal).await else { return Ok(Link::Unchecked) };
                self.decided.put(number, matter.said.len(), checked.clone());
                checked
            }
        };
        self.link_to(number, citizen, checked).await
    }

    /// What a decision means, with what the store knows now.
    pub(super) async fn link_to(&self, number: Number, citizen: u64, checked: Checked) -> Result<Link, NotNow> {
        let decision = checked.decision;
        let Some(found) = &decision.matched else { return Ok(Link::New) };
        let store = &self.reviser.store;
        if decision.band == Band::Ask {
            return Ok(Link::Perhaps(Similar {
                of: Number::from_key(found.ticket).to_string(),
                score: rounded(decision.score),
                reason: decision.reason.clone(),
                same_citizen: found.same_citizen,
            }));
        }
        if found.same_citizen {
            // An operator has said that it is not: it becomes a ticket.
            if store.repeat_of(number).await? == Some(None) {
                let own = number.to_key();
                self.repeats.place(Placed { id: checked.id, ticket: own, root: own });
                return Ok(Link::New);
            }
            return match store.known(Number::from_key(found.ticket)).await? {
                Known::Ticket(row) => Ok(Link::Repeat(row, decision)),
                Known::InTheLine { .. } => Err(NotNow::AfterOthers),
                Known::Nothing => Ok(Link::New),
            };
        }
        let root = Number::from_key(found.root);
        match store.known(root).await? {
            Known::Ticket(row) if row.number == root => self.joined(citizen, &row, &decision).await,
            Known::InTheLine { .. } => Err(NotNow::AfterOthers),
            Known::Ticket(_) | Known::Nothing => Ok(Link::New),
        }
    }

    async fn joined(&self, citizen: u64, first: &TicketRow, decision: &Decision) -> Result<Link, NotNow> {
        let root = first.number;
        let grown = self.incidents.grow(&self.reviser, first, citizen).await?;
        let id = format!("in_{root}");
        let of_first = Draft::new(first).ticket["incident"].clone();
        if of_first.is_null() || grown.alarm {
            let reason = if of_first.is_null() {
                "其他诉求人反映同一事件"
            } else {
                "短时间内多人反映同一事件"
            };
            let told = if of_first.is_null() { kind::JOINED } else { kind::UPDATED };
            let change = |row: &TicketRow| {
                let mut draft = Draft::new(row);
                draft.set("incident", json!({ "id": id, "size": grown.size, "reason": reason }));
                if grown.alarm {
                    draft.edit_list("flags", |flags| {
                        if !flags.iter().any(|flag| flag == "surge") {
                            flags.push("surge".into());
                        }
                    });
                }
                match told {
                    kind::JOINED => {
                        let change = json!({ "incident": id, "size": grown.size, "reason": reason });
                        self.reviser.told(row, &draft, kind::JOINED, change)
                    }
                    _ => self.reviser.updated(row, &draft),
                }
            };
            self.reviser.revise(root, change).await?;
            if grown.alarm {
                metrics::counter!("jiesu_incident_alarms_total").increment(1);
                tracing::warn!(alarm = true, incident = %root, size = grown.size, "an incident grows fast");
            }
        }
        let incident = Incident { id, size: grown.size, reason: decision.reason.clone() };
        Ok(Link::Joined(incident, root))
    }
}
