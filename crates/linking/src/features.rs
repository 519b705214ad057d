//! How two appeals are compared: numbers, each with a name and a direction.

use crate::{
    digest::{Digest, Weighty},
    places::Class,
    record::Record,
    train::Direction::{self, Down, Free, Up},
};

/// How many.
pub const COUNT: usize = 25;

/// The numbers, in the order of the model, and how each may act on the score.
pub const FEATURES: [(&str, Direction); COUNT] = [
    ("cosine", Up),
    ("containment", Up),
    ("overlap", Up),
    ("shared", Up),
    ("title_overlap", Up),
    ("title_in_text_least", Up),
    ("title_in_text_most", Up),
    ("names_found_least", Up),
    ("names_found_most", Up),
    ("rarest_name", Up),
    ("head_names_found_least", Up),
    ("head_names_found_most", Up),
    ("rarest_head_name", Up),
    ("shared_area", Up),
    ("other_area", Down),
    ("shared_numbers", Up),
    ("other_number", Down),
    ("days", Down),
    ("same_citizen", Up),
    ("least_length", Free),
    ("same_letters", Up),
    ("other_name", Down),
    ("other_head_name", Down),
    ("title_beyond_names", Up),
    ("text_beyond_names", Up),
];

/// Further numbers, for the question whether near copies speak of the same place.
pub const PLACE_COUNT: usize = 15;

/// The comparison of a new appeal with an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// In the order of [`FEATURES`].
    pub matter: [f32; COUNT],
    /// For near copies: is it the same place?
    pub place: [f32; PLACE_COUNT],
    /// Names that both have, rarest first.
    pub shared_names: Vec<Class>,
}

/// How the numbers in [`Features::place`] may act.
pub const PLACE_DIRECTIONS: [Direction; PLACE_COUNT] =
    [Up, Up, Up, Up, Down, Down, Up, Down, Down, Up, Down, Up, Up, Up, Up];

/// Where in [`Features::matter`].
pub(crate) mod at {
    pub const OVERLAP: usize = 2;
    pub const TITLE: usize = 4;
    pub const RAREST_NAME: usize = 9;
    pub const SHARED_AREA: usize = 13;
    pub const SHARED_NUMBERS: usize = 15;
    pub const SAME_CITIZEN: usize = 18;
    pub const SAME_LETTERS: usize = 20;
}

/// Names found in the other text, and missed there: their weights, and the heaviest of each.
#[derive(Default, Clone, Copy)]
struct Found {
    found: f32,
    missed: f32,
    rarest: f32,
    rarest_missed: f32,
}

impl Found {
    fn of(names: &[Weighty], head: bool, has: impl Fn(u32) -> bool) -> Self {
        let mut sum = Self::default();
        for name in names.iter().filter(|name| name.class.is_named() && (!head || name.head)) {
            let weight = (name.rarity - 2.0).max(0.0);
            if has(name.core) {
                sum.found += weight;
                sum.rarest = sum.rarest.max(weight);
            } else {
                sum.missed += weight;
                sum.rarest_missed = sum.rarest_missed.max(weight);
            }
        }
        sum
    }

    fn part(self) -> f32 {
        let all = self.found + self.missed;
        if all < 1.0 { 0.5 } else { self.found / all }
    }
}

/// Of one class: the rarest that both have, and the rarest that only the one, only the other has; and the sum shared.
struct Both {
    shared: f32,
    sum: f32,
    only: (f32, f32),
}

fn both(new: &[Weighty], old: &[Weighty], class: Class) -> Both {
    let of = |names: &[Weighty]| {
        names.iter().filter(|name| name.class == class).map(|name| (name.core, name.rarity)).collect::<Vec<_>>()
    };
    let (new, old) = (of(new), of(old));
    let has = |names: &[(u32, f32)], core: u32| names.iter().any(|(other, _)| *other == core);
    let mut both = Both { shared: 0.0, sum: 0.0, only: (0.0, 0.0) };
    for (core, rarity) in &new {
        if has(&old, *core) {
            both.shared = both.shared.max(*rarity);
            both.sum += rarity;
        } else {
            both.only.0 = both.only.0.max(*rarity);
        }
    }
    for (core, rarity) in &old {
        if !has(&new, *core) {
            both.only.1 = both.only.1.max(*rarity);
        }
    }
    both
}

