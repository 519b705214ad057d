//! Cross-validation: each message is judged by a model that has never seen its event.

use super::{
    learn,
    pairs::{Pairs, Sample},
};
use crate::{
    Band, Candidate, Linker, Record, Vocabulary,
    digest::Appeal,
    model::Limits,
    quality::{Ambiguous, Judged, Quality, Score},
};
use std::collections::HashMap;

const FOLDS: usize = 5;
/// Beside the limit of linking, the one of asking.
const ASK: f32 = 0.78;

/// A line of the table: means over the ways to divide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Line {
    /// From this score on two appeals of different citizens were linked.
    pub limit: f32,
    /// F1 of links with those that a person is asked about; over clusters without them, message by message; over their pairs.
    pub f1: [f64; 3],
    /// Precision and recall of links.
    pub link: Score,
    /// Of links that nobody was asked about, the part that is right.
    pub auto: f64,
    /// Of appeals with exchanged places, the part that was linked: everything, areas, first names.
    pub swapped: f64,
    /// F1 over pairs of one citizen: those in one cluster.
    pub together: f64,
    /// The same by their scores alone, at the best limit; and that limit.
    pub same_citizen: (f64, f32),
}

impl Line {
    /// With a part of `other`.
    fn plus(self, other: &Self, part: f64) -> Self {
        let sum = |one: f64, other: f64| one + other * part;
        let (own, limit) = other.same_citizen;
        Self {
            limit: other.limit,
            f1: std::array::from_fn(|place| sum(self.f1[place], other.f1[place])),
            link: Score {
                precision: sum(self.link.precision, other.link.precision),
                recall: sum(self.link.recall, other.link.recall),
            },
            auto: sum(self.auto, other.auto),
            swapped: sum(self.swapped, other.swapped),
            together: sum(self.together, other.together),
            same_citizen: (sum(self.same_citizen.0, own), self.same_citizen.1 + limit * part as f32),
        }
    }
}

/// The part of the events that a message is of. How the events are divided is a matter of luck, so there are many ways.
fn fold(event: &str, way: u32) -> usize {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x9e37_79b1).rotate_left(7);
    let hash = event.bytes().fold(way.wrapping_mul(7_919) + 7, step);
    (hash >> 8) as usize % FOLDS
}

/// What the stream's own history says of a model trained on it, for each of `limits`, over so many ways to divide it; the
/// limit for the same citizen is `same` times that.
pub fn cross_validated(
    stream: &[Sample],
    ambiguous: &Ambiguous,
    pairs: &Pairs,
    limits: &[f32],
    same: f32,
    ways: u32,
) -> Vec<Line> {
    let mut sums = vec![Line::default(); limits.len()];
    for way in 0..ways {
        let lines = one_way(stream, ambiguous, pairs, limits, same, way);
        for (sum, line) in sums.iter_mut().zip(&lines) {
            *sum = sum.plus(line, 1.0 / f64::from(ways));
        }
    }
    sums
}

