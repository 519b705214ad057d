//! How incidents grow: by distinct citizens, and how fast.

use super::NotNow;
use crate::{
    number::Number,
    repeats,
    revise::{Draft, Reviser},
    store::TicketRow,
};
use jiff::Timestamp;
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

    /// Forgets everything: the store's transaction failed, and what is remembered may be wrong.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One more citizen in the incident that began with `first`.
    pub(super) async fn grow(&self, reviser: &Reviser, first: &TicketRow, citizen: u64) -> Result<Grown, NotNow> {
        let root = first.number;
        let there = self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&root);
        let read = if there { None } else { Some(Self::read(reviser, first).await?) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let incident = known.entry(root).or_insert_with(|| read.unwrap_or_default());
        Ok(incident.grow(citizen, Timestamp::now().as_second(), self.surge))
    }

    async fn read(reviser: &Reviser, first: &TicketRow) -> Result<Incident, NotNow> {
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
    fn grow(&mut self, citizen: u64, now: i64, surge: usize) -> Grown {
        if self.citizens.insert(citizen) {
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
            let grown = incident.grow(citizen, 1_000, 3);
            if grown.alarm {
                alarms.push(grown.size);
            }
        }
        assert_eq!(alarms, [4, 7], "three joined within the hour, then six");
        assert_eq!(incident.grow(9, 1_000, 3), Grown { size: 9, alarm: false });
        assert!(!incident.grow(10, 9_000, 3).alarm, "an hour later it begins anew");
    }
}
