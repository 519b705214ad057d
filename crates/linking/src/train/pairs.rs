//! Pairs of messages to learn from.

use super::swap::Swapper;
use crate::{
    Appeal, Features, Linker, MemoryHome, Model, Record, Topics, Vocabulary, forest::Forest, quality::Ambiguous,
};

/// A message of a labelled stream.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Who speaks, as a hash; 0 where nobody is known.
    pub citizen: u64,
    /// Seconds since 1970.
    pub at: i64,
    /// Title.
    pub title: String,
    /// Words.
    pub text: String,
    /// What it truly belongs to.
    pub event: String,
}

/// A pair.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The later message's place in the stream.
    pub new: usize,
    /// The earlier one's.
    pub old: usize,
    /// How they compare.
    pub features: Features,
    /// They belong together.
    pub same: bool,
    /// The later one is the earlier one with its places exchanged.
    pub swapped: bool,
    /// Pairs of the later message that belong together.
    pub siblings: usize,
}

/// Pairs to learn from.
#[derive(Debug, Default)]
pub struct Pairs {
    /// As they met in the index.
    pub real: Vec<Pair>,
    /// With places exchanged.
    pub swapped: Vec<Pair>,
    /// What texts are about, by which they were compared.
    pub topics: Topics,
}

impl Pairs {
    /// Runs a stream, in time order, through the index; tells of each message done. Nothing is learned from ambiguous pairs.
    pub fn of(
        stream: &[Sample],
        ambiguous: &Ambiguous,
        vocabulary: Vocabulary,
        topics: Topics,
        mut done: impl FnMut(usize),
    ) -> Self {
        let model = Model::new(String::new(), topics, Forest::default(), Forest::default());
        let mut linker = Linker { model, vocabulary, window: i64::MAX, places: Default::default(), spare: None };
        let mut home = MemoryHome::default();
        let mut pairs = Self::default();
        for (new, sample) in stream.iter().enumerate() {
            let digest = linker.digest(&appeal(new, sample));
            let record = Record::of(&digest).to_bytes();
            let gathered = home.gather(&Linker::keys(&digest), sample.at, &record);
            let ids = Linker::candidates(&digest, &gathered);
            let candidates = linker.compare(&digest, Linker::nearest(&digest, linker.window, home.records(&ids)));
            let same =
                |record: &Record| stream.get(record.number as usize).is_some_and(|old| old.event == sample.event);
            let siblings = candidates.iter().filter(|candidate| same(&candidate.record)).count().max(1);
            let clear =
                candidates.into_iter().filter(|candidate| !ambiguous.has(new, candidate.record.number as usize));
            pairs.real.extend(clear.map(|candidate| Pair {
                new,
                old: candidate.record.number as usize,
                same: same(&candidate.record),
                features: candidate.features,
                swapped: false,
                siblings,
            }));
            done(new);
        }
        let mut swapper = Swapper::new(stream);
        for (old, sample) in stream.iter().enumerate() {
            let record = Record::of(&linker.apart(&appeal(old, sample))).to_bytes();
            let Some(record) = Record::from_bytes(&record) else { continue };
            for (title, text) in swapper.swap(sample) {
                let appeal = Appeal { citizen: 0, title: &title, text: &text, ..appeal(old, sample) };
                let features = Features::of(&linker.apart(&appeal), &record);
                pairs.swapped.push(Pair { new: old, old, features, same: false, swapped: true, siblings: 1 });
            }
        }
        Self { topics: linker.model.topics, ..pairs }
    }
}

fn appeal(place: usize, sample: &Sample) -> Appeal<'_> {
    Appeal { number: place as i64, at: sample.at, citizen: sample.citizen, title: &sample.title, text: &sample.text }
}
