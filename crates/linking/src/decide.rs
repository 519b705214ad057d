//! The decision: which earlier appeal is the same matter, and how sure that is.

use crate::{
    digest::{Appeal, Digest, KEYS, Table},
    features::{Features, TELLING},
    home::{Gathered, Placed},
    model::Model,
    postings,
    record::Record,
    vocabulary::Vocabulary,
    words,
};

/// Candidates that are scored, beside the citizen's own.
const MOST_CANDIDATES: usize = 50;
/// Of these, so many are compared thoroughly.
const MOST_COMPARED: usize = 14;
/// The citizen's own last ones.
const OWN_CANDIDATES: usize = 12;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Linked.
    Auto,
    /// A person is asked.
    Ask,
    /// A new matter.
    New,
}

impl Band {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ask => "ask",
            Self::New => "new",
        }
    }
}

/// The earlier appeal that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Its number.
    pub number: i64,
    /// The ticket it counts to.
    pub ticket: i64,
    /// The first ticket of its incident.
    pub root: i64,
    /// Both are of the same citizen.
    pub same_citizen: bool,
    /// When it was received, seconds since 1970.
    pub at: i64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is done.
    pub band: Band,
    /// The earlier appeal, unless it is new.
    pub matched: Option<Match>,
    /// From 0 to 1, of the best candidate.
    pub score: f32,
    /// Why, in words.
    pub reason: String,
}

/// A candidate with its comparison.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What the index has of it.
    pub record: Record,
    /// How the two compare.
    pub features: Features,
    /// From 0 to 1.
    pub score: f32,
}

/// Decides.
#[derive(Clone)]
pub struct Linker {
    /// The model.
    pub model: Model,
    /// How rare n-grams are; it learns from each appeal.
    pub vocabulary: Vocabulary,
    /// What is older is not looked at, in seconds.
    pub window: i64,
}

impl Linker {
    /// Takes an appeal apart, and learns its n-grams.
    pub fn digest(&mut self, appeal: &Appeal<'_>) -> Digest {
        let digest = Digest::new(appeal, &self.vocabulary);
        self.vocabulary.learn(digest.all());
        digest
    }

    /// Where to look for candidates: buckets and tags.
    pub fn keys(digest: &Digest) -> Vec<(u16, u16)> {
        digest.keys().map(postings::place).collect()
    }