/// 1: they name an area in common; -1: each names one, and none in common; else 0.
fn areas(new: &[Weighty], old: &[Weighty], head: bool) -> f32 {
    let of = |names: &[Weighty]| {
        let telling = |name: &&Weighty| name.class == Class::Area && name.rarity > 1.5 && (!head || name.head);
        names.iter().filter(telling).map(|name| name.core).collect::<Vec<_>>()
    };
    let (new, old) = (of(new), of(old));
    match () {
        () if new.is_empty() || old.is_empty() => 0.0,
        () if new.iter().any(|core| old.contains(core)) => 1.0,
        () => -1.0,
    }
}

/// What `old` says, quickly asked.
struct Old<'a> {
    record: &'a Record,
    norm: f32,
    mass: f32,
    plain_mass: f32,
    subject_mass: f32,
}

/// Shorter texts, in letters, say too little by themselves.
pub(crate) const TELLING: u32 = 40;

/// What one citizen says in fewer letters is no matter by itself; in fewer than these, not even said twice.
const A_MATTER: u32 = 12;
const A_WORD: u32 = 8;

impl Features {
    /// Whether enough is said to tell that one citizen speaks of one matter: so many letters, the very same, or a name.
    pub(crate) fn tells_what(&self, length: u32) -> bool {
        let value = |place: usize| self.matter.get(place).copied().unwrap_or(0.0);
        let told = value(at::SAME_LETTERS) > 0.5 || value(at::RAREST_NAME) > 0.0;
        length >= A_MATTER || (told && length >= A_WORD)
    }

    /// Whether it can be told that both speak of one place: they name something in common, or enough is said.
    pub(crate) fn tells_where(&self, length: u32) -> bool {
        let value = |place: usize| self.matter.get(place).copied().unwrap_or(0.0);
        let named = value(at::RAREST_NAME) > 0.0 || value(at::SHARED_AREA) > 1.5 || value(at::SHARED_NUMBERS) > 4.0;
        named || length >= TELLING
    }

