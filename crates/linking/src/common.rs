//! What two appeals have in common, gram by gram: the inner loop of a comparison.

use crate::{digest::Digest, record::Record};

/// A gram of the new appeal was met in the other's text, in its title, as the core of a name there.
const TEXT: u8 = 1;
const TITLE: u8 = 2;
const NAME: u8 = 4;

/// Grams that only one has: the heaviest so many count.
const MOST_UNMATCHED: usize = 4;

/// What two appeals have in common.
pub(crate) struct Common<'a> {
    /// The product of their weights.
    pub dot: f32,
    /// How rare what they share is, together; and that of it which is no part of a name.
    pub shared: f32,
    pub plain: f32,
    /// The weight of the heaviest grams that only one has: the smaller of the two.
    pub unmatched: f32,
    /// Of each gram of the new appeal, where it was met in the other one.
    met: &'a [u8],
    /// Of each name of the other one, and of each gram of its title, a bit: the new appeal knows it.
    names: u64,
    title: u64,
}

impl<'a> Common<'a> {
    pub fn of(new: &Digest, old: &Record, room: &'a mut Vec<u8>) -> Self {
        room.clear();
        room.resize(new.grams.len(), 0);
        let mut mark = |place: usize, where_met: u8| {
            if let Some(met) = room.get_mut(place) {
                *met |= where_met;
            }
        };
        let (mut dot, mut shared, mut plain) = (0.0, 0.0, 0.0);
        let mut only_old = Heaviest::default();
        for gram in &old.grams {
            match new.find(gram.gram) {
                Some((place, same)) => {
                    mark(place, TEXT);
                    dot += same.weight * gram.weight;
                    shared += same.rarity;
                    plain += if same.named || gram.named { 0.0 } else { same.rarity };
                }
                None => only_old.add(gram.weight),
            }
        }
        let (mut title, mut names) = (0, 0);
        for (bit, (gram, _)) in old.subject.iter().enumerate().take(64) {
            let found = new.find(*gram);
            found.into_iter().for_each(|(place, _)| mark(place, TITLE));
            title |= u64::from(found.is_some()) << bit;
        }
        for (bit, name) in old.names.iter().enumerate().take(64) {
            let found = new.find(name.core);
            found.into_iter().for_each(|(place, _)| mark(place, NAME));
            names |= u64::from(found.is_some() || new.names_it(name.core)) << bit;
        }
        let met: &[u8] = room;
        let in_text = |place: usize| met.get(place).is_some_and(|met| met & TEXT != 0);
        let only_new = new.heaviest().filter(|(place, _)| !in_text(*place)).take(MOST_UNMATCHED);
        let unmatched = only_new.map(|(_, gram)| gram.weight).sum::<f32>().min(only_old.sum());
        Self { dot, shared, plain, unmatched, met, names, title }
    }

    /// Whether the other one knows a gram of the new appeal, from text, title or names.
    pub fn old_knows(&self, place: usize) -> bool {
        self.met(place) != 0
    }

    /// Whether the new appeal knows this name of the other one.
    pub fn new_knows(&self, name: usize) -> bool {
        self.names >> name.min(63) & 1 != 0
    }

    fn met(&self, place: usize) -> u8 {
        self.met.get(place).copied().unwrap_or(0)
    }
}

/// The heaviest of some weights, in order.
#[derive(Default)]
struct Heaviest([f32; MOST_UNMATCHED]);

impl Heaviest {
    fn add(&mut self, mut weight: f32) {
        // The heaviest come first: most are lighter than all that are kept.
        if self.0.last().is_some_and(|least| weight <= *least) {
            return;
        }
        for kept in &mut self.0 {
            if weight > *kept {
                std::mem::swap(kept, &mut weight);
            }
        }
    }

    fn sum(&self) -> f32 {
        self.0.iter().sum()
    }
}

/// What the titles have in common.
pub(crate) struct Titles {
    /// With each other.
    pub overlap: f32,
    /// With each other, beyond the names in them.
    pub beyond_names: f32,
    /// Each with what is known of the other appeal.
    pub in_text: (f32, f32),
}

impl Titles {
    pub fn of(new: &Digest, old: &Record, common: &Common<'_>) -> Self {
        let old_mass: f32 = old.subject.iter().map(|(_, rarity)| rarity).sum();
        let (mut shared, mut shared_beyond, mut new_beyond, mut new_known) = (0.0, 0.0, 0.0, 0.0);
        for gram in &new.subject {
            let met = common.met(gram.place);
            let common = if met & TITLE != 0 { gram.rarity } else { 0.0 };
            let beyond = if gram.in_name || met & NAME != 0 { 0.0 } else { 1.0 };
            shared += common;
            shared_beyond += common * beyond;
            new_beyond += gram.rarity * beyond;
            new_known += if met != 0 { gram.rarity } else { 0.0 };
        }
        let (mut old_beyond, mut old_known) = (0.0, 0.0);
        for (place, (gram, rarity)) in old.subject.iter().enumerate() {
            if common.title >> place.min(63) & 1 != 0 {
                old_known += rarity;
            }
            if !new.names_it(*gram) && !old.names.iter().any(|name| name.core == *gram) {
                old_beyond += rarity;
            }
        }
        Self {
            overlap: shared / (new.subject_mass + old_mass - shared).max(1.0),
            beyond_names: shared_beyond / new_beyond.min(old_beyond).max(3.0),
            in_text: (new_known / new.subject_mass.max(1.0), old_known / old_mass.max(1.0)),
        }
    }
}
