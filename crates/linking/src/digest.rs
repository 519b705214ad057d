//! An appeal taken apart: what it is compared by.

use crate::{
    again::said_again,
    gazetteer::{self, Gazetteer},
    grams::{Gram, grams, letters},
    numbers::{door, numbers},
    places::{Class, Name, names},
    quick::Quick,
    table::Table,
    topics::{Topic, Topics},
    vocabulary::{Vocabulary, logarithm},
};
use jiesu_folding::{folded, without_courtesy};

/// Keys into the index that a text gets.
pub const KEYS: usize = 24;
/// So many grams are put into order by weight.
const HEAVIEST: usize = 200;
/// Names that are looked at.
const MOST_NAMES: usize = 24;
/// Names so near the beginning, in characters after the title, are what it is about.
const HEAD: usize = 40;

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
#[derive(Debug, Clone, Copy, Default, PartialEq)]
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
    /// The gazetteer knows it.
    pub known: bool,
}

/// A gram of a title.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Subject {
    pub gram: u32,
    pub rarity: f32,
    /// Its place among all grams.
    pub place: usize,
    /// It is the core of a name.
    pub in_name: bool,
}

/// An appeal taken apart.
#[derive(Debug, Clone, Default)]
pub struct Digest {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) citizen: u64,
    /// As they come in the text, each once.
    pub(crate) grams: Vec<Weighed>,
    /// Places in `grams` of the [`HEAVIEST`], the heaviest first.
    heaviest: Vec<u32>,
    /// Places in `grams`, by gram.
    table: Table,
    pub(crate) keys: Vec<(Gram, f32)>,
    /// Of the title: grams of two characters, in the order of their hashes.
    pub(crate) subject: Vec<Subject>,
    pub(crate) names: Vec<Weighty>,
    /// Places in `grams` of the cores of `names`.
    names_at: Vec<usize>,
    /// Cores of names of every class.
    cores: Table,
    /// What a quick look compares with.
    pub(crate) quick: Quick,
    /// Of the letters of the text.
    pub(crate) exact: u32,
    /// Of the numbers in title and text, in their order.
    pub(crate) numbers: u32,
    /// The number of the first address in a street; 0 if there is none.
    pub(crate) door: u16,
    /// Words by which it comes back to something said before.
    pub(crate) again: u32,
    pub(crate) length: u32,
    pub(crate) norm: f32,
    pub(crate) mass: f32,
    pub(crate) plain_mass: f32,
    pub(crate) subject_mass: f32,
    /// What it is about.
    pub(crate) topic: Topic,
    /// The grams with all bits of their hashes; then areas and numbers.
    all: Vec<Gram>,
    /// Room to put grams into order.
    order: Vec<u64>,
}

/// 24 bits of a hash.
pub(crate) fn short(gram: Gram) -> u32 {
    gram.0 & 0x00ff_ffff
}

impl Digest {
    /// Takes `appeal` apart, weighed by `vocabulary`, and tells by `topics` what it is about. `places` are known.
    pub fn new(appeal: &Appeal<'_>, vocabulary: &Vocabulary, topics: &Topics, places: &Gazetteer) -> Self {
        Self::default().again(appeal, vocabulary, topics, places)
    }

