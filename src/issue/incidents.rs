//! How incidents grow: by distinct citizens, and how fast.

use crate::{
    event::kind,
    number::Number,
    repeats,
    revise::{Draft, Reviser},
    store::{Joins, StoreError, TicketChange, TicketRow},
    ticket,
};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Incidents whose citizens are remembered here; the store knows all.
const REMEMBERED: usize = 1_000;
/// Of an incident, so many tickets are read from the store.
const MOST_MEMBERS: usize = 20_000;
/// Seconds in which citizens are counted for the alarm.
const HOUR: i64 = 3_600;

/// What is remembered of incidents. The store's line is their only writer.
#[derive(Default)]
pub struct Incidents {
    known: Mutex<HashMap<Number, Incident>>,
    /// Citizens within an hour that raise an alarm.
    surge: usize,
    doubted: AtomicBool,
}

#[derive(Default, Clone)]
struct Incident {
    citizens: HashSet<u64>,
    /// When citizens of the last hour joined, seconds since 1970.
    recent: VecDeque<i64>,
    alarmed_at: usize,
    /// The first ticket says that it is of an incident.
    begun: bool,
}

/// A ticket's place in an incident.
#[derive(Debug)]
pub(super) struct Joined {
    /// As the ticket tells it.
    pub incident: ticket::Incident,
    /// As the store is told.
    pub joins: Joins,
}

/// How an incident stands after one more citizen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grown {
    /// Distinct citizens.
    pub size: usize,
    /// It has grown fast since the last alarm.
    pub alarm: bool,
}

impl Incidents {
    /// With an alarm at so many citizens within an hour.
    pub fn new(surge: u32) -> Self {
        Self { surge: surge.max(2) as usize, ..Self::default() }
    }

