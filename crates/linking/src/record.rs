//! What the index keeps of an appeal: some 450 bytes.

use crate::{
    digest::{Digest, Weighty},
    places::Class,
    topics::{TOPIC, Topic},
};

/// Kept grams of two and of three characters.
const KEPT: [usize; 2] = [42, 21];
const MOST_SUBJECT: usize = 20;
const MOST_NAMES: usize = 12;
/// Rarity and weight are kept in steps of this.
const STEP: f32 = 1.0 / 20.0;

/// What the bytes of a rarity, and of how often something is said, stand for.
static RARITIES: [f32; 256] = steps_of(0.0, STEP);
static TIMES: [f32; 128] = steps_of(1.0, 1.0 / 16.0);

const fn steps_of<const COUNT: usize>(first: f32, step: f32) -> [f32; COUNT] {
    let (mut steps, mut at) = ([0.0; COUNT], 0);
    while at < COUNT {
        steps[at] = first + at as f32 * step;
        at += 1;
    }
    steps
}

/// The form of the bytes; another form is not read.
const FORM: u8 = 5;
const HEAD: usize = 1 + 8 * 5 + 4 + 4 + 2 + 2 + TOPIC + 3;
/// Grams that a quick look looks at.
const LOOKED_AT: usize = 32;
/// Bytes of a gram, of a gram of the title, and of a name.
const GRAM: usize = 5;
const SUBJECT: usize = 4;
const NAME: usize = 5;

/// What the index keeps of an appeal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The number on its receipt, as the store keys it.
    pub number: i64,
    /// The ticket that it counts to; its own number, unless it repeats another.
    pub ticket: i64,
    /// The first ticket of its incident; its own, unless it joined one.
    pub root: i64,
    /// When it was received, seconds since 1970.
    pub at: i64,
    /// Who speaks; 0 where nobody is known.
    pub citizen: u64,
    pub(crate) exact: u32,
    pub(crate) numbers: u32,
    pub(crate) door: u16,
    pub(crate) length: u32,
    pub(crate) topic: Topic,
    /// How many grams, grams of the title, and names; each as its bytes, which are read when they are looked at.
    pub(crate) counts: [u8; 3],
    pub(crate) kept: Vec<u8>,
}

/// Where `ticket` and `root` stand in the bytes.
pub const PLACED_AT: usize = 9;