    /// As [`Self::new`], in the room of a digest that is not needed any more.
    pub(crate) fn again(
        self,
        appeal: &Appeal<'_>,
        vocabulary: &Vocabulary,
        topics: &Topics,
        places: &Gazetteer,
    ) -> Self {
        // Without a title the first sentence stands for it.
        let title = if appeal.title.trim().is_empty() { first_sentence(appeal.text) } else { appeal.title };
        let (title, title_names) = part(title, places);
        let (text, text_names) = part(appeal.text, places);
        let (title_letters, text_letters) = (letters(&title), letters(&text));
        let mut digest = Self {
            number: appeal.number,
            at: appeal.at,
            citizen: appeal.citizen,
            length: text_letters.len() as u32,
            ..self.emptied()
        };
        digest.take_grams(&title_letters, &text_letters);
        digest.take_known(title_names.iter().chain(&text_names));
        digest.mark(&title, &title_names);
        digest.mark(&text, &text_names);
        digest.weigh(vocabulary);
        digest.topic = topics.of(&digest.grams);
        digest.name(&title_names, &text_names, title.len(), vocabulary);
        digest.numbers = numbers([&title, &text]);
        digest.again = (said_again(&title) | said_again(&text)).count_ones();
        digest.door = door(&title).or_else(|| door(&text)).unwrap_or(0);
        digest.exact =
            text_letters.iter().fold(0x811c_9dc5, |hash, letter| (hash ^ *letter as u32).wrapping_mul(0x0100_0193));
        let mut subject: Vec<Gram> = grams::<2>(&title_letters).collect();
        subject.sort_unstable();
        subject.dedup();
        for gram in subject {
            digest.subject.extend(digest.of_title(short(gram)));
        }
        digest.subject_mass = digest.subject.iter().map(|gram| gram.rarity).sum();
        digest.names_at.extend(digest.names.iter().map(|name| digest.table.get(name.core).unwrap_or(usize::MAX)));
        digest.quick.fill(&digest.grams);
        digest
    }

    /// Nothing but its room.
    fn emptied(self) -> Self {
        let Self { mut grams, mut heaviest, table, mut keys, mut subject, mut names, .. } = self;
        let Self { mut names_at, cores, quick, mut all, mut order, .. } = self;
        grams.clear();
        heaviest.clear();
        keys.clear();
        subject.clear();
        names.clear();
        names_at.clear();
        all.clear();
        order.clear();
        Self { grams, heaviest, table, keys, subject, names, names_at, cores, quick, all, order, ..Self::default() }
    }

    /// Each gram of two and of three characters once, with how often it is there; those of the title count twice.
    fn take_grams(&mut self, title: &[char], text: &[char]) {
        let most = (title.len() + text.len()) * 2 + 2 * gazetteer::MOST;
        self.table.make_room(most);
        self.grams.reserve(most);
        self.all.reserve(most);
        self.take::<2>(title, 2.0);
        self.take::<2>(text, 1.0);
        self.take::<3>(title, 2.0);
        self.take::<3>(text, 1.0);
    }

    fn take<const LENGTH: usize>(&mut self, letters: &[char], times: f32) {
        for gram in grams::<LENGTH>(letters) {
            let next = self.grams.len();
            let place = self.table.place(short(gram), next);
            if place == next {
                self.grams.push(Weighed { gram: short(gram), length: LENGTH as u8, ..Weighed::default() });
                self.all.push(gram);
            }
            if let Some(weighed) = self.grams.get_mut(place) {
                weighed.weight += times;
            }
        }
    }