    /// Compares `new` with `old`.
    pub fn of(new: &Digest, old: &Record) -> Self {
        let old = Old {
            norm: old.grams.iter().map(|gram| gram.weight * gram.weight).sum::<f32>().sqrt().max(1e-6),
            mass: old.grams.iter().map(|gram| gram.rarity).sum(),
            plain_mass: old.grams.iter().filter(|gram| !gram.named).map(|gram| gram.rarity).sum(),
            subject_mass: old.subject.iter().map(|(_, rarity)| rarity).sum(),
            record: old,
        };
        let (mut dot, mut shared, mut plain) = (0.0, 0.0, 0.0);
        let mut unmatched_old: Vec<f32> = Vec::with_capacity(old.record.grams.len());
        for gram in &old.record.grams {
            match new.get(gram.gram) {
                Some(same) => {
                    dot += same.weight * gram.weight;
                    shared += same.rarity;
                    if !same.named && !gram.named {
                        plain += same.rarity;
                    }
                }
                None => unmatched_old.push(gram.weight),
            }
        }
        unmatched_old.sort_unstable_by(|a, b| b.total_cmp(a));
        let heaviest = |weights: &mut dyn Iterator<Item = f32>| weights.take(4).sum::<f32>();
        let unmatched_new =
            heaviest(&mut new.grams.iter().filter(|gram| !old.record.has(gram.gram)).map(|gram| gram.weight));
        let unmatched = unmatched_new.min(heaviest(&mut unmatched_old.into_iter()));

        let (title_overlap, title_beyond) = titles(new, &old);
        let title_of_new = ratio(new.subject.iter().filter(|(gram, _)| old.record.knows(*gram)), new.subject_mass);
        let title_of_old =
            ratio(old.record.subject.iter().filter(|(gram, _)| new.table.contains_key(gram)), old.subject_mass);

        let in_old = |core: u32| old.record.knows(core);
        let in_new = |core: u32| new.table.contains_key(&core) || new.cores.contains(&core);
        let all = (Found::of(&new.names, false, in_old), Found::of(&old.record.names, false, in_new));
        let head = (Found::of(&new.names, true, in_old), Found::of(&old.record.names, true, in_new));
        let area = both(&new.names, &old.record.names, Class::Area);
        let number = both(&new.names, &old.record.names, Class::Number);
        let other_area = area.only.0.min(area.only.1) - area.shared;
        let other_number = number.only.0.min(number.only.1);
        let containment = shared / new.mass.min(old.mass).max(1.0);
        let overlap = shared / (new.mass + old.mass - shared).max(1.0);
        let days = (((new.at - old.record.at).max(0) as f32) / 86_400.0 + 0.01).ln();
        let same_letters = f32::from(u8::from(new.exact == old.record.exact && new.length == old.record.length));
        let same_citizen = f32::from(u8::from(new.citizen != 0 && new.citizen == old.record.citizen));
        let other_name = all.0.rarest_missed.min(all.1.rarest_missed);
        let other_head_name = head.0.rarest_missed.min(head.1.rarest_missed);
        let rarest_head = head.0.rarest.max(head.1.rarest);
        let plain_part = plain / new.plain_mass.min(old.plain_mass).max(5.0);
        let least = |two: (Found, Found)| two.0.part().min(two.1.part());
        let most = |two: (Found, Found)| two.0.part().max(two.1.part());
        let cosine = dot / (new.norm * old.norm);
        let matter = [
            cosine,
            containment,
            overlap,
            shared.max(1.0).ln(),
            title_overlap,
            title_of_new.min(title_of_old),
            title_of_new.max(title_of_old),
            least(all),
            most(all),
            all.0.rarest.max(all.1.rarest),
            least(head),
            most(head),
            rarest_head,
            area.shared,
            other_area,
            number.sum,
            other_number,
            days,
            same_citizen,
            (new.length.min(old.record.length) as f32 + 1.0).ln(),
            same_letters,
            other_name,
            other_head_name,
            title_beyond,
            plain_part,
        ];
        let place = [
            overlap,
            containment,
            least(all),
            least(head),
            other_area,
            other_number,
            same_letters,
            other_name,
            other_head_name,
            plain_part,
            unmatched,
            areas(&new.names, &old.record.names, false),
            areas(&new.names, &old.record.names, true),
            all.0.rarest.max(all.1.rarest),
            rarest_head,
        ];
        let mut shared_names: Vec<&Weighty> =
            new.names.iter().filter(|name| in_old(name.core) && name.rarity > 2.0).collect();
        shared_names.sort_by(|a, b| b.rarity.total_cmp(&a.rarity));
        Self { matter, place, shared_names: shared_names.into_iter().map(|name| name.class).collect() }
    }
}

/// The cosine of two appeals: quickly told.
pub(crate) fn nearness(new: &Digest, old: &Record) -> f32 {
    let (mut dot, mut norm) = (0.0, 1e-6);
    for gram in &old.grams {
        norm += gram.weight * gram.weight;
        dot += new.get(gram.gram).map_or(0.0, |same| same.weight * gram.weight);
    }
    dot / norm.sqrt()
}

fn ratio<'a>(some: impl Iterator<Item = &'a (u32, f32)>, all: f32) -> f32 {
    some.map(|(_, rarity)| rarity).sum::<f32>() / all.max(1.0)
}

/// How much the titles have in common, and how much beyond the names in them.
fn titles(new: &Digest, old: &Old<'_>) -> (f32, f32) {
    let of_old = |gram: u32| old.record.subject.binary_search_by_key(&gram, |(gram, _)| *gram).is_ok();
    let old_core = |gram: u32| old.record.names.iter().any(|name| name.core == gram);
    let beyond = |gram: &u32| !new.cores.contains(gram) && !old_core(*gram);
    let (mut shared, mut shared_beyond, mut new_beyond) = (0.0, 0.0, 0.0);
    for (gram, rarity) in &new.subject {
        let (common, beyond) = (of_old(*gram), beyond(gram));
        shared += if common { *rarity } else { 0.0 };
        new_beyond += if beyond { *rarity } else { 0.0 };
        shared_beyond += if common && beyond { *rarity } else { 0.0 };
    }
    let old_beyond: f32 = old.record.subject.iter().filter(|(gram, _)| beyond(gram)).map(|(_, rarity)| rarity).sum();
    let overlap = shared / (new.subject_mass + old.subject_mass - shared).max(1.0);
    (overlap, shared_beyond / new_beyond.min(old_beyond).max(3.0))
}
