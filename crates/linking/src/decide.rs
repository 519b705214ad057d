//! The decision: which earlier appeal is the same matter, and how sure that is.

use crate::{
    common::Room,
    digest::{Appeal, Digest},
    features::{Features, TELLING},
    gazetteer::Gazetteer,
    home::Placed,
    model::Model,
    postings,
    record::Record,
    vocabulary::Vocabulary,
    words,
};
use std::sync::Arc;

/// Numbers of houses in a street that are further apart are not next door.
const NEIGHBOURS: u16 = 20;

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
    /// The places that are known.
    pub places: Arc<Gazetteer>,
    /// A digest that is not needed any more: the next one is made in its room, some 40 kB in a dozen pieces.
    pub spare: Option<Digest>,
}

impl Linker {
    /// Takes an appeal apart, and learns its n-grams.
    pub fn digest(&mut self, appeal: &Appeal<'_>) -> Digest {
        let spare = self.spare.take().unwrap_or_default();
        let digest = spare.again(appeal, &self.vocabulary, &self.model.topics, &self.places);
        self.vocabulary.learn(digest.all());
        digest
    }

    /// As [`Self::digest`], but nothing is learned.
    pub fn apart(&self, appeal: &Appeal<'_>) -> Digest {
        Digest::new(appeal, &self.vocabulary, &self.model.topics, &self.places)
    }

    /// Where to look for candidates: buckets and tags.
    pub fn keys(digest: &Digest) -> Vec<(u16, u16)> {
        digest.keys().map(postings::place).collect()
    }

    /// Compares an appeal with others.
    pub fn compare(&self, digest: &Digest, records: Vec<Record>) -> Vec<Candidate> {
        let mut room = Room::default();
        let compared = records.into_iter().map(|record| (Features::compared(digest, &record, &mut room), record));
        let (features, records): (Vec<Features>, Vec<Record>) = compared.unzip();
        let scores = self.model.scores(&features);
        let all = records.into_iter().zip(features).zip(scores);
        all.map(|((record, features), score)| Candidate { record, features, score }).collect()
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
        // 滨河路 88 号, 滨河路 690 号: who lives next door may speak of the same, who lives down the street hardly.
        let (new, old) = (digest.door, chosen.record.door);
        let down_the_street = new != 0 && old != 0 && new.abs_diff(old) > NEIGHBOURS;
        let open = other_numbers || down_the_street || chosen.features.apart;
        let sure = !open && (seconded || chosen.score >= self.model.limits(same_citizen).auto);
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
        last_of(&Gazetteer::default(), texts, |_| 7)
    }

    /// The same in a city whose places are known, each by the citizen that `who` says.
    fn last_of(places: &Gazetteer, texts: &[&str], who: impl Fn(i64) -> u64) -> Decision {
        let model = Model::parse(include_str!("../../../config/repeats.model.json")).unwrap();
        let vocabulary = Vocabulary::from_bytes(include_bytes!("../../../config/repeats.words"));
        let mut linker = Linker { model, vocabulary, window: 86_400, places: Arc::new(places.clone()), spare: None };
        let mut home = MemoryHome::default();
        let mut decision = None;
        for (number, text) in (1..).zip(texts) {
            let appeal = Appeal { number, at: number * 60, citizen: who(number), title: "", text };
            let digest = linker.digest(&appeal);
            let gathered = home.gather(&Linker::keys(&digest), appeal.at, &Record::of(&digest).to_bytes());
            let ids = Linker::candidates(&digest, &gathered);
            let candidates = linker.compare(&digest, Linker::nearest(&digest, 86_400, home.records(&ids)));
            decision = Some(linker.decide(&digest, &candidates));
            linker.spare = Some(digest);
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

    #[test]
    fn who_comes_back_to_a_matter_says_so_and_that_counts() {
        let (first, other) = ("东门菜场后面的化粪池满了，污水流到路上", "下水道的臭味熏人，请派人清理");
        let (plain, again) = (last(&[first, other]), last(&[first, &format!("再次催问，至今还没有人来：{other}")]));
        assert!(again.score > plain.score, "{again:?} {plain:?}");
        let again = last(&[first, &format!("再次催问，至今还没有人来：{first}")]);
        assert!(again.band == Band::Auto && again.reason.contains("提到此前反映"), "{again:?}");
    }

    #[test]
    fn down_the_street_is_another_place_and_next_door_is_not() {
        let noise = |door: &str| {
            format!(
                "您好，我住在滨河路{door}号，楼下施工机械噪声很大，已经持续三天，老人心脏不好，整夜无法入睡，请城管制止。"
            )
        };
        assert_eq!(last(&[&noise("88"), &noise("90")]).band, Band::Auto);
        assert_ne!(last(&[&noise("88"), &noise("690")]).band, Band::Auto);
        assert_ne!(last(&[&noise("88"), &noise("690"), &noise("380")]).band, Band::Auto, "nor is a third one");
    }

    #[test]
    fn what_the_gazetteer_knows_is_one_place_by_all_its_names_and_no_other() {
        let place = |name: &str, aliases: &[&str], parent: &str| crate::Place {
            name: name.into(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            parent: (!parent.is_empty()).then(|| parent.into()),
            kind: None,
        };
        let places = crate::Gazetteer::new(&[
            place("三明市", &[], ""),
            place("沙县", &["沙县区"], "三明市"),
            place("阳光花园小区", &["阳光花园", "阳光小区", "大坪地块安置房"], "沙县"),
            place("月光花园小区", &["月光花园"], "沙县"),
            place("阳光花园二期", &[], "阳光花园小区"),
        ])
        .unwrap();
        let lift = |at: &str| format!("{at}的电梯又坏了，老人上不了楼，物业一直不来修，请派人来看看");
        let two =
            |places: &Gazetteer, one: &str, other: &str| last_of(places, &[&lift(one), &lift(other)], |who| who as u64);
        let unknown = Gazetteer::default();
        // By its other name it is another place to who does not know better.
        assert_ne!(two(&unknown, "阳光花园小区", "大坪地块安置房").band, Band::Auto);
        for other in ["阳光花园", "阳光小区", "大坪地块安置房", "沙县阳光花园"] {
            let found = two(&places, "阳光花园小区", other);
            assert!(found.band == Band::Auto && found.reason.contains("同一小区或场所"), "{other}: {found:?}");
        }
        let part = two(&places, "阳光花园小区", "阳光花园二期");
        assert!(!part.reason.contains("不同地点"), "a part of it: {part:?}");
        assert_eq!(two(&places, "阳光花园", "月光花园").band, Band::New);
        // One citizen who says the same of another place is asked about at most.
        let own = last_of(&places, &[&lift("阳光花园"), &lift("月光花园"), &lift("月光花园")], |_| 7);
        assert_eq!(own.band, Band::Auto, "{own:?}");
        let own = last_of(&places, &[&lift("阳光花园"), &lift("月光花园")], |_| 7);
        assert!(own.band != Band::Auto && (own.band == Band::New || own.reason.contains("不同地点")), "{own:?}");
    }
}
