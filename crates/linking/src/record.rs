//! What the index keeps of an appeal: some 450 bytes.

use crate::{
    digest::{Digest, Weighed, Weighty},
    places::Class,
    topics::{TOPIC, Topic},
};

/// Kept grams of two and of three characters.
const KEPT: [usize; 2] = [42, 21];
const MOST_SUBJECT: usize = 20;
const MOST_NAMES: usize = 12;
/// Rarity and weight are kept in steps of this.
const STEP: f32 = 1.0 / 20.0;

/// The form of the bytes; another form is not read.
const FORM: u8 = 5;
const HEAD: usize = 1 + 8 * 5 + 4 + 4 + 2 + 2 + TOPIC + 3;
/// Grams that a quick look looks at.
const LOOKED_AT: usize = 32;
/// Bytes of a gram.
const GRAM: usize = 5;

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
    /// The heaviest first.
    pub(crate) grams: Vec<Weighed>,
    pub(crate) subject: Vec<(u32, f32)>,
    pub(crate) names: Vec<Weighty>,
}

/// Where `ticket` and `root` stand in the bytes.
pub const PLACED_AT: usize = 9;

impl Record {
    /// What is kept of `digest`.
    pub fn of(digest: &Digest) -> Self {
        let mut kept = [0; 2];
        let grams = digest.heaviest().map(|(_, gram)| gram).filter(|gram| {
            let place = usize::from(gram.length == 3);
            kept[place] += 1;
            kept[place] <= KEPT[place]
        });
        let grams: Vec<Weighed> = grams.copied().collect();
        let mut subject: Vec<(u32, f32)> = digest.subject.iter().map(|gram| (gram.gram, gram.rarity)).collect();
        subject.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        subject.truncate(MOST_SUBJECT);
        subject.sort_unstable_by_key(|(gram, _)| *gram);
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
            grams,
            subject,
            names: digest.names.iter().copied().take(MOST_NAMES).collect(),
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.grams.len() * 5 + self.subject.len() * 4 + self.names.len() * 5);
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
        bytes.extend([self.grams.len() as u8, self.subject.len() as u8, self.names.len() as u8]);
        for gram in &self.grams {
            put_short(&mut bytes, gram.gram);
            bytes.push(steps(gram.rarity));
            // How often, beside how rare: the weight is their product.
            let times = (gram.weight / gram.rarity.max(STEP) - 1.0) * 16.0;
            bytes.push((times.round().clamp(0.0, 127.0) as u8) | if gram.named { 0x80 } else { 0 });
        }
        for (gram, rarity) in &self.subject {
            put_short(&mut bytes, *gram);
            bytes.push(steps(*rarity));
        }
        for name in &self.names {
            put_short(&mut bytes, name.core);
            bytes.push(steps(name.rarity));
            bytes.push(name.class as u8 | if name.head { 0x80 } else { 0 } | if name.known { 0x40 } else { 0 });
        }
        bytes
    }

    /// Reads its bytes; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[FORM])?;
        let [number, ticket, root, at] = take_numbers(&mut rest)?;
        let citizen = u64::from_le_bytes(take(&mut rest)?);
        let exact = u32::from_le_bytes(take(&mut rest)?);
        let of_numbers = u32::from_le_bytes(take(&mut rest)?);
        let door = u16::from_le_bytes(take(&mut rest)?);
        let length = u32::from(u16::from_le_bytes(take(&mut rest)?));
        let topic: [u8; TOPIC] = take(&mut rest)?;
        let counts: [u8; 3] = take(&mut rest)?;
        let mut record = Self {
            number,
            ticket,
            root,
            at,
            citizen,
            exact,
            numbers: of_numbers,
            door,
            length,
            topic: topic.map(|value| value as i8),
            grams: Vec::with_capacity(counts[0].into()),
            subject: Vec::with_capacity(counts[1].into()),
            names: Vec::with_capacity(counts[2].into()),
        };
        let (grams, rest) = rest.split_at_checked(usize::from(counts[0]) * GRAM)?;
        record.grams.extend(grams.as_chunks::<GRAM>().0.iter().map(|[a, b, c, rare, times]| {
            let (rarity, weight) = weights(*rare, *times);
            let gram = u32::from_le_bytes([*a, *b, *c, 0]);
            Weighed { gram, rarity, weight, named: times & 0x80 != 0, length: 0 }
        }));
        let (subject, mut rest) = rest.split_at_checked(usize::from(counts[1]) * 4)?;
        let subject = subject.as_chunks::<4>().0.iter();
        record
            .subject
            .extend(subject.map(|[a, b, c, rare]| (u32::from_le_bytes([*a, *b, *c, 0]), f32::from(*rare) * STEP)));
        for _ in 0..counts[2] {
            let (core, [rare, class]) = (take_short(&mut rest)?, take(&mut rest)?);
            let rarity = f32::from(rare) * STEP;
            let (head, known) = (class & 0x80 != 0, class & 0x40 != 0);
            record.names.push(Weighty { class: Class::of(class & 0x3f)?, core, rarity, head, known });
        }
        Some(record)
    }

    /// A quick look at its bytes; `None` if they are none.
    pub(crate) fn glance(bytes: &[u8]) -> Option<Glance<'_>> {
        let mut rest = bytes.strip_prefix(&[FORM])?;
        let [number, _, _, at]: [i64; 4] = take_numbers(&mut rest)?;
        let citizen = u64::from_le_bytes(take(&mut rest)?);
        let (grams, _) = rest.get(HEAD - 1 - 8 * 5..)?.split_at_checked(usize::from(*rest.get(12 + TOPIC)?) * GRAM)?;
        Some(Glance { number, at, citizen, grams })
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

/// Of a record's bytes, what a quick look needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance<'a> {
    pub number: i64,
    pub at: i64,
    pub citizen: u64,
    grams: &'a [u8],
}

impl Glance<'_> {
    /// The heaviest grams with their weights, in steps of 1/320.
    pub fn grams(&self) -> impl Iterator<Item = (u32, u32)> {
        let (grams, _) = self.grams.as_chunks::<GRAM>();
        grams.iter().take(LOOKED_AT).map(|[a, b, c, rare, times]| {
            let weight = u32::from(*rare) * (16 + u32::from(times & 0x7f));
            (u32::from_le_bytes([*a, *b, *c, 0]), weight)
        })
    }
}

/// Rarity and weight, as they are kept.
fn weights(rare: u8, times: u8) -> (f32, f32) {
    let rarity = f32::from(rare) * STEP;
    (rarity, rarity * (1.0 + f32::from(times & 0x7f) / 16.0))
}

fn steps(value: f32) -> u8 {
    (value / STEP).round().clamp(0.0, 255.0) as u8
}

fn put_short(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes().into_iter().take(3));
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

fn take_short(bytes: &mut &[u8]) -> Option<u32> {
    let [a, b, c] = take(bytes)?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}
