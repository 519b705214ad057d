//! What an appeal belongs to: a matter of the same citizen, an incident of others, or nothing known.

use super::{Issuer, NotNow, compose::is_known, incidents::Joined};
use crate::repeats::Checked;
use crate::{
    assembly::Matter,
    citizens::Source,
    number::Number,
    repeats,
    store::{Joins, Known, TicketRow},
    ticket::{Incident, Similar},
};
use jiesu_linking::{Appeal, Band, Decision, Placed};
use jiff::{SignedDuration, Timestamp};

/// What is imported later than this is of the past.
const SURGE: SignedDuration = SignedDuration::from_hours(1);

/// What an appeal belongs to.
#[derive(Debug)]
pub(super) enum Link {
    /// Nothing known.
    New,
    /// The index could not be asked.
    Unchecked,
    /// Perhaps to this one; an operator decides.
    Perhaps(Similar),
    /// To this incident.
    Joined(Joined),
    /// It is said again by the same citizen: of this ticket.
    Repeat(Box<TicketRow>, Decision),
}

impl Link {
    pub(super) fn incident(&self) -> Option<Incident> {
        if let Self::Joined(joined) = self { Some(joined.incident.clone()) } else { None }
    }

    pub(super) fn similar(&self) -> Option<Similar> {
        if let Self::Perhaps(similar) = self { Some(similar.clone()) } else { None }
    }

    pub(super) fn repeat(&self) -> Option<(&TicketRow, &Decision)> {
        if let Self::Repeat(row, decision) = self { Some((row, decision)) } else { None }
    }

    pub(super) fn joins(self) -> Option<Joins> {
        if let Self::Joined(joined) = self { Some(joined.joins) } else { None }
    }
}

/// A score as it is told.
pub(super) fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1_000.0).round() / 1_000.0
}

impl Issuer {
    /// The key of who speaks in `matter`.
    pub(super) async fn identify(&self, matter: &Matter) -> Result<String, NotNow> {
        let Some((message, _)) = matter.said.first() else { return Err(NotNow::Later) };
        let known = matter.said.iter().map(|(_, appeal)| appeal).find(|appeal| is_known(&appeal.appellant));
        let (who, proven) = known.map(|appeal| (appeal.appellant.clone(), appeal.proven)).unwrap_or_default();
        let source = Source { channel: &message.channel, number: message.number, at: message.received_at };
        let otherwise = || match &message.sender {
            Some(sender) => format!("sender:{}:{sender}", message.channel),
            None => format!("number:{}", message.number),
        };
        let store = &*self.reviser.store;
        Ok(self.citizens.identify(store, &self.key, &who, proven, &source, otherwise).await?)
    }

    /// Looks for what `matter` belongs to.
    pub(super) async fn link(&self, matter: &Matter, citizen: &str) -> Result<Link, NotNow> {
        let Some((message, _)) = matter.said.first().filter(|_| !self.repeats.is_off()) else { return Ok(Link::New) };
        let wordless =
            |appeal: &jiesu_connector::Appeal| appeal.content.trim().is_empty() && appeal.location.text.is_none();
        // A call that nobody took, a photo: where no word was said, there is nothing to compare.
        if matter.said.iter().all(|(_, appeal)| wordless(appeal)) {
            return Ok(Link::New);
        }
        let number = message.number;
        let citizen = repeats::citizen(citizen);
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
        self.link_to(number, citizen, checked, self.is_fresh(matter)).await
    }

    /// Whether it is of now. What is imported may be of last year, however many rows there are: no incident grows fast by it.
    fn is_fresh(&self, matter: &Matter) -> bool {
        let Some((message, appeal)) = matter.said.first() else { return true };
        let imports = self.channels.get(message.channel.as_str()).is_some_and(|channel| channel.imports());
        let said = appeal.occurred_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        !(imports && said.is_some_and(|at| message.received_at.duration_since(at) > SURGE))
    }

    /// What a decision means, with what the store knows now.
    ///
    /// `fresh`: as [`Self::is_fresh`].
    pub(super) async fn link_to(
        &self,
        number: Number,
        citizen: u64,
        checked: Checked,
        fresh: bool,
    ) -> Result<Link, NotNow> {
        let decision = checked.decision;
        let Some(found) = &decision.matched else { return Ok(Link::New) };
        let store = &self.reviser.store;
        let by_itself = || {
            let own = number.to_key();
            self.repeats.place(Placed { id: checked.id, ticket: own, root: own });
            Ok(Link::New)
        };
        // An operator has said that it is not: it becomes a ticket, and nobody is asked again.
        if found.same_citizen && store.repeat_of(number).await? == Some(None) {
            return by_itself();
        }
        if decision.band == Band::Ask {
            return Ok(Link::Perhaps(Similar {
                of: Number::from_key(found.ticket).to_string(),
                score: rounded(decision.score),
                reason: decision.reason.clone(),
                same_citizen: found.same_citizen,
            }));
        }
        let mine = if found.same_citizen { found.ticket } else { found.root };
        // Somebody after it was found to belong to it, and has no ticket yet.
        if mine == number.to_key() {
            return by_itself();
        }
        if found.same_citizen {
            return match store.known(Number::from_key(found.ticket)).await? {
                Known::Ticket(row) => Ok(Link::Repeat(row, decision)),
                Known::InTheLine { .. } if self.goes_first(number, mine) => by_itself(),
                Known::InTheLine { .. } => Err(NotNow::AfterOthers),
                Known::Noted { .. } | Known::Nothing => Ok(Link::New),
            };
        }
        let root = Number::from_key(found.root);
        if let Some(joined) = self.incidents.join_known(&self.reviser, citizen, root, &decision.reason, fresh).await? {
            return Ok(Link::Joined(joined));
        }
        match store.known(root).await? {
            Known::Ticket(row) if row.number == root => {
                Ok(Link::Joined(self.incidents.join(&self.reviser, citizen, &row, &decision.reason, fresh).await?))
            }
            Known::InTheLine { .. } if self.goes_first(number, mine) => by_itself(),
            Known::InTheLine { .. } => Err(NotNow::AfterOthers),
            Known::Ticket(_) | Known::Noted { .. } | Known::Nothing => Ok(Link::New),
        }
    }

    /// What is found waits for its ticket, too. A gateway that was killed, or that lost the line to another node, may have put
    /// both into the index and made a ticket of none: then each finds the other, and the one with the lower number goes first.
    fn goes_first(&self, number: Number, found: i64) -> bool {
        let found = Number::from_key(found);
        number < found && !self.decided.is_ready(found)
    }
}