    /// Forgets everything: the store's transaction failed or an operator undid a link, and what is remembered may be wrong.
    pub fn forget(&self) {
        self.known().clear();
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Forgets once more, if that was asked for while the round was under way that is over now: it may have remembered what
    /// it had seen before.
    pub(super) fn round_is_over(&self) {
        if self.doubted.swap(false, Ordering::Relaxed) {
            self.known().clear();
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Number, Incident>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Self::join`], for an incident that is remembered here and has begun: without looking at its first ticket.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub(super) async fn join_known(
        &self,
        reviser: &Reviser,
        citizen: u64,
        root: Number,
        why: &str,
        fresh: bool,
    ) -> Result<Option<Joined>, StoreError> {
        let grown = {
            let mut known = self.known();
            let Some(incident) = known.get_mut(&root).filter(|incident| incident.begun) else { return Ok(None) };
            incident.grow(citizen, reviser.clock.now().as_second(), self.surge, fresh)
        };
        self.alarm(reviser, root, grown).await?;
        Ok(Some(joined(root, grown, why, None)))
    }

    /// The incident that began with `first`, with one more citizen in it. If it begins now, the first ticket is told in the
    /// transaction of the one that joins; if it grows fast, at once. What is not `fresh` was not said within this hour.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub(super) async fn join(
        &self,
        reviser: &Reviser,
        citizen: u64,
        first: &TicketRow,
        why: &str,
        fresh: bool,
    ) -> Result<Joined, StoreError> {
        let root = first.number;
        let there = self.known().contains_key(&root);
        let draft = Draft::new(first);
        let read = if there { None } else { Some(Self::read(reviser, root, &draft, self.surge).await?) };
        let grown = {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            let incident = known.entry(root).or_insert_with(|| read.unwrap_or_default());
            incident.grow(citizen, reviser.clock.now().as_second(), self.surge, fresh)
        };
        if draft.ticket["incident"].is_null() {
            return Ok(joined(root, grown, why, Some(Box::new(begin(reviser, first, draft, grown.size)))));
        }
        self.begun(root);
        self.alarm(reviser, root, grown).await?;
        Ok(joined(root, grown, why, None))
    }

    /// One more citizen in an incident, by a ticket that is there already.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub async fn join_now(
        &self,
        reviser: &Reviser,
        citizen: u64,
        first: &TicketRow,
        why: &str,
    ) -> Result<ticket::Incident, StoreError> {
        let joined = self.join(reviser, citizen, first, why, true).await?;
        if joined.joins.begins.is_some() {
            self.begin(reviser, first.number, joined.incident.size).await?;
        }
        Ok(joined.incident)
    }

    /// Tells in the first ticket that an incident begins with it.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub(super) async fn begin(&self, reviser: &Reviser, root: Number, size: usize) -> Result<(), StoreError> {
        reviser.revise(root, |row| begin(reviser, row, Draft::new(row), size)).await?;
        self.begun(root);
        Ok(())
    }

    /// Its first ticket has been told.
    pub(super) fn begun(&self, root: Number) {
        if let Some(incident) = self.known().get_mut(&root) {
            incident.begun = true;
        }
    }

    async fn alarm(&self, reviser: &Reviser, root: Number, grown: Grown) -> Result<(), StoreError> {
        if !grown.alarm {
            return Ok(());
        }
        let change = |row: &TicketRow| {
            let mut draft = Draft::new(row);
            let reason = "短时间内多人反映同一事件";
            draft.set("incident", json!({ "id": id(root), "size": grown.size, "reason": reason }));
            draft.edit_list("flags", |flags| {
                if !flags.iter().any(|flag| flag == "surge") {
                    flags.push("surge".into());
                }
            });
            reviser.updated(row, &draft)
        };
        reviser.revise(root, change).await?;
        metrics::counter!("jiesu_incident_alarms_total").increment(1);
        tracing::warn!(alarm = true, incident = %root, size = grown.size, "an incident grows fast");
        Ok(())
    }

    async fn read(reviser: &Reviser, root: Number, first: &Draft, surge: usize) -> Result<Incident, StoreError> {
        let members = reviser.store.members(root, MOST_MEMBERS).await?;
        let key = first.ticket["appellant"]["key"].as_str().unwrap_or_default();
        let mut incident = Incident { citizens: HashSet::from([repeats::citizen(key)]), ..Incident::default() };
        let since = reviser.clock.now().as_second() - HOUR;
        for member in members {
            if incident.citizens.insert(repeats::citizen(&member.citizen)) && member.at.as_second() >= since {
                incident.recent.push_back(member.at.as_second());
            }
        }
        // Whoever remembered it before has raised the alarm, if there was reason to.
        let recent = incident.recent.len();
        incident.alarmed_at = if recent >= surge { recent } else { 0 };
        Ok(incident)
    }
}

fn id(root: Number) -> String {
    format!("in_{root}")
}

fn joined(root: Number, grown: Grown, why: &str, begins: Option<Box<TicketChange>>) -> Joined {
    let incident = ticket::Incident { id: id(root), size: grown.size, reason: why.to_owned() };
    Joined { incident, joins: Joins { root, begins } }
}

/// The change by which the first ticket says that an incident begins with it.
fn begin(reviser: &Reviser, first: &TicketRow, mut draft: Draft, size: usize) -> TicketChange {
    let (id, reason) = (id(first.number), "其他诉求人反映同一事件");
    draft.set("incident", json!({ "id": id, "size": size, "reason": reason }));
    reviser.told(first, &draft, kind::JOINED, json!({ "incident": id, "size": size, "reason": reason }))
}

impl Incident {
    fn grow(&mut self, citizen: u64, now: i64, surge: usize, fresh: bool) -> Grown {
        if self.citizens.insert(citizen) && fresh {
            self.recent.push_back(now);
        }
        // They come in their order, but for a clock that was set back: then some are counted a little longer.
        while self.recent.pop_front_if(|at| *at <= now - HOUR).is_some() {}
        let recent = self.recent.len();
        if recent < surge {
            self.alarmed_at = 0;
        }
        // The first alarm at the limit, the next when it has doubled.
        let alarm = recent >= surge && recent >= 2 * self.alarmed_at;
        if alarm {
            self.alarmed_at = recent;
        }
        Grown { size: self.citizens.len(), alarm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_counts_citizens_once_and_alarms_when_it_grows_fast_and_when_it_has_doubled() {
        let mut incident = Incident { citizens: HashSet::from([1]), ..Incident::default() };
        let mut alarms = Vec::new();
        for citizen in [2, 2, 3, 4, 5, 6, 7, 8, 9] {
            let grown = incident.grow(citizen, 1_000, 3, true);
            if grown.alarm {
                alarms.push(grown.size);
            }
        }
        assert_eq!(alarms, [4, 7], "three joined within the hour, then six");
        assert_eq!(incident.grow(9, 1_000, 3, true), Grown { size: 9, alarm: false });
        assert!(!incident.grow(10, 9_000, 3, true).alarm, "an hour later it begins anew");
        let old = (11..40).map(|citizen| incident.grow(citizen, 9_000, 3, false));
        assert!(old.last().is_some_and(|grown| !grown.alarm && grown.size == 39), "what is imported is counted only");
    }
}
