//! The Chinese working calendar: weekends, public holidays, and the make-up days that turn weekends into working days.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The calendar, as far as it is known: the State Council names each year's days in the autumn before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i16, Year>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Year {
    holidays: BTreeSet<Date>,
    workdays: BTreeSet<Date>,
}

/// The day is in a year that the calendar does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the working calendar has no year {year}; add its [[years]] to the calendar file, as the State Council has announced it"
)]
pub struct BeyondCalendar {
    /// The year.
    pub year: i16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    years: Vec<FileYear>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYear {
    year: i16,
    holidays: Vec<String>,
    #[serde(default)]
    workdays: Vec<String>,
}

impl Calendar {
    /// Reads a calendar file.
    ///
    /// # Errors
    /// What is wrong, with its key, line and column where that is known.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let file: File = crate::policy::read(text)?;
        let mut calendar = Self::default();
        let mut faults = Vec::new();
        for (index, given) in file.years.into_iter().enumerate() {
            let mut year = Year::default();
            for (name, days, into) in
                [("holidays", &given.holidays, &mut year.holidays), ("workdays", &given.workdays, &mut year.workdays)]
            {
                for day in days {
                    let key = format!("years[{index}].{name}");
                    match span(day) {
                        Some((first, last))
                            if first.year() == given.year && last.year() == given.year && first <= last =>
                        {
                            into.extend(first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last));
                        }
                        Some(_) => faults.push((key, format!("{day:?} is not in {}", given.year))),
                        None => faults.push((
                            key,
                            format!("{day:?} is no day; it must be as \"2026-10-01\", or \"2026-10-01..2026-10-07\""),
                        )),
                    }
                }
            }
            if calendar.years.insert(given.year, year).is_some() {
                faults.push((format!("years[{index}].year"), format!("{} is there twice", given.year)));
            }
        }
        if calendar.years.is_empty() {
            faults.push(("years".into(), "the calendar has no year".into()));
        }
        if faults.is_empty() { Ok(calendar) } else { Err(faults) }
    }

    /// The last year that it has.
    pub fn last_year(&self) -> i16 {
        self.years.keys().next_back().copied().unwrap_or_default()
    }

    /// Whether people work on this day.
    ///
    /// # Errors
    /// [`BeyondCalendar`]
    pub fn is_workday(&self, day: Date) -> Result<bool, BeyondCalendar> {
        let year = self.years.get(&day.year()).ok_or(BeyondCalendar { year: day.year() })?;
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(year.workdays.contains(&day) || !(weekend || year.holidays.contains(&day)))
    }

    /// The working day so many working days after `day`, which itself does not count.
    ///
    /// # Errors
    /// [`BeyondCalendar`]
    pub fn after(&self, day: Date, workdays: u32) -> Result<Date, BeyondCalendar> {
        let (mut at, mut left) = (day, workdays.min(1_000));
        while left > 0 {
            at = at.tomorrow().map_err(|_| BeyondCalendar { year: at.year() })?;
            left -= u32::from(self.is_workday(at)?);
        }
        Ok(at)
    }
}

fn span(text: &str) -> Option<(Date, Date)> {
    match text.split_once("..") {
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
        None => text.parse().ok().map(|day| (day, day)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn built_in() -> Calendar {
        Calendar::parse(include_str!("../../../config/calendar-cn.toml")).unwrap()
    }

    #[test]
    fn holidays_are_free_and_make_up_days_are_worked() {
        let calendar = built_in();
        assert_eq!(calendar.is_workday(date(2026, 10, 1)), Ok(false), "a Thursday, National Day");
        assert_eq!(calendar.is_workday(date(2026, 10, 10)), Ok(true), "a Saturday that makes up");
        assert_eq!(calendar.is_workday(date(2026, 10, 11)), Ok(false), "a Sunday like any other");
        assert_eq!(calendar.after(date(2026, 9, 30), 1), Ok(date(2026, 10, 8)));
        assert_eq!(calendar.after(date(2026, 9, 30), 5), Ok(date(2026, 10, 13)), "8, 9, the make-up day, 12, 13");
        assert_eq!(calendar.after(date(2026, 11, 21), 1), Ok(date(2026, 11, 23)), "from a Saturday");
    }

    #[test]
    fn beyond_its_last_year_the_calendar_refuses_instead_of_guessing() {
        let calendar = built_in();
        let last = calendar.last_year();
        let refused = calendar.after(date(last, 12, 31), 1).unwrap_err();
        assert_eq!(refused, BeyondCalendar { year: last + 1 });
        assert!(refused.to_string().contains("State Council"));
    }

    #[test]
    fn a_calendar_names_each_mistake() {
        let faults = Calendar::parse("[[years]]\nyear = 2026\nholidays = [\"2025-10-01\", \"soon\"]").unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].1.contains("not in 2026") && faults[1].1.contains("is no day"));
        assert!(Calendar::parse("[[years]]\nyear = 2026\nholiday = []").is_err());
    }
}
