//! Deadlines (办理时限): by which time the citizen is contacted, and answered.

use crate::{BeyondCalendar, Calendar};
use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// The mode of operation (运行模式).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// 日常.
    #[default]
    Normal,
    /// 节假日.
    Holiday,
    /// 应急.
    Emergency,
}

impl Mode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Holiday => "holiday",
            Self::Emergency => "emergency",
        }
    }
}

/// Deadlines of some matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Of matters of this level; of any, unless given.
    pub level: Option<u8>,
    /// Of matters of this kind; of any, unless given.
    pub kind: Option<String>,
    /// In this mode; in any, unless given.
    pub mode: Option<Mode>,
    /// Until the citizen is contacted: `now`, `20m`, `24h`, `7d`, or working days, `1wd`.
    pub respond: String,
    /// Until the citizen is answered, in the same terms.
    pub reply: String,
}

/// A time allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// By the clock.
    Minutes(i64),
    /// To the end of the working day so many working days later.
    Workdays(u32),
}

/// Deadlines of a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The citizen is contacted by then.
    pub respond_by: Timestamp,
    /// The citizen is answered by then.
    pub reply_by: Timestamp,
}

fn allowed(text: &str) -> Option<Allowed> {
    if text == "now" {
        return Some(Allowed::Minutes(0));
    }
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(digits)?;
    let count: u32 = count.parse().ok().filter(|count| (1..=10_000).contains(count))?;
    Some(match unit {
        "m" => Allowed::Minutes(count.into()),
        "h" => Allowed::Minutes(i64::from(count) * 60),
        "d" => Allowed::Minutes(i64::from(count) * 24 * 60),
        "wd" if count <= 366 => Allowed::Workdays(count),
        _ => return None,
    })
}

impl Term {
    /// What is wrong with it: keys and words.
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        for (key, text) in [("respond", &self.respond), ("reply", &self.reply)] {
            if allowed(text).is_none() {
                let right = "\"now\", \"20m\", \"24h\", \"7d\", or working days as \"5wd\"";
                faults.push((key, format!("{text:?} is no time allowed; it must be {right}")));
            }
        }
        if self.level.is_some_and(|level| !(1..=4).contains(&level)) {
            faults.push(("level", "it must be from 1 to 4".into()));
        }
        faults
    }

    /// Whether it is for such a matter.
    pub(crate) fn fits(&self, level: u8, kind: &str, mode: Mode) -> bool {
        self.level.is_none_or(|given| given == level)
            && self.kind.as_deref().is_none_or(|given| given == kind)
            && self.mode.is_none_or(|given| given == mode)
    }

    /// The deadlines of a matter received `at`.
    ///
    /// # Errors
    /// [`BeyondCalendar`]
    pub fn due(&self, at: Timestamp, zone: &TimeZone, calendar: &Calendar) -> Result<Due, BeyondCalendar> {
        let by = |text: &str| after(at, allowed(text).unwrap_or(Allowed::Minutes(0)), zone, calendar);
        Ok(Due { respond_by: by(&self.respond)?, reply_by: by(&self.reply)? })
    }
}

fn after(at: Timestamp, allowed: Allowed, zone: &TimeZone, calendar: &Calendar) -> Result<Timestamp, BeyondCalendar> {
    match allowed {
        Allowed::Minutes(minutes) => Ok(at.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(at)),
        Allowed::Workdays(count) => {
            let day = calendar.after(at.to_zoned(zone.clone()).date(), count)?;
            // The day of receipt does not count, and the last day counts to its end.
            let end = day.to_datetime(Time::constant(23, 59, 59, 0)).to_zoned(zone.clone());
            Ok(end.map_or(at, |end| end.timestamp()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn due(profile: &str, level: u8, kind: &str, at: &str) -> (String, String) {
        let mut policy = Policy::parse(include_str!("../../../config/deadlines.toml")).unwrap();
        policy.profile = profile.into();
        let calendar = Calendar::parse(include_str!("../../../config/calendar-cn.toml")).unwrap();
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let term = policy.terms().iter().find(|term| term.fits(level, kind, Mode::Normal)).unwrap();
        let due = term.due(at.parse().unwrap(), &zone, &calendar).unwrap();
        let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S").to_string();
        (local(due.respond_by), local(due.reply_by))
    }

    #[test]
    fn leshan_answers_urgent_matters_by_the_clock_and_others_in_working_days() {
        let thursday = "2026-09-30T17:00:00+08:00";
        assert_eq!(due("leshan", 1, "report", thursday), ("09-30 17:20:00".into(), "10-01 17:00:00".into()));
        // National Day, then a make-up Saturday.
        assert_eq!(due("leshan", 3, "complaint", thursday), ("10-08 23:59:59".into(), "10-13 23:59:59".into()));
        assert_eq!(due("leshan", 4, "consultation", thursday).0, "09-30 17:00:00");
    }

    #[test]
    fn beijing_has_four_levels() {
        let at = "2026-11-23T09:00:00+08:00";
        let replies: Vec<String> = (1..=4).map(|level| due("beijing", level, "complaint", at).1).collect();
        assert_eq!(replies, ["11-23 11:00:00", "11-24 09:00:00", "11-30 09:00:00", "12-08 09:00:00"]);
    }
}
