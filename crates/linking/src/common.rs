//! What two appeals have in common, gram by gram: the inner loop of a comparison.

use crate::{
    digest::{Digest, Weighty},
    record::Record,
};

/// A gram of the new appeal was met in the other's text, in its title, as the core of a name there.
const TEXT: u8 = 1;
const TITLE: u8 = 2;
const NAME: u8 = 4;

/// Grams that only one has: the heaviest so many count.
const MOST_UNMATCHED: usize = 4;

/// Room for a comparison, to be used again for the next.
#[derive(Default)]
pub(crate) struct Room {
    /// Of each gram of the new appeal, where it was met in the other one.
    met: Vec<u8>,
    /// The names of the other one.
    names: Vec<Weighty>,
}

impl Room {
    fn mark(&mut self, place: usize, where_met: u8) {
        if let Some(met) = self.met.get_mut(place) {
            *met |= where_met;
        }
    }
}

/// What two appeals have in common.
pub(crate) struct Common<'a> {
    /// The product of their weights.
    pub dot: f32,
    /// How rare what they share is, together; and that of it which is no part of a name.
    pub shared: f32,
    pub plain: f32,
    /// The weight of the heaviest grams that only one has: the smaller of the two.
    pub unmatched: f32,
    /// Of the other one: the length of its weights; how rare its grams are, together; and those that are no part of a name.
    pub old_norm: f32,
    pub old_mass: f32,
    pub old_plain_mass: f32,
    /// Of its title.
    pub titles: Titles,
    pub old_names: &'a [Weighty],
    met: &'a [u8],
    /// Of each name of the other one a bit: the new appeal knows it.
    known: u64,
}

impl<'a> Common<'a> {
    pub fn of(new: &Digest, old: &Record, room: &'a mut Room) -> Self {
        room.met.clear();
        room.met.resize(new.grams.len(), 0);
        room.names.clear();
        room.names.extend(old.names());
        let (mut dot, mut shared, mut plain) = (0.0, 0.0, 0.0);
        let (mut squares, mut old_mass, mut old_plain_mass) = (0.0f32, 0.0, 0.0);
        let mut only_old = Heaviest::default();
        for gram in old.grams() {
            squares += gram.weight * gram.weight;
            old_mass += gram.rarity;
            old_plain_mass += if gram.named { 0.0 } else { gram.rarity };
            match new.find(gram.gram) {
                Some((place, same)) => {
                    room.mark(place, TEXT);
                    dot += same.weight * gram.weight;
                    shared += same.rarity;
                    plain += if same.named || gram.named { 0.0 } else { same.rarity };
                }
                None => only_old.add(gram.weight),
            }
        }
        let mut known = 0;
        for (bit, core) in old.names().map(|name| name.core).enumerate().take(64) {
            let found = new.find(core);
            found.into_iter().for_each(|(place, _)| room.mark(place, NAME));
            known |= u64::from(found.is_some() || new.names_it(core)) << bit;
        }
        let titles = Titles::of(new, old, room);
        let (met, old_names) = (&room.met[..], &room.names[..]);
        let in_text = |place: usize| met.get(place).is_some_and(|met| met & TEXT != 0);
        let only_new = new.heaviest().filter(|(place, _)| !in_text(*place)).take(MOST_UNMATCHED);
        let unmatched = only_new.map(|(_, gram)| gram.weight).sum::<f32>().min(only_old.sum());
        let old_norm = squares.sqrt().max(1e-6);
        Self { dot, shared, plain, unmatched, old_norm, old_mass, old_plain_mass, titles, old_names, met, known }
    }

    /// Whether the other one knows a gram of the new appeal, from text, title or names.
    pub fn old_knows(&self, place: usize) -> bool {
        self.met.get(place).is_some_and(|met| *met != 0)
    }

    /// Whether the new appeal knows this name of the other one.
    pub fn new_knows(&self, name: usize) -> bool {
        self.known >> name.min(63) & 1 != 0
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
    /// Looks into the texts; marks what it meets.
    fn of(new: &Digest, old: &Record, room: &mut Room) -> Self {
        let (mut old_mass, mut old_beyond, mut old_known) = (0.0, 0.0, 0.0);
        for (gram, rarity) in old.subject() {
            old_mass += rarity;
            if let Some((place, _)) = new.find(gram) {
                room.mark(place, TITLE);
                old_known += rarity;
            }
            if !new.names_it(gram) && !room.names.iter().any(|name| name.core == gram) {
                old_beyond += rarity;
            }
        }
        let (mut shared, mut shared_beyond, mut new_beyond, mut new_known) = (0.0, 0.0, 0.0, 0.0);
        for gram in &new.subject {
            let met = room.met.get(gram.place).copied().unwrap_or(0);
            let common = if met & TITLE != 0 { gram.rarity } else { 0.0 };
            let beyond = if gram.in_name || met & NAME != 0 { 0.0 } else { 1.0 };
            shared += common;
            shared_beyond += common * beyond;
            new_beyond += gram.rarity * beyond;
            new_known += if met != 0 { gram.rarity } else { 0.0 };
        }
        Self {
            overlap: shared / (new.subject_mass + old_mass - shared).max(1.0),
            beyond_names: shared_beyond / new_beyond.min(old_beyond).max(3.0),
            in_text: (new_known / new.subject_mass.max(1.0), old_known / old_mass.max(1.0)),
        }
    }
}