    /// A known place is a gram of its own: it counts as what is said, and leads to others who say it.
    fn take_known<'a>(&mut self, names: impl Iterator<Item = &'a Name>) {
        for name in names.filter(|name| name.known && name.class != Class::Area) {
            let (gram, next) = (short(name.core), self.grams.len());
            if self.table.place(gram, next) == next {
                self.grams.push(Weighed { gram, length: 3, named: true, weight: 1.0, ..Weighed::default() });
                self.all.push(name.core);
            }
        }
    }

    /// Marks grams in and around a name.
    fn mark(&mut self, text: &[char], names: &[Name]) {
        for name in names.iter().filter(|name| !matches!(name.class, Class::Area | Class::Number)) {
            let span =
                if name.known { name.at..name.end } else { name.at.saturating_sub(2)..(name.at + 4).min(text.len()) };
            let around = text.get(span).unwrap_or_default();
            let around = letters(around);
            for gram in grams::<2>(&around).chain(grams::<3>(&around)) {
                if let Some(weighed) = self.table.get(short(gram)).and_then(|place| self.grams.get_mut(place)) {
                    weighed.named = true;
                }
            }
        }
    }

    /// Makes weights of how often each gram is there; sums them up, and finds the heaviest.
    fn weigh(&mut self, vocabulary: &Vocabulary) {
        let mut squares = 0.0;
        for (weighed, rarity) in self.grams.iter_mut().zip(vocabulary.rarities(&self.all)) {
            weighed.rarity = rarity;
            // Most are said once.
            let often = if weighed.weight == 1.0 { 1.0 } else { 1.0 + logarithm(weighed.weight as u16) };
            weighed.weight = rarity * often;
            squares += weighed.weight * weighed.weight;
            self.mass += rarity;
            self.plain_mass += if weighed.named { 0.0 } else { rarity };
        }
        self.norm = squares.sqrt().max(1e-6);
        // The heaviest first, of equals the one with the smaller hash: weights are not negative, so their bits are in order.
        let in_order = |weighed: &Weighed| u64::from(!weighed.weight.to_bits()) << 32 | u64::from(weighed.gram);
        self.order.extend(self.grams.iter().map(in_order));
        if self.order.len() > HEAVIEST {
            self.order.select_nth_unstable(HEAVIEST);
            self.order.truncate(HEAVIEST);
        }
        self.order.sort_unstable();
        let place = |gram: &u64| self.table.get(*gram as u32).map_or(u32::MAX, |place| place as u32);
        self.heaviest.extend(self.order.iter().map(place));
        let whole = |place: &u32| Some((self.grams.get(*place as usize)?, self.all.get(*place as usize)?));
        let longer = self.heaviest.iter().filter_map(whole).filter(|(weighed, _)| weighed.length == 3);
        self.keys.extend(longer.take(KEYS).map(|(weighed, gram)| (*gram, weighed.rarity)));
    }

    fn name(&mut self, title: &[Name], text: &[Name], title_length: usize, vocabulary: &Vocabulary) {
        self.cores.make_room(title.len() + text.len());
        let later = text.iter().map(|name| Name { at: name.at + title_length, end: name.end + title_length, ..*name });
        for (next, name) in title.iter().copied().chain(later).enumerate() {
            if self.cores.place(short(name.core), next) == next && self.names.len() < MOST_NAMES {
                let head = name.at < title_length + HEAD;
                self.names.push(Weighty {
                    class: name.class,
                    core: short(name.core),
                    rarity: vocabulary.rarity(name.core),
                    head,
                    known: name.known,
                });
            }
            if matches!(name.class, Class::Area | Class::Number) {
                self.all.push(name.core);
            }
        }
    }

    /// The gram and its place, if the text has it.
    pub(crate) fn find(&self, gram: u32) -> Option<(usize, &Weighed)> {
        let place = self.table.get(gram)?;
        Some((place, self.grams.get(place)?))
    }

    fn of_title(&self, gram: u32) -> Option<Subject> {
        let (place, weighed) = self.find(gram)?;
        Some(Subject { gram, rarity: weighed.rarity, place, in_name: self.names_it(gram) })
    }

    /// The place of the core of a name.
    pub(crate) fn name_at(&self, name: usize) -> usize {
        self.names_at.get(name).copied().unwrap_or(usize::MAX)
    }

    /// Whether a name with this core is in the text.
    pub(crate) fn names_it(&self, core: u32) -> bool {
        self.cores.get(core).is_some()
    }

    /// The [`HEAVIEST`] grams with their places, the heaviest first.
    pub(crate) fn heaviest(&self) -> impl Iterator<Item = (usize, &Weighed)> {
        let places = self.heaviest.iter().map(|place| *place as usize);
        places.filter_map(|place| Some((place, self.grams.get(place)?)))
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
fn part(text: &str, places: &Gazetteer) -> (Vec<char>, Vec<Name>) {
    names(&without_courtesy(&folded(text)), places)
}
