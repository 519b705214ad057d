//! How incidents grow: by distinct citizens, and how fast.

use crate::{
    event::kind,
    number::Number,
    repeats,
    revise::{Draft, Reviser},
    store::{StoreError, TicketRow},
    ticket,
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
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
}

#[derive(Default, Clone)]
struct Incident {
    citizens: HashSet<u64>,
    /// When citizens of the last hour joined, seconds since 1970.
    recent: Vec<i64>,
    alarmed_at: usize,
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
        Self { known: Mutex::default(), surge: surge.max(2) as usize }
    }

    /// Forgets everything: the store's transaction failed or an operator undid a link, and what is remembered may be wrong.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One more citizen in the incident that began with `first`.
    async fn grow(&self, reviser: &Reviser, first: &TicketRow, citizen: u64, fresh: bool) -> Result<Grown, StoreError> {
        let root = first.number;
        let there = self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&root);
        let read = if there { None } else { Some(Self::read(reviser, first).await?) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let incident = known.entry(root).or_insert_with(|| read.unwrap_or_default());
        Ok(incident.grow(citizen, Timestamp::now().as_second(), self.surge, fresh))
    }

    /// The incident that began with `first`, with one more citizen in it: the first ticket is told when it begins, and when it
    /// grows fast. What is not `fresh` was not said within this hour.
    ///
    /// # Errors
    /// The store cannot read or write.
    pub async fn join(
        &self,
        reviser: &Reviser,
        citizen: u64,
        first: &TicketRow,
        why: &str,
        fresh: bool,
    ) -> Result<ticket::Incident, StoreError> {
        let root = first.number;
        let grown = self.grow(reviser, first, citizen, fresh).await?;
        let id = format!("in_{root}");
        let begins = Draft::new(first).ticket["incident"].is_null();
        if begins || grown.alarm {
            let reason =
                if begins { "其他诉求人反映同一事件" } else { "短时间内多人反映同一事件" };
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
                if begins {
                    let change = json!({ "incident": id, "size": grown.size, "reason": reason });
                    return reviser.told(row, &draft, kind::JOINED, change);
                }
                reviser.updated(row, &draft)
            };
            reviser.revise(root, change).await?;
            if grown.alarm {
                metrics::counter!("jiesu_incident_alarms_total").increment(1);
                tracing::warn!(alarm = true, incident = %root, size = grown.size, "an incident grows fast");
            }
        }
        Ok(ticket::Incident { id, size: grown.size, reason: why.to_owned() })
    }

    async fn read(reviser: &Reviser, first: &TicketRow) -> Result<Incident, StoreError> {
        let members = reviser.store.members(first.number, MOST_MEMBERS).await?;
        let key = Draft::new(first).ticket["appellant"]["key"].as_str().unwrap_or_default().to_owned();
        let mut incident = Incident { citizens: HashSet::from([repeats::citizen(&key)]), ..Incident::default() };
        let since = Timestamp::now().as_second() - HOUR;
        for member in members {
            if incident.citizens.insert(repeats::citizen(&member.citizen)) && member.at.as_second() >= since {
                incident.recent.push(member.at.as_second());
            }
        }
        incident.alarmed_at = incident.recent.len();
        Ok(incident)
    }
}

impl Incident {
    fn grow(&mut self, citizen: u64, now: i64, surge: usize, fresh: bool) -> Grown {
        if self.citizens.insert(citizen) && fresh {
            self.recent.push(now);
        }
        self.recent.retain(|at| *at > now - HOUR);
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
