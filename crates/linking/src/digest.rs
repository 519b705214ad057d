//! An appeal taken apart: what it is compared by.

use crate::{
    fold::{fold, without_courtesy},
    grams::{AsIs, Gram, grams, letters},
    places::{Class, Name, names},
    vocabulary::Vocabulary,
};
use std::{
    collections::{HashMap, HashSet},
    hash::BuildHasherDefault,
};

/// Keys into the index that a text gets.
pub const KEYS: usize = 24;
/// So many grams are put into order by weight.
const HEAVIEST: usize = 200;
/// Names that are looked at.
const MOST_NAMES: usize = 24;
/// Names so near the beginning, in characters after the title, are what it is about.
const HEAD: usize = 40;
/// Grams of two, and of three characters.
const LENGTHS: [usize; 2] = [2, 3];

pub(crate) type Table<V> = HashMap<u32, V, BuildHasherDefault<AsIs>>;
pub(crate) type Set = HashSet<u32, BuildHasherDefault<AsIs>>;

/// What is compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Appeal<'a> {
    /// The ticket's number, as the store keys it; unique and growing.
    pub number: i64,
    /// When it was received, seconds since 1970.
    pub at: i64,
    /// Who speaks, as a hash; 0 where nobody is known.
    pub citizen: u64,
    /// The title, if the citizen gave one.
    pub title: &'a str,
    /// The words.
    pub text: &'a str,
}

/// A gram with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    /// 24 bits of its hash.
    pub gram: u32,
    /// How rare.
    pub rarity: f32,
    /// Rarity times how often.
    pub weight: f32,
    /// Part of a name.
    pub named: bool,
    /// Characters.
    pub length: u8,
}

/// A name with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighty {
    pub class: Class,
    /// 24 bits of its hash.
    pub core: u32,
    pub rarity: f32,
    pub head: bool,
}

/// An appeal taken apart.
#[derive(Debug, Clone, Default)]
pub struct Digest {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) citizen: u64,
    /// The [`HEAVIEST`] first, in their order.
    pub(crate) grams: Vec<Weighed>,
    /// Places in `grams`, by gram.
    pub(crate) table: Table<u32>,
    pub(crate) keys: Vec<(Gram, f32)>,
    /// Of the title: grams of two characters with their rarity.
    pub(crate) subject: Vec<(u32, f32)>,
    pub(crate) names: Vec<Weighty>,
    /// Cores of names of every class.
    pub(crate) cores: Set,
    /// Of the letters of the text.
    pub(crate) exact: u32,
    /// Of the numbers in title and text, in their order.
    pub(crate) numbers: u32,
    pub(crate) length: u32,
    pub(crate) norm: f32,
    pub(crate) mass: f32,
    pub(crate) plain_mass: f32,
    pub(crate) subject_mass: f32,
    pub(crate) all: Vec<Gram>,
}

/// 24 bits of a hash.
pub(crate) fn short(gram: Gram) -> u32 {
    gram.0 & 0x00ff_ffff
}

#[derive(Default, Clone, Copy)]
struct Seen {
    times: f32,
    length: u8,
}

impl Digest {
    /// Takes `appeal` apart, weighed by `vocabulary`.
    pub fn new(appeal: &Appeal<'_>, vocabulary: &Vocabulary) -> Self {
        // Without a title the first sentence stands for it.
        let title = if appeal.title.trim().is_empty() { first_sentence(appeal.text) } else { appeal.title };
        let (title, title_names) = part(title);
        let (text, text_names) = part(appeal.text);
        let (title_letters, text_letters) = (letters_of(&title), letters_of(&text));
        let letters = title_letters.len() + text_letters.len();
        let mut seen: Table<Seen> = Table::with_capacity_and_hasher(letters * LENGTHS.len(), Default::default());
        for length in LENGTHS {
            for (letters, times) in [(&title_letters, 2.0), (&text_letters, 1.0)] {
                for gram in grams(letters, length) {
                    let seen = seen.entry(gram.0).or_default();
                    (seen.times, seen.length) = (seen.times + times, length as u8);
                }
            }
        }
        let mut named = Set::default();
        mark(&title, &title_names, &mut named);
        mark(&text, &text_names, &mut named);
        let mut digest = Self {
            number: appeal.number,
            at: appeal.at,
            citizen: appeal.citizen,
            length: text_letters.len() as u32,
            ..Self::default()
        };
        digest.numbers = numbers(title.iter().chain(&[' ']).chain(&text));
        digest.exact =
            text_letters.iter().fold(0x811c_9dc5, |hash, letter| (hash ^ *letter as u32).wrapping_mul(0x0100_0193));
        digest.all = seen.keys().map(|gram| Gram(*gram)).collect();
        digest.grams = seen
            .iter()
            .map(|(gram, seen)| {
                let rarity = vocabulary.rarity(Gram(*gram));
                // Most are said once.
                let weight = if seen.times == 1.0 { rarity } else { rarity * (1.0 + seen.times.ln()) };
                Weighed { gram: *gram, rarity, weight, named: named.contains(gram), length: seen.length }
            })
            .collect();
        let heavier = |a: &Weighed, b: &Weighed| b.weight.total_cmp(&a.weight).then(a.gram.cmp(&b.gram));
        if digest.grams.len() > HEAVIEST {
            digest.grams.select_nth_unstable_by(HEAVIEST, heavier);
        }
        let heaviest = HEAVIEST.min(digest.grams.len());
        digest.grams[..heaviest].sort_unstable_by(heavier);
        let keys = digest.grams.iter().filter(|gram| gram.length == 3).take(KEYS);
        digest.keys = keys.map(|gram| (Gram(gram.gram), gram.rarity)).collect();
        digest.name(&title_names, &text_names, title.len(), vocabulary);
        let mut subject: Vec<Gram> = grams(&title_letters, 2).collect();
        subject.sort_unstable();
        subject.dedup();
        digest.subject = subject.iter().map(|gram| (short(*gram), vocabulary.rarity(*gram))).collect();
        digest.finish();
        digest
    }

