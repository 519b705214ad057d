//! Cross-validation: each message is judged by a model that has never seen its event.

use super::{
    learn,
    pairs::{Pairs, Sample},
};
use crate::{
    Band, Candidate, Linker, Record, Vocabulary,
    digest::Appeal,
    model::Limits,
    quality::{Ambiguous, Judged, Quality},
};
use std::collections::HashMap;

const FOLDS: usize = 5;
/// Beside the limit of linking, the one of asking.
const ASK: f32 = 0.78;

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// From this score on two appeals of different citizens were linked.
    pub limit: f32,
    /// How good that was: links with those that a person is asked about, clusters without.
    pub quality: Quality,
    /// Of links that nobody was asked about, the part that is right.
    pub auto: f64,
    /// Of appeals with exchanged places, the part that was linked: everything, areas, first names.
    pub swapped: f64,
    /// The best F1 over pairs of one citizen, and at which limit.
    pub same_citizen: (f64, f32),
}

fn fold(event: &str) -> usize {
    let hash = event.bytes().fold(7u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x9e37_79b1).rotate_left(7));
    (hash >> 8) as usize % FOLDS
}

/// What the stream's own history says of a model trained on it, for each of `limits`; the limit for the same citizen is
/// `same` times that.
pub fn cross_validated(
    stream: &[Sample],
    ambiguous: &Ambiguous,
    pairs: &Pairs,
    limits: &[f32],
    same: f32,
) -> Vec<Line> {
    let folds: Vec<usize> = stream.iter().map(|sample| fold(&sample.event)).collect();
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
    let mut own: Vec<(f32, bool)> = Vec::new();
    for pair in &pairs.real {
        let found = score(pair);
        of.entry(pair.new).or_default().push((pair.old, found));
        if stream[pair.new].citizen != 0 && stream[pair.new].citizen == stream[pair.old].citizen {
            own.push((found, pair.same));
        }
    }
    let swapped: Vec<f32> = pairs.swapped.iter().map(score).collect();
    let same_citizen = best(&own);
    limits
        .iter()
        .map(|limit| {
            let (judged, auto) = judge(stream, &of, Limits { auto: *limit, ask: ASK * limit }, same * limit);
            let clear = auto.iter().filter(|(new, old)| !ambiguous.has(*new, *old)).count();
            let right = auto.iter().filter(|(new, old)| stream[*new].event == stream[*old].event).count();
            let auto = right as f64 / clear.max(1) as f64;
            let linked = swapped.iter().filter(|score| *score >= limit).count();
            let swapped = linked as f64 / swapped.len().max(1) as f64;
            Line { limit: *limit, quality: Quality::of(&judged, ambiguous), auto, swapped, same_citizen }
        })
        .collect()
}

fn best(own: &[(f32, bool)]) -> (f64, f32) {
    let f1 = |limit: f32| {
        let count = |of: &dyn Fn(&(f32, bool)) -> bool| own.iter().filter(|pair| of(pair)).count() as f64;
        let right = count(&|(score, same)| *score >= limit && *same);
        2.0 * right / (count(&|(score, _)| *score >= limit) + count(&|(_, same)| *same)).max(1.0)
    };
    let limits = (2..30).map(|step| step as f32 * 0.025);
    limits.map(|limit| (f1(limit), limit)).fold((0.0, 0.0), |best, next| if next.0 > best.0 { next } else { best })
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
    let linker = Linker { model, vocabulary: Vocabulary::default(), window: i64::MAX };
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
