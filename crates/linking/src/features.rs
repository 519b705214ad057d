//! How two appeals are compared: numbers, each with a name and a direction.

use crate::{
    common::{Common, Room},
    digest::{Digest, Weighty},
    places::Class,
    record::Record,
    topics::nearness,
    train::Direction::{self, Down, Free, Up},
};

/// How many.
pub const COUNT: usize = 27;

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
    ("topic", Up),
    ("own_again", Up),
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
    /// Of the rarest name that both have.
    pub shared_name: Option<Class>,
    /// The gazetteer knows that they speak of different places.
    pub apart: bool,
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
    pub const OWN_AGAIN: usize = 26;
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
    /// Of all names, and of those in the head; `has` is asked by a name's place.
    fn of(names: &[Weighty], has: impl Fn(usize) -> bool) -> (Self, Self) {
        let (mut all, mut head) = (Self::default(), Self::default());
        for (place, name) in names.iter().enumerate().filter(|(_, name)| name.class.is_named()) {
            let (weight, found) = ((name.rarity - 2.0).max(0.0), has(place));
            all.add(weight, found);
            if name.head {
                head.add(weight, found);
            }
        }
        (all, head)
    }

    fn add(&mut self, weight: f32, found: bool) {
        if found {
            self.found += weight;
            self.rarest = self.rarest.max(weight);
        } else {
            self.missed += weight;
            self.rarest_missed = self.rarest_missed.max(weight);
        }
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

fn has(names: &[Weighty], name: &Weighty) -> bool {
    names.iter().any(|other| other.class == name.class && other.core == name.core)
}

fn both(new: &[Weighty], old: &[Weighty], class: Class) -> Both {
    let mut both = Both { shared: 0.0, sum: 0.0, only: (0.0, 0.0) };
    for name in new.iter().filter(|name| name.class == class) {
        if has(old, name) {
            both.shared = both.shared.max(name.rarity);
            both.sum += name.rarity;
        } else {
            both.only.0 = both.only.0.max(name.rarity);
        }
    }
    for name in old.iter().filter(|name| name.class == class && !has(new, name)) {
        both.only.1 = both.only.1.max(name.rarity);
    }
    both
}

/// 1: they name an area in common; -1: each names one, and none in common; else 0.
fn areas(new: &[Weighty], old: &[Weighty], head: bool) -> f32 {
    let telling = |name: &&Weighty| name.class == Class::Area && name.rarity > 1.5 && (!head || name.head);
    let common = |name: &Weighty| old.iter().filter(telling).any(|other| other.core == name.core);
    match () {
        () if !new.iter().any(|name| telling(&name)) || !old.iter().any(|name| telling(&name)) => 0.0,
        () if new.iter().filter(telling).any(common) => 1.0,
        () => -1.0,
    }
}

/// Whether both say known places of one kind, and none of them is the other's or lies in it.
fn apart(new: &[Weighty], old: &[Weighty]) -> bool {
    let known = |name: &&Weighty| name.known && name.class != Class::Area;
    // Areas too: the part of an estate lies in it.
    let says = |names: &[Weighty], one: &Weighty| names.iter().any(|other| other.known && other.core == one.core);
    let alike = |one: &Weighty| old.iter().filter(known).any(|other| other.class == one.class);
    new.iter().filter(known).any(alike)
        && !new.iter().filter(known).any(|name| says(old, name))
        && !old.iter().filter(known).any(|name| says(new, name))
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
        Self::compared(new, old, &mut Room::default())
    }

    /// As [`Self::of`], with room that can be used again.
    pub(crate) fn compared(new: &Digest, old: &Record, room: &mut Room) -> Self {
        let common = Common::of(new, old, room);
        let Common { dot, shared, plain, unmatched, old_norm, old_mass, old_plain_mass, ref titles, old_names, .. } =
            common;
        let (title_of_new, title_of_old) = titles.in_text;

        let of_new = |place: usize| common.old_knows(new.name_at(place));
        let of_old = |place: usize| common.new_knows(place);
        let (of_new, of_old) = (Found::of(&new.names, of_new), Found::of(old_names, of_old));
        let (all, head) = ((of_new.0, of_old.0), (of_new.1, of_old.1));
        let area = both(&new.names, old_names, Class::Area);
        let number = both(&new.names, old_names, Class::Number);
        let other_area = area.only.0.min(area.only.1) - area.shared;
        let other_number = number.only.0.min(number.only.1);
        let containment = shared / new.mass.min(old_mass).max(1.0);
        let overlap = shared / (new.mass + old_mass - shared).max(1.0);
        let days = (((new.at - old.at).max(0) as f32) / 86_400.0 + 0.01).ln();
        let same_letters = f32::from(u8::from(new.exact == old.exact && new.length == old.length));
        let same_citizen = f32::from(u8::from(new.citizen != 0 && new.citizen == old.citizen));
        let other_name = all.0.rarest_missed.min(all.1.rarest_missed);
        let other_head_name = head.0.rarest_missed.min(head.1.rarest_missed);
        let rarest_head = head.0.rarest.max(head.1.rarest);
        let plain_part = plain / new.plain_mass.min(old_plain_mass).max(5.0);
        let least = |two: (Found, Found)| two.0.part().min(two.1.part());
        let most = |two: (Found, Found)| two.0.part().max(two.1.part());
        let cosine = dot / (new.norm * old_norm);
        let matter = [
            cosine,
            containment,
            overlap,
            shared.max(1.0).ln(),
            titles.overlap,
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
            (new.length.min(old.length) as f32 + 1.0).ln(),
            same_letters,
            other_name,
            other_head_name,
            titles.beyond_names,
            plain_part,
            nearness(&new.topic, &old.topic),
            same_citizen * new.again as f32,
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
            areas(&new.names, old_names, false),
            areas(&new.names, old_names, true),
            all.0.rarest.max(all.1.rarest),
            rarest_head,
        ];
        let told = |(place, name): &(usize, &Weighty)| {
            name.class.is_named() && name.rarity > 2.0 && common.old_knows(new.name_at(*place))
        };
        let shared = new.names.iter().enumerate().filter(told).map(|(_, name)| name);
        let rarest = shared.reduce(|rarest, name| if name.rarity > rarest.rarity { name } else { rarest });
        let apart = apart(&new.names, old_names);
        Self { matter, place, shared_name: rarest.map(|name| name.class), apart }
    }
}
