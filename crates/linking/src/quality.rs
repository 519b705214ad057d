//! How good the links of a stream are, where somebody knows what belongs together.

use std::collections::{HashMap, HashSet};

/// What was decided about one message, beside what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What it truly belongs to.
    pub event: String,
    /// What it was put to.
    pub cluster: String,
    /// The earlier message it was linked to, as a place in the stream.
    pub matched: Option<usize>,
}

/// Pairs of places in a stream of which nobody can say whether they belong together.
#[derive(Debug, Clone, Default)]
pub struct Ambiguous(HashMap<usize, HashSet<usize>>);

impl Ambiguous {
    /// Adds a pair.
    pub fn add(&mut self, one: usize, other: usize) {
        self.0.entry(one).or_default().insert(other);
        self.0.entry(other).or_default().insert(one);
    }

    /// Whether this pair is one.
    pub fn has(&self, one: usize, other: usize) -> bool {
        self.0.get(&one).is_some_and(|others| others.contains(&other))
    }

    fn of(&self, one: usize) -> impl Iterator<Item = usize> + '_ {
        self.0.get(&one).into_iter().flatten().copied()
    }
}

/// A part of what was found that is right, and a part of what is right that was found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Of what was found, right.
    pub precision: f64,
    /// Of what is right, found.
    pub recall: f64,
}

impl Score {
    fn of(right: f64, found: f64, all: f64) -> Self {
        Self { precision: right / found.max(1.0), recall: right / all.max(1.0) }
    }

    /// Their harmonic mean.
    pub fn f1(self) -> f64 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(1e-9)
    }
}

/// The table.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Was the chosen earlier message of the same event?
    pub link: Score,
    /// Over clusters, message by message.
    pub b_cubed: Score,
    /// Over pairs.
    pub pairs: Score,
}

impl Quality {
    /// Judges a stream. Putting an ambiguous pair together is neither right nor wrong.
    pub fn of(stream: &[Judged], ambiguous: &Ambiguous) -> Self {
        let mut seen: HashSet<&str> = HashSet::new();
        let (mut right, mut wrong, mut missed) = (0.0, 0.0, 0.0);
        for (place, message) in stream.iter().enumerate() {
            let has_earlier = f64::from(u8::from(!seen.insert(&message.event)));
            let matched = message.matched.and_then(|matched| Some((matched, stream.get(matched)?)));
            match matched {
                Some((_, earlier)) if earlier.event == message.event => right += 1.0,
                Some((matched, _)) => {
                    wrong += if ambiguous.has(place, matched) { 0.0 } else { 1.0 };
                    missed += has_earlier;
                }
                None => missed += has_earlier,
            }
        }
        let mut both: HashMap<(&str, &str), f64> = HashMap::new();
        let (mut events, mut clusters): (HashMap<&str, f64>, HashMap<&str, f64>) = Default::default();
        for message in stream {
            *both.entry((&message.event, &message.cluster)).or_default() += 1.0;
            *events.entry(&message.event).or_default() += 1.0;
            *clusters.entry(&message.cluster).or_default() += 1.0;
        }
        let (mut precision, mut recall, mut right_pairs, mut found_pairs, mut all_pairs) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (place, message) in stream.iter().enumerate() {
            let excused = ambiguous.of(place).filter_map(|other| stream.get(other));
            let excused =
                excused.filter(|other| other.cluster == message.cluster && other.event != message.event).count();
            let of = |counts: &HashMap<&str, f64>, key: &str| counts.get(key).copied().unwrap_or(1.0);
            let together = both.get(&(message.event.as_str(), message.cluster.as_str())).copied().unwrap_or(1.0);
            let found = of(&clusters, &message.cluster) - excused as f64;
            let all = of(&events, &message.event);
            precision += together / found;
            recall += together / all;
            right_pairs += (together - 1.0) / 2.0;
            found_pairs += (found - 1.0) / 2.0;
            all_pairs += (all - 1.0) / 2.0;
        }
        let count = stream.len().max(1) as f64;
        Self {
            link: Score::of(right, right + wrong, right + missed),
            b_cubed: Score { precision: precision / count, recall: recall / count },
            pairs: Score::of(right_pairs, found_pairs, all_pairs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(event: &str, cluster: &str, matched: Option<usize>) -> Judged {
        Judged { event: event.into(), cluster: cluster.into(), matched }
    }

    #[test]
    fn a_small_stream_is_judged_as_by_hand() {
        let stream = [
            judged("a", "1", None),
            judged("b", "2", None),
            judged("a", "1", Some(0)),
            judged("a", "2", Some(1)),
            judged("b", "3", None),
        ];
        let quality = Quality::of(&stream, &Ambiguous::default());
        // One link of two is right; of three that have an earlier one, one was found.
        assert_eq!((quality.link.precision, quality.link.recall), (0.5, 1.0 / 3.0));
        // Pairs put together: (0,2) and (1,3); truly: (0,2) (0,3) (2,3) (1,4).
        assert_eq!((quality.pairs.precision, quality.pairs.recall), (0.5, 0.25));
        let precision = (1.0 + 0.5 + 1.0 + 0.5 + 1.0) / 5.0;
        let recall = (2.0 / 3.0 + 0.5 + 2.0 / 3.0 + 1.0 / 3.0 + 0.5) / 5.0;
        assert!((quality.b_cubed.precision - precision).abs() < 1e-9 && (quality.b_cubed.recall - recall).abs() < 1e-9);
        assert!(quality.link.f1() > 0.39 && quality.link.f1() < 0.41);
    }
}
