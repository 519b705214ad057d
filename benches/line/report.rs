//! The table, and the picture for those who look rather than read.

use crate::rows::{Measured, Row};
use std::fmt::Write as _;

/// Characters of the longest bar.
const BAR: usize = 44;
const AIM_P99: f64 = 10.0;
const AIM_MEMORY: f64 = 20.0;
const AIM_START: f64 = 0.2;
const AIM_KEPT: f64 = 0.7;

/// Everything measured.
#[derive(Debug, Default)]
pub struct Report {
    /// Every round of every row, in the order of the rounds.
    pub rounds: Vec<(Row, Measured)>,
    /// Start time in seconds and idle memory in megabytes.
    pub idle: Option<(f64, f64)>,
}

impl Report {
    /// The text for stdout.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.table(&mut text).and_then(|()| self.bars(&mut text)).and_then(|()| self.rest(&mut text));
        text
    }

    fn rounds(&self, of: Row) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().filter(move |(row, _)| *row == of).map(|(_, measured)| measured)
    }

    /// The medians of a row.
    fn of(&self, row: Row) -> Option<Measured> {
        let of = |part: fn(&Measured) -> f64| median(self.rounds(row).map(part));
        Some(Measured { rate: of(|m| m.rate)?, p50: of(|m| m.p50)?, p99: of(|m| m.p99)?, cpu: of(|m| m.cpu)? })
    }

    /// Share of the floor's requests/s, and times the floor's processor time: the medians of the rounds' own ratios, because
    /// the two halves of a round ran one right after the other and so had the same machine.
    fn against_floor(&self, row: Row) -> Option<(f64, f64)> {
        let pairs = || self.rounds(row).zip(row.floor().into_iter().flat_map(|(floor, _)| self.rounds(floor)));
        Some((
            median(pairs().map(|(ours, theirs)| ours.rate / theirs.rate))?,
            median(pairs().map(|(ours, theirs)| ours.cpu / theirs.cpu))?,
        ))
    }

    /// What is left of the end-to-end figure with repeats and triage.
    fn kept(&self) -> Option<f64> {
        let pairs = self.rounds(Row::EndToEnd).zip(self.rounds(Row::PlainEndToEnd));
        median(pairs.map(|(all, plain)| all.rate / plain.rate))
    }

    fn table(&self, text: &mut String) -> std::fmt::Result {
        let line = "─".repeat(110);
        writeln!(
            text,
            "  {:<45}{:>11}{:>9}{:>9}{:>11}{:>10}   aims",
            "", "requests/s", "p50 ms", "p99 ms", "CPU s/10k", "of floor"
        )?;
        writeln!(text, "{line}")?;
        for row in Row::TABLE {
            let Some(Measured { rate, p50, p99, cpu }) = self.of(row) else { continue };
            write!(text, "{} {:<45}{:>11}{p50:>9.2}{p99:>9.2}{cpu:>11.3}", row as usize, row.name(), grouped(rate))?;
            match (row.floor(), self.against_floor(row)) {
                (Some((_, aim)), Some((share, _))) => writeln!(
                    text,
                    "{:>8.0} %   ≥ {:.0} % {}, p99 < {AIM_P99:.0} ms {}",
                    share * 100.0,
                    aim * 100.0,
                    verdict(share >= aim),
                    verdict(p99 < AIM_P99)
                )?,
                _ => writeln!(text, "{:>10}", "–")?,
            }
        }
        writeln!(text, "{line}")
    }

    fn bars(&self, text: &mut String) -> std::fmt::Result {
        for row in [Row::Acknowledge, Row::EndToEnd, Row::PlainEndToEnd] {
            let Some(((floor, aim), (share, cpu))) = row.floor().zip(self.against_floor(row)) else { continue };
            let (Some(ours), Some(theirs)) = (self.of(row), self.of(floor)) else { continue };
            let most = ours.rate.max(theirs.rate);
            writeln!(text, "\n{}, requests/s (│ the aim)", row.name())?;
            writeln!(text, "  floor  {}  {}", bar(theirs.rate / most, None), grouped(theirs.rate))?;
            let aim = aim * theirs.rate / most;
            writeln!(
                text,
                "  jiesu  {}  {}  {:.0} % of the floor",
                bar(ours.rate / most, Some(aim)),
                grouped(ours.rate),
                share * 100.0
            )?;
            let most = ours.cpu.max(theirs.cpu);
            writeln!(text, "{}, CPU seconds for 10,000 requests (shorter is better)", row.name())?;
            writeln!(text, "  floor  {}  {:.3}", bar(theirs.cpu / most, None), theirs.cpu)?;
            writeln!(text, "  jiesu  {}  {:.3}  {cpu:.1} times the floor", bar(ours.cpu / most, None), ours.cpu)?;
        }
        Ok(())
    }

    fn rest(&self, text: &mut String) -> std::fmt::Result {
        if let Some(kept) = self.kept() {
            writeln!(
                text,
                "\nwith repeats and triage the end to end keeps {:.0} % of its figure (≥ {:.0} % {})",
                kept * 100.0,
                AIM_KEPT * 100.0,
                verdict(kept >= AIM_KEPT)
            )?;
        }
        if let Some((start, memory)) = self.idle {
            writeln!(
                text,
                "\njiesu on an empty store: listening after {start:.3} s (≤ {AIM_START} s {}), idle memory {memory:.1} MB \
                 (≤ {AIM_MEMORY:.0} MB {})",
                verdict(start <= AIM_START),
                verdict(memory <= AIM_MEMORY)
            )?;
        }
        writeln!(
            text,
            "\nMeasured once before, on one core, for comparison (CPU s for 10,000 requests in brackets):\n\
             bare hyper 139k/s (.067) · SQLite floor 27.5k/s (.28) · with forwarding 21k/s (.41)\n\
             Node fastify + ioredis + undici, not durable, 9.4k/s (1.07) · FastAPI 1.5k/s (7.1)"
        )
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

/// A bar of `share` (0 to 1) of the width, with a mark at the aim.
fn bar(share: f64, aim: Option<f64>) -> String {
    let at = |share: f64| (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    let (filled, aim) = (at(share), aim.map(at));
    (0..BAR)
        .map(|column| match column {
            _ if aim == Some(column) => '│',
            _ if column < filled => '█',
            _ => '·',
        })
        .collect()
}

/// `27512.4` as `27,512`.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The middle one, or the mean of the two in the middle.
pub fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let upper = numbers.get(numbers.len() / 2)?;
    Some((numbers[(numbers.len() - 1) / 2] + upper) / 2.0)
}