    /// The places of the candidates, in the order of the index.
    pub fn candidates(digest: &Digest, gathered: &Gathered) -> Vec<u32> {
        let mut weights: Table<f32> = Table::default();
        let mut own = Vec::new();
        for (index, (key, bucket)) in digest.keys().zip(&gathered.buckets).enumerate() {
            let found = postings::newest(bucket, postings::place(key).1).filter(|id| *id != gathered.id);
            match digest.keys.get(index).filter(|_| index < KEYS) {
                Some((_, rarity)) => found.for_each(|id| *weights.entry(id).or_default() += rarity),
                None => own.extend(found.take(OWN_CANDIDATES)),
            }
        }
        let mut found: Vec<(u32, f32)> = weights.into_iter().collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        found.truncate(MOST_CANDIDATES);
        let mut ids: Vec<u32> = found.into_iter().map(|(id, _)| id).chain(own).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Compares an appeal with the candidates' records.
    pub fn compare(&self, digest: &Digest, records: Vec<Option<Record>>) -> Vec<Candidate> {
        let of_time = |record: &Record| record.number != digest.number && digest.at - record.at <= self.window;
        let mut records: Vec<Record> = records.into_iter().flatten().filter(of_time).collect();
        // One that was put in again, because an operator knew better, counts as it was put in last.
        records.reverse();
        let mut met = std::collections::HashSet::new();
        records.retain(|record| met.insert(record.number));
        records.reverse();
        // A quick look at all, and a thorough one at those that have most in common.
        if records.len() > MOST_COMPARED {
            let same = |record: &Record| digest.citizen != 0 && record.citizen == digest.citizen;
            let near =
                |record: &Record| if same(record) { f32::INFINITY } else { crate::features::nearness(digest, record) };
            let mut ranked: Vec<(f32, Record)> = records.into_iter().map(|record| (near(&record), record)).collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.number.cmp(&a.1.number)));
            ranked.truncate(MOST_COMPARED);
            records = ranked.into_iter().map(|(_, record)| record).collect();
            records.sort_by_key(|record| record.number);
        }
        records
            .into_iter()
            .map(|record| {
                let features = Features::of(digest, &record);
                Candidate { score: self.model.score(&features), features, record }
            })
            .collect()
    }

    /// Decides among candidates.
    pub fn decide(&self, digest: &Digest, candidates: &[Candidate]) -> Decision {
        let same = |candidate: &Candidate| digest.citizen != 0 && candidate.record.citizen == digest.citizen;
        // How far beyond its limit each is; incidents gain by the three that speak for them.
        let beyond = |candidate: &Candidate| candidate.score / self.model.limits(same(candidate)).ask;
        let mut incidents: Vec<(i64, Vec<&Candidate>)> = Vec::new();
        for candidate in candidates {
            match incidents.iter_mut().find(|(root, _)| *root == candidate.record.root) {
                Some((_, of)) => of.push(candidate),
                None => incidents.push((candidate.record.root, vec![candidate])),
            }
        }
        let mut best: Option<(f32, &Candidate, bool)> = None;
        for (_, of) in &mut incidents {
            of.sort_by(|a, b| beyond(b).total_cmp(&beyond(a)).then(b.record.number.cmp(&a.record.number)));
            let support: f32 = of.iter().take(3).map(|candidate| beyond(candidate)).sum();
            let Some(first) = of.first() else { continue };
            // Where one appeal alone leaves a doubt, a second one of the same incident takes it away.
            let seconded = of.get(1).is_some_and(|second| beyond(second) >= 1.0);
            if beyond(first) >= 1.0 && best.is_none_or(|(most, ..)| support > most) {
                best = Some((support, first, seconded));
            }
        }
        let Some((_, chosen, seconded)) = best else {
            let score = candidates.iter().map(|candidate| candidate.score).fold(0.0, f32::max);
            return Decision { band: Band::New, matched: None, score, reason: words::new(score) };
        };
        let same_citizen = same(chosen);
        let tells = if same_citizen {
            chosen.features.tells_what(digest.length.min(chosen.record.length))
        } else {
            chosen.features.tells_where(digest.length)
        };
        if !tells {
            let score = chosen.score;
            return Decision { band: Band::New, matched: None, score, reason: words::nowhere() };
        }
        // 3栋电梯坏了, 5栋电梯坏了: where little else is said, another number is another matter, or a person says that it is not.
        let (new, old) = (digest.numbers, chosen.record.numbers);
        let other_numbers = new != 0 && old != 0 && new != old && digest.length.min(chosen.record.length) < TELLING;
        let sure = !other_numbers && (seconded || chosen.score >= self.model.limits(same_citizen).auto);
        let band = if sure { Band::Auto } else { Band::Ask };
        let record = &chosen.record;
        let matched =
            Match { number: record.number, ticket: record.ticket, root: record.root, same_citizen, at: record.at };
        let reason = words::of(&chosen.features, same_citizen, digest.at - record.at);
        Decision { band, matched: Some(matched), score: chosen.score, reason }
    }

    /// Where an appeal belongs once it is decided, if that is not where it was put.
    pub fn placed(id: u32, number: i64, decision: &Decision) -> Option<Placed> {
        let found = decision.matched.as_ref().filter(|_| decision.band == Band::Auto)?;
        let ticket = if found.same_citizen { found.ticket } else { number };
        Some(Placed { id, ticket, root: found.root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::MemoryHome;

    /// What the last of these, all of one citizen, is taken for.
    fn last(texts: &[&str]) -> Decision {
        let model = Model::parse(include_str!("../../../config/repeats.model.json")).unwrap();
        let vocabulary = Vocabulary::from_bytes(include_bytes!("../../../config/repeats.words"));
        let mut linker = Linker { model, vocabulary, window: 86_400 };
        let mut home = MemoryHome::default();
        let mut decision = None;
        for (number, text) in (1..).zip(texts) {
            let appeal = Appeal { number, at: number * 60, citizen: 7, title: "", text };
            let digest = linker.digest(&appeal);
            let gathered = home.gather(&Linker::keys(&digest), appeal.at, &Record::of(&digest).to_bytes());
            let records = home.records(&Linker::candidates(&digest, &gathered));
            let candidates = linker.compare(&digest, records);
            decision = Some(linker.decide(&digest, &candidates));
        }
        decision.unwrap()
    }

    #[test]
    fn where_little_else_is_said_another_number_is_another_matter() {
        let lift = "幸福小区3栋的电梯又坏了，请派人来修";
        assert_eq!(last(&[lift, lift]).band, Band::Auto);
        assert_ne!(last(&[lift, &lift.replace('3', "5")]).band, Band::Auto);
        assert_ne!(last(&[lift, lift, &lift.replace('3', "31")]).band, Band::Auto);
        let since = |days: &str| format!("幸福小区东门的路灯坏了{days}，请派人来修");
        assert_eq!(last(&[&since("3天"), &since("5天")]).band, Band::Auto);
        assert_eq!(last(&[&since("从11月3号起"), &since("从11月5号起")]).band, Band::Auto);
        assert_eq!(last(&[&since("3盏"), &since("")]).band, Band::Auto, "nothing is said against it");
    }
}
