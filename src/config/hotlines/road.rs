//! The road of a line: which mode is in force on which day.

use super::{Hotline, Mode};
use jiff::civil::Date;

/// How far a line has come on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its first day is still to come.
    Before,
    /// Under 12345, in its mode.
    Under,
    /// Its own number is off.
    Off,
}

impl Hotline {
    /// The mode in force on a local day.
    pub fn mode_on(&self, day: Date) -> Mode {
        let absorbed = match self.absorbed_from {
            Some(from) => from.0 <= day,
            None => self.mode == Mode::Absorbed,
        };
        match (absorbed, self.mode) {
            (true, Mode::Subcentre) if self.held.get() => Mode::Subcentre,
            (true, _) if self.held.get() => Mode::Parallel,
            (true, _) => Mode::Absorbed,
            (false, Mode::Subcentre) => Mode::Subcentre,
            (false, _) => Mode::Parallel,
        }
    }

    /// How far it has come on a local day.
    pub fn stage_on(&self, day: Date) -> Stage {
        let first = self.parallel_from.or(self.absorbed_from.filter(|_| self.mode == Mode::Absorbed));
        match () {
            () if self.number_off_at.is_some_and(|off| off.0 <= day) => Stage::Off,
            () if first.is_some_and(|first| first.0 > day) => Stage::Before,
            () => Stage::Under,
        }
    }

    /// Who gets its tickets on a local day besides the core.
    pub fn also_to(&self, day: Date) -> Option<&str> {
        self.subscriber.as_deref().filter(|_| self.mode_on(day) != Mode::Absorbed)
    }

    /// Whether it may not be absorbed, where the last comparison found `parity`: that is too little, and nobody said why.
    pub fn falls_short(&self, parity: f64) -> bool {
        let said = self.absorbed_reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
        !said && self.parity_threshold.is_some_and(|threshold| parity < threshold)
    }

    /// What is wrong with declaring it absorbed on a local day, where the last comparison found `parity`.
    pub fn refusal(&self, day: Date, parity: f64) -> Option<String> {
        let threshold = self.parity_threshold.filter(|_| self.falls_short(parity))?;
        let free = Self { held: super::Held::default(), ..self.clone() };
        (free.mode_on(day) == Mode::Absorbed).then(|| {
            format!(
                "{} {} is declared absorbed, but the last `jiesu parity {}` found {:.2} % here and parity_threshold is \
                 {:.2} %; mend it and compare again, leave it parallel, or say why in `absorbed_reason`",
                self.code,
                self.name,
                self.code,
                parity * 100.0,
                threshold * 100.0
            )
        })
    }
}