impl Record {
    /// What is kept of `digest`.
    pub fn of(digest: &Digest) -> Self {
        let most = (KEPT[0] + KEPT[1]) * GRAM + MOST_SUBJECT * SUBJECT + MOST_NAMES * NAME;
        let (mut kept, mut taken) = (Vec::with_capacity(most), [0; 2]);
        let grams = digest.heaviest().map(|(_, gram)| gram).filter(|gram| {
            let place = usize::from(gram.length == 3);
            taken[place] += 1;
            taken[place] <= KEPT[place]
        });
        for gram in grams.take(KEPT[0] + KEPT[1]) {
            put_short(&mut kept, gram.gram);
            // How often, beside how rare: the weight is their product.
            let times = (gram.weight / gram.rarity.max(STEP) - 1.0) * 16.0;
            kept.extend([steps(gram.rarity), rounded(times).min(127) | if gram.named { 0x80 } else { 0 }]);
        }
        let grams = kept.len() / GRAM;
        let mut subject: Vec<(u32, f32)> = digest.subject.iter().map(|gram| (gram.gram, gram.rarity)).collect();
        if subject.len() > MOST_SUBJECT {
            subject.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            subject.truncate(MOST_SUBJECT);
        }
        subject.sort_unstable_by_key(|(gram, _)| *gram);
        for (gram, rarity) in &subject {
            put_short(&mut kept, *gram);
            kept.push(steps(*rarity));
        }
        let names = digest.names.get(..MOST_NAMES).unwrap_or(&digest.names);
        for name in names {
            put_short(&mut kept, name.core);
            let marks = if name.head { 0x80 } else { 0 } | if name.known { 0x40 } else { 0 };
            kept.extend([steps(name.rarity), name.class as u8 | marks]);
        }
        let counts = [grams as u8, subject.len() as u8, names.len() as u8];
        Self {
            number: digest.number,
            ticket: digest.number,
            root: digest.number,
            at: digest.at,
            citizen: digest.citizen,
            exact: digest.exact,
            numbers: digest.numbers,
            door: digest.door,
            length: digest.length,
            topic: digest.topic,
            counts,
            kept,
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.kept.len());
        bytes.push(FORM);
        for number in [self.number, self.ticket, self.root, self.at] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.citizen.to_le_bytes());
        bytes.extend(self.exact.to_le_bytes());
        bytes.extend(self.numbers.to_le_bytes());
        bytes.extend(self.door.to_le_bytes());
        bytes.extend((self.length.min(65_535) as u16).to_le_bytes());
        bytes.extend(self.topic.map(|value| value as u8));
        bytes.extend(self.counts);
        bytes.extend(&self.kept);
        bytes
    }

    /// Reads its bytes; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[FORM])?;
        let [number, ticket, root, at] = take_numbers(&mut rest)?;
        let citizen = u64::from_le_bytes(take(&mut rest)?);
        let exact = u32::from_le_bytes(take(&mut rest)?);
        let numbers = u32::from_le_bytes(take(&mut rest)?);
        let door = u16::from_le_bytes(take(&mut rest)?);
        let length = u32::from(u16::from_le_bytes(take(&mut rest)?));
        let topic: [u8; TOPIC] = take(&mut rest)?;
        let topic = topic.map(|value| value as i8);
        let counts: [u8; 3] = take(&mut rest)?;
        let [grams, subject, names] = counts.map(usize::from);
        let kept = rest.get(..grams * GRAM + subject * SUBJECT + names * NAME)?.to_vec();
        let record = Self { number, ticket, root, at, citizen, exact, numbers, door, length, topic, counts, kept };
        (record.names().count() == names).then_some(record)
    }

    /// The grams, the heaviest first.
    pub(crate) fn grams(&self) -> impl Iterator<Item = Kept> {
        let grams = self.kept.get(..usize::from(self.counts[0]) * GRAM).unwrap_or_default();
        grams.as_chunks::<GRAM>().0.iter().map(|[a, b, c, rare, times]| {
            let rarity = RARITIES[usize::from(*rare)];
            let weight = rarity * TIMES[usize::from(times & 0x7f)];
            Kept { gram: u32::from_le_bytes([*a, *b, *c, 0]), rarity, weight, named: times & 0x80 != 0 }
        })
    }

    /// The grams of the title, and how rare each is.
    pub(crate) fn subject(&self) -> impl Iterator<Item = (u32, f32)> {
        let [grams, subject, _] = self.counts.map(usize::from);
        let grams = self.kept.get(grams * GRAM..).and_then(|kept| kept.get(..subject * SUBJECT)).unwrap_or_default();
        let grams = grams.as_chunks::<SUBJECT>().0.iter();
        grams.map(|[a, b, c, rare]| (u32::from_le_bytes([*a, *b, *c, 0]), f32::from(*rare) * STEP))
    }

    /// The names, up to one that is of no class.
    pub(crate) fn names(&self) -> impl Iterator<Item = Weighty> {
        let [grams, subject, _] = self.counts.map(usize::from);
        let names = self.kept.get(grams * GRAM + subject * SUBJECT..).unwrap_or_default();
        names.as_chunks::<NAME>().0.iter().map_while(|[a, b, c, rare, class]| {
            let (head, known) = (class & 0x80 != 0, class & 0x40 != 0);
            let core = u32::from_le_bytes([*a, *b, *c, 0]);
            Some(Weighty { class: Class::of(class & 0x3f)?, core, rarity: f32::from(*rare) * STEP, head, known })
        })
    }

    /// A quick look at its bytes; `None` if they are none.
    pub(crate) fn glance(bytes: &[u8]) -> Option<Glance<'_>> {
        let mut rest = bytes.strip_prefix(&[FORM])?;
        let [number, _, _, at]: [i64; 4] = take_numbers(&mut rest)?;
        let citizen = u64::from_le_bytes(take(&mut rest)?);
        let (grams, _) = rest.get(HEAD - 1 - 8 * 5..)?.split_at_checked(usize::from(*rest.get(12 + TOPIC)?) * GRAM)?;
        let grams = grams.as_chunks().0;
        Some(Glance { number, at, citizen, grams: grams.get(..LOOKED_AT).unwrap_or(grams) })
    }

    /// The bytes of where an appeal belongs, to be written at [`PLACED_AT`].
    pub fn placed(ticket: i64, root: i64) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&ticket.to_le_bytes());
        second.copy_from_slice(&root.to_le_bytes());
        bytes
    }
}

/// A gram as it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// 24 bits of its hash.
    pub gram: u32,
    pub rarity: f32,
    pub weight: f32,
    /// Part of a name.
    pub named: bool,
}

/// Of a record's bytes, what a quick look needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance<'a> {
    pub number: i64,
    pub at: i64,
    pub citizen: u64,
    grams: &'a [[u8; GRAM]],
}

impl Glance<'_> {
    /// The heaviest grams with their weights, in steps of 1/320.
    pub fn grams(&self) -> impl Iterator<Item = (u32, u32)> {
        self.grams.iter().map(|[gram @ .., times]| {
            let gram = u32::from_le_bytes(*gram);
            (gram & 0x00ff_ffff, (gram >> 24) * (16 + u32::from(times & 0x7f)))
        })
    }
}

fn steps(value: f32) -> u8 {
    rounded(value / STEP)
}

/// The nearest whole number; of two the one further from 0. As [`f32::round`] tells it, which is a call where the processor
/// need not know how.
fn rounded(value: f32) -> u8 {
    let whole = value as i32;
    whole.saturating_add(i32::from(value - whole as f32 >= 0.5)).clamp(0, 255) as u8
}

fn put_short(bytes: &mut Vec<u8>, value: u32) {
    let [a, b, c, _] = value.to_le_bytes();
    bytes.extend([a, b, c]);
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn take_numbers<const N: usize>(bytes: &mut &[u8]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = i64::from_le_bytes(take(bytes)?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_the_standards() {
        for step in 0..3_000_000u32 {
            let value = f32::from_bits(step.wrapping_mul(1_431));
            for value in [value, -value] {
                assert_eq!(rounded(value), value.round().clamp(0.0, 255.0) as u8, "{value}");
            }
        }
    }
}
