//! What was decided, judged by the labels.

use super::{Ambiguous, Entry, picture};
use anyhow::Context;
use jiesu_linking::{
    Band, Decision,
    quality::{Judged, Quality, Score},
};
use std::{collections::BTreeMap, path::Path};

pub struct Judge {
    wanted: bool,
    links: Vec<Judged>,
    /// Of links: the score, whether it was right, whether nobody was asked.
    scores: Vec<(f32, usize, usize, Band)>,
    /// Right, wrongly given, missed, of each label.
    labels: BTreeMap<String, [f64; 3]>,
}

impl Judge {
    pub fn new(wanted: bool) -> Self {
        Self { wanted, links: Vec::new(), scores: Vec::new(), labels: BTreeMap::new() }
    }

    pub fn add(
        &mut self,
        entry: &Entry,
        place: usize,
        matched: Option<usize>,
        root: i64,
        decision: &Decision,
        category: Option<&str>,
    ) {
        if !self.wanted {
            return;
        }
        let event = entry.event.clone().unwrap_or_else(|| format!("\u{0}{place}"));
        self.links.push(Judged { event, cluster: root.to_string(), matched });
        if let Some(matched) = matched {
            self.scores.push((decision.score, place, matched, decision.band));
        }
        if let Some(label) = &entry.label {
            let right = category == Some(label);
            self.labels.entry(label.clone()).or_default()[if right { 0 } else { 2 }] += 1.0;
            if let Some(category) = category.filter(|_| !right) {
                self.labels.entry(category.to_owned()).or_default()[1] += 1.0;
            }
        }
    }

    pub fn report(&self, stream: &[Entry], ambiguous: &Ambiguous, picture: &Path) -> anyhow::Result<()> {
        if stream.iter().any(|entry| entry.event.is_some()) {
            let quality = Quality::of(&self.links, ambiguous);
            eprintln!("{:24} {:>10} {:>10} {:>10}", "", "precision", "recall", "F1");
            let line = |name: &str, score: Score| {
                eprintln!("{name:24} {:>10.4} {:>10.4} {:>10.4}", score.precision, score.recall, score.f1());
            };
            line("link", quality.link);
            line("B-cubed", quality.b_cubed);
            line("pairs", quality.pairs);
            let right = |of: &dyn Fn(&Band) -> bool| {
                let of: Vec<_> = self.scores.iter().filter(|(_, _, _, band)| of(band)).collect();
                let clear = of.iter().filter(|(_, new, old, _)| !ambiguous.has(*new, *old));
                let right =
                    of.iter().filter(|(_, new, old, _)| self.links[*new].event == self.links[*old].event).count();
                (right as f64 / clear.count().max(1) as f64, of.len())
            };
            for band in [Band::Auto, Band::Ask] {
                let (part, count) = right(&|other| *other == band);
                eprintln!("{:24} {part:>10.4}            {count:>10} links", format!("right where {}", band.name()));
            }
            let points: Vec<(f32, bool)> = self
                .scores
                .iter()
                .filter(|(_, new, old, _)| !ambiguous.has(*new, *old))
                .map(|(score, new, old, _)| (*score, self.links[*new].event == self.links[*old].event))
                .collect();
            let repeats = self.repeats();
            std::fs::write(picture, picture::draw(&points, repeats))
                .with_context(|| format!("{} cannot be written", picture.display()))?;
            eprintln!("picture: {}", picture.display());
        }
        let labelled: Vec<_> = self.labels.iter().filter(|(_, [right, _, missed])| right + missed > 0.0).collect();
        if !labelled.is_empty() {
            eprintln!("\n{:24} {:>10} {:>10} {:>10}", "category", "precision", "recall", "F1");
            let mut sum = 0.0;
            for (label, [right, wrong, missed]) in &labelled {
                let score =
                    Score { precision: right / (right + wrong).max(1.0), recall: right / (right + missed).max(1.0) };
                sum += score.f1();
                eprintln!("{label:24} {:>10.4} {:>10.4} {:>10.4}", score.precision, score.recall, score.f1());
            }
            eprintln!("{:24} {:>32.4}", "macro", sum / labelled.len() as f64);
        }
        Ok(())
    }

    /// Messages that have an earlier one of their event.
    fn repeats(&self) -> usize {
        let mut seen = std::collections::HashSet::new();
        self.links.iter().filter(|link| !seen.insert(&link.event)).count()
    }
}