fn one_way(stream: &[Sample], ambiguous: &Ambiguous, pairs: &Pairs, limits: &[f32], same: f32, way: u32) -> Vec<Line> {
    let folds: Vec<usize> = stream.iter().map(|sample| fold(&sample.event, way)).collect();
    let models: Vec<_> = std::thread::scope(|scope| {
        let train = |left_out: usize| {
            let folds = &folds;
            move || learn(pairs, String::new(), |pair| folds[pair.new] != left_out && folds[pair.old] != left_out)
        };
        let threads: Vec<_> = (0..FOLDS).map(|left_out| scope.spawn(train(left_out))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let score = |pair: &super::Pair| models.get(folds[pair.new]).map_or(0.0, |model| model.score(&pair.features));
    let mut of: HashMap<usize, Vec<(usize, f32)>> = HashMap::new();
    // Pairs of one citizen, with their scores.
    let mut own: Vec<(&super::Pair, f32)> = Vec::new();
    for pair in &pairs.real {
        let found = score(pair);
        of.entry(pair.new).or_default().push((pair.old, found));
        if stream[pair.new].citizen != 0 && stream[pair.new].citizen == stream[pair.old].citizen {
            own.push((pair, found));
        }
    }
    let swapped: Vec<f32> = pairs.swapped.iter().map(score).collect();
    let limits_of_own = (2..30).map(|step| step as f32 * 0.025);
    let of_scores = limits_of_own.map(|limit| (f1(&own, |(_, score)| *score >= limit), limit));
    let same_citizen = of_scores.fold((0.0, 0.0), |best, next| if next.0 > best.0 { next } else { best });
    limits
        .iter()
        .map(|limit| {
            let (judged, auto) = judge(stream, &of, Limits { auto: *limit, ask: ASK * limit }, same * limit);
            let clear = auto.iter().filter(|(new, old)| !ambiguous.has(*new, *old)).count();
            let right = auto.iter().filter(|(new, old)| stream[*new].event == stream[*old].event).count();
            let auto = right as f64 / clear.max(1) as f64;
            let linked = swapped.iter().filter(|score| *score >= limit).count();
            let swapped = linked as f64 / swapped.len().max(1) as f64;
            let quality = Quality::of(&judged, ambiguous);
            let together = f1(&own, |(pair, _)| judged[pair.new].cluster == judged[pair.old].cluster);
            let of_quality = [quality.link, quality.b_cubed, quality.pairs].map(Score::f1);
            Line { limit: *limit, f1: of_quality, link: quality.link, auto, swapped, together, same_citizen }
        })
        .collect()
}

/// Of pairs, where `found` says which are the same.
fn f1(pairs: &[(&super::Pair, f32)], found: impl Fn(&(&super::Pair, f32)) -> bool) -> f64 {
    let both = pairs.iter().filter(|pair| pair.0.same && found(pair)).count() as f64;
    let sum = pairs.iter().map(|pair| u8::from(pair.0.same) + u8::from(found(pair))).map(f64::from).sum::<f64>();
    2.0 * both / sum.max(1.0)
}

/// Decides the stream again with these scores, by the very rule of the line.
fn judge(
    stream: &[Sample],
    of: &HashMap<usize, Vec<(usize, f32)>>,
    others: Limits,
    same: f32,
) -> (Vec<Judged>, Vec<(usize, usize)>) {
    let mut model = crate::Model::new(String::new(), Default::default(), Default::default(), Default::default());
    (model.others, model.same_citizen) = (others, Limits { auto: same, ask: ASK * same });
    let linker =
        Linker { model, vocabulary: Vocabulary::default(), window: i64::MAX, places: Default::default(), spare: None };
    let mut judged: Vec<Judged> = Vec::with_capacity(stream.len());
    let mut auto = Vec::new();
    let mut roots: Vec<i64> = Vec::with_capacity(stream.len());
    let nothing = linker.apart(&Appeal::default());
    for (place, sample) in stream.iter().enumerate() {
        let mut digest = nothing.clone();
        (digest.length, digest.number, digest.citizen) = (u32::MAX, place as i64, sample.citizen);
        digest.at = sample.at;
        let candidates: Vec<Candidate> = of
            .get(&place)
            .into_iter()
            .flatten()
            .map(|(old, score)| {
                let record = Record {
                    number: *old as i64,
                    root: roots[*old],
                    citizen: stream[*old].citizen,
                    length: u32::MAX,
                    ..Record::default()
                };
                Candidate { features: crate::Features::of(&nothing, &record), record, score: *score }
            })
            .collect();
        let decision = linker.decide(&digest, &candidates);
        let linked = decision.matched.as_ref().filter(|_| decision.band == Band::Auto);
        let root = linked.map_or(place as i64, |found| found.root);
        auto.extend(linked.map(|found| (place, found.number as usize)));
        let found = decision.matched;
        roots.push(root);
        judged.push(Judged {
            event: sample.event.clone(),
            cluster: root.to_string(),
            matched: found.map(|found| found.number as usize),
        });
    }
    (judged, auto)
}