    fn name(&mut self, title: &[Name], text: &[Name], title_length: usize, vocabulary: &Vocabulary) {
        let mut met = Set::default();
        let later = text.iter().map(|name| Name { at: name.at + title_length, end: name.end + title_length, ..*name });
        for name in title.iter().copied().chain(later) {
            self.cores.insert(short(name.core));
            if met.insert(name.core.0) && self.names.len() < MOST_NAMES {
                let head = name.at < title_length + HEAD;
                self.names.push(Weighty {
                    class: name.class,
                    core: short(name.core),
                    rarity: vocabulary.rarity(name.core),
                    head,
                });
            }
            if matches!(name.class, Class::Area | Class::Number) {
                self.all.push(name.core);
            }
        }
    }

    fn finish(&mut self) {
        self.table.reserve(self.grams.len());
        for (place, gram) in self.grams.iter_mut().enumerate() {
            gram.gram &= 0x00ff_ffff;
            self.table.entry(gram.gram).or_insert(place as u32);
        }
        self.norm = self.grams.iter().map(|gram| gram.weight * gram.weight).sum::<f32>().sqrt().max(1e-6);
        self.mass = self.grams.iter().map(|gram| gram.rarity).sum();
        self.plain_mass = self.grams.iter().filter(|gram| !gram.named).map(|gram| gram.rarity).sum();
        self.subject_mass = self.subject.iter().map(|(_, rarity)| rarity).sum();
    }

    /// The gram, if the text has it.
    pub(crate) fn get(&self, gram: u32) -> Option<&Weighed> {
        self.table.get(&gram).and_then(|place| self.grams.get(*place as usize))
    }

    /// All its grams, for the vocabulary.
    pub fn all(&self) -> impl Iterator<Item = Gram> + '_ {
        self.all.iter().copied()
    }

    /// Its keys into the index: the rarest n-grams, then the citizen.
    pub fn keys(&self) -> impl Iterator<Item = Gram> + '_ {
        let citizen = (self.citizen != 0).then(|| citizen_key(self.citizen));
        self.keys.iter().map(|(gram, _)| *gram).chain(citizen)
    }
}

/// A citizen as a key into the index.
pub(crate) fn citizen_key(citizen: u64) -> Gram {
    Gram((citizen ^ (citizen >> 32)) as u32)
}

fn first_sentence(text: &str) -> &str {
    let end = text.char_indices().skip(6).find(|(index, letter)| "。！？!?\n；;".contains(*letter) || *index > 120);
    text.get(..end.map_or(text.len(), |(index, _)| index)).unwrap_or(text)
}

/// The folded text without areas by code, and its names.
fn part(text: &str) -> (Vec<char>, Vec<Name>) {
    let folded: Vec<char> = without_courtesy(&fold(text)).chars().collect();
    names(&folded)
}

/// What is counted so says when and how often, not where.
const TIMES: &str = "年月日号点时分秒天周个次小回遍";

/// A hash of the numbers that may tell one place from another; 0 if there are none. 号 is a day's only after a month.
fn numbers<'a>(text: impl Iterator<Item = &'a char>) -> u32 {
    let text: Vec<char> = text.copied().collect();
    let (mut hash, mut at, mut date) = (0u32, 0, false);
    while let Some(letter) = text.get(at) {
        let length = text.iter().skip(at).take_while(|letter| letter.is_ascii_digit()).count();
        if length == 0 {
            date &= *letter == '月';
            at += 1;
            continue;
        }
        let unit = text.get(at + length).copied().unwrap_or(' ');
        let tells = if unit == '号' { !date } else { !TIMES.contains(unit) };
        if tells {
            let run = text.iter().skip(at).take(length).chain(&[' ']);
            hash = run.fold(hash | 1, |hash, letter| (hash ^ *letter as u32).wrapping_mul(0x0100_0193));
        }
        date = unit == '月';
        at += length;
    }
    hash
}

fn letters_of(text: &[char]) -> Vec<char> {
    letters(text.iter().copied())
}

/// Grams in and around a name.
fn mark(text: &[char], names: &[Name], named: &mut Set) {
    for name in names.iter().filter(|name| !matches!(name.class, Class::Area | Class::Number)) {
        let around = text.get(name.at.saturating_sub(2)..(name.at + 4).min(text.len())).unwrap_or_default();
        let around = letters(around.iter().copied());
        for length in LENGTHS {
            named.extend(grams(&around, length).map(|gram| gram.0));
        }
    }
}
