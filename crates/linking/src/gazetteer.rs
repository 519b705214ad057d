//! A city's places (地名库): what each is called, and what it lies in. Without one, names are told by their endings alone.
//!
//! Where a text says an alias it is read as the place's name, so that both compare as one. Each place that is said is a
//! name of its own, and what it lies in counts as an area.

use crate::{
    grams::Gram,
    places::{Class, Name, begins_with_ending, by_ending},
};
use jiesu_folding::{Letters, folded, without_courtesy};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

/// Letters of a name.
const SHORTEST: usize = 2;
const LONGEST: usize = 32;
/// Places of one text that are told.
pub(crate) const MOST: usize = 16;
/// Letters by which names that are written out may make a text longer.
const MOST_LONGER: usize = 1_000;

/// A place, as a city tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// What it is called.
    pub name: String,
    /// What else it is called.
    pub aliases: Vec<String>,
    /// The name of the place that it lies in.
    pub parent: Option<String>,
    /// What it is; by its name, unless given.
    pub kind: Option<Class>,
}

/// What is wrong with a place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadPlace {
    /// A name of no sensible length: the place's own, or one of its aliases.
    #[error("{0:?} has to be {SHORTEST} to {LONGEST} letters long, without words of courtesy")]
    Length(String),
    /// A name of two places.
    #[error("{0:?} is a name of {1:?} already; a name has to lead to one place, so leave out what two are called")]
    Taken(String, String),
    /// A parent that is no place.
    #[error("{0:?} is no place's name{1}")]
    NoParent(String, String),
    /// A place that lies in itself.
    #[error("{0}: a place cannot lie in itself")]
    Cycle(String),
}

/// Which part of a place is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// The alias at this place in the list.
    Alias(usize),
    /// Its parent.
    Parent,
}

/// Places, ready to be found in a text.
#[derive(Debug, Clone, Default)]
pub struct Gazetteer {
    firsts: Option<Letters>,
    /// By their first two letters, the longest first.
    names: HashMap<[char; 2], Vec<Form>>,
    known: Vec<Known>,
    fingerprint: u32,
}

/// A name as it is looked for.
#[derive(Debug, Clone)]
struct Form {
    letters: Vec<char>,
    /// The place of what it names.
    place: usize,
    /// It ends as names do.
    whole: bool,
}

impl Form {
    /// Whether a text begins with it. 阳光 is no name in 阳光大道, which is another one.
    fn begins(&self, text: &[char]) -> bool {
        let rest = text.strip_prefix(&self.letters[..]);
        rest.is_some_and(|rest| self.whole || !begins_with_ending(rest))
    }
}

#[derive(Debug, Clone)]
struct Known {
    /// Its main name, folded.
    name: Vec<char>,
    core: Gram,
    class: Class,
    parent: Option<usize>,
}

fn in_form(name: &str) -> Vec<char> {
    without_courtesy(&folded(name))
}

/// A gram of its own: no piece of a text has it.
fn core(name: &[char]) -> Gram {
    let marked: Vec<char> = std::iter::once('\u{0}').chain(name.iter().copied()).collect();
    Gram::of(&marked)
}

impl Gazetteer {
    /// Of places.
    ///
    /// # Errors
    /// All that is wrong, with the place of each.
    pub fn new(places: &[Place]) -> Result<Self, Vec<(usize, Part, BadPlace)>> {
        let mut faults = Vec::new();
        let mut taken: HashMap<Vec<char>, usize> = HashMap::new();
        // Main names first: an alias that is another's name is the alias's fault.
        let own = places.iter().enumerate().map(|(at, place)| (at, Part::Name, &place.name));
        let aliases = |(at, place): (usize, &'_ Place)| {
            place
                .aliases
                .iter()
                .cloned()
                .enumerate()
                .map(move |(number, alias)| (at, Part::Alias(number), alias))
                .collect::<Vec<_>>()
        };
        let aliases = places.iter().enumerate().flat_map(aliases);
        for (at, part, name) in own.map(|(at, part, name)| (at, part, name.clone())).chain(aliases) {
            let form = in_form(&name);
            if !(SHORTEST..=LONGEST).contains(&form.len()) {
                faults.push((at, part, BadPlace::Length(name)));
            } else if let Some(other) = taken.get(&form).and_then(|other| places.get(*other)) {
                faults.push((at, part, BadPlace::Taken(name, other.name.clone())));
            } else {
                taken.insert(form, at);
            }
        }
        let by_name: HashMap<&str, usize> =
            places.iter().enumerate().map(|(at, place)| (place.name.as_str(), at)).collect();
        for (at, place) in places.iter().enumerate() {
            let Some(parent) = &place.parent else { continue };
            if !by_name.contains_key(parent.as_str()) {
                let of = places.iter().find(|other| other.aliases.contains(parent));
                let hint = of.map_or("; add a table for it".to_owned(), |of| format!("; write {:?}", of.name));
                faults.push((at, Part::Parent, BadPlace::NoParent(parent.clone(), hint)));
            }
        }
        let parent = |at: usize| by_name.get(places.get(at)?.parent.as_deref()?).copied();
        faults.extend(cycles(places, parent));
        if !faults.is_empty() {
            return Err(faults);
        }
        let known = places.iter().enumerate().map(|(at, place)| {
            let name = in_form(&place.name);
            let class = place.kind.unwrap_or_else(|| by_ending(&name).unwrap_or(Class::Estate));
            Known { core: core(&name), name, class, parent: parent(at) }
        });
        let known: Vec<Known> = known.collect();
        let firsts = taken.keys().filter_map(|form| form.first().copied()).collect();
        let mut names: HashMap<[char; 2], Vec<Form>> = HashMap::new();
        let fingerprint = fingerprint(&taken, &known);
        for (form, at) in taken {
            if let [first, second, ..] = form[..] {
                let whole = by_ending(&form).is_some();
                names.entry([first, second]).or_default().push(Form { letters: form, place: at, whole });
            }
        }
        names.values_mut().for_each(|of| of.sort_by_key(|form| std::cmp::Reverse(form.letters.len())));
        Ok(Self { firsts: (!places.is_empty()).then_some(firsts), names, known, fingerprint })
    }

    /// Whether it knows no place.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many places it knows.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// A number that is another one when texts would be read in another way; 0 if it knows no place.
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// The place that a text begins with, of several the one with the longest name, and that name's length.
    pub(crate) fn first(&self, text: &[char]) -> Option<(usize, usize)> {
        let firsts = self.firsts.as_ref()?;
        let [first, second, ..] = *text else { return None };
        if !firsts.may_have(first) {
            return None;
        }
        let of = self.names.get(&[first, second])?;
        of.iter().find(|form| form.begins(text)).map(|form| (form.place, form.letters.len()))
    }

    /// Writes a place's name in the place of what a text says, and notes the place and what it lies in.
    pub(crate) fn tell(&self, place: usize, said: &[char], text: &mut Vec<char>, told: &mut Told) {
        let Some(known) = self.known.get(place) else { return };
        let at = text.len();
        let longer = known.name.len().saturating_sub(said.len());
        let name = if told.longer + longer <= MOST_LONGER { &known.name[..] } else { said };
        told.longer += longer;
        text.extend(name);
        let end = text.len();
        told.spans.push(at..end);
        if told.names.len() >= MOST || told.names.iter().any(|other| other.core == known.core) {
            return;
        }
        told.names.push(Name { class: known.class, core: known.core, at, end, known: true });
        // No place lies in itself, so this ends.
        let above = std::iter::successors(known.parent, |above| self.known.get(*above)?.parent);
        for above in above.filter_map(|above| self.known.get(above)) {
            let area = Name { class: Class::Area, core: above.core, at: end, end, known: true };
            if !told.areas.iter().any(|other| other.core == area.core) {
                told.areas.push(area);
            }
        }
    }
}

/// What was told of a text.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The places that it says, each once.
    pub names: Vec<Name>,
    /// Where it says them, in its order.
    pub spans: Vec<Range<usize>>,
    /// What they lie in, each once.
    pub areas: Vec<Name>,
    longer: usize,
}

/// The places that lie in themselves, each circle once.
fn cycles(places: &[Place], parent: impl Fn(usize) -> Option<usize>) -> Vec<(usize, Part, BadPlace)> {
    let mut faults = Vec::new();
    // The walk on which each was met.
    let mut met: Vec<usize> = vec![0; places.len()];
    for start in 0..places.len() {
        let (mut walk, mut at) = (Vec::new(), Some(start));
        while let Some(here) = at.filter(|here| met.get(*here) == Some(&0)) {
            met.iter_mut().skip(here).take(1).for_each(|met| *met = start + 1);
            walk.push(here);
            at = parent(here);
        }
        let Some(from) = at.and_then(|at| walk.iter().position(|other| *other == at)) else { continue };
        let circle = walk.iter().skip(from).chain(walk.get(from));
        let names: Vec<&str> = circle.filter_map(|at| Some(places.get(*at)?.name.as_str())).collect();
        faults.push((walk.get(from).copied().unwrap_or(start), Part::Parent, BadPlace::Cycle(names.join(" → "))));
    }
    faults
}

fn fingerprint(taken: &HashMap<Vec<char>, usize>, known: &[Known]) -> u32 {
    let core = |at: usize| known.get(at).map_or(0, |known| known.core.0);
    let sorted: BTreeMap<&Vec<char>, usize> = taken.iter().map(|(form, at)| (form, *at)).collect();
    let mut hash = 0x811c_9dc5_u32;
    let mut add = |value: u32| hash = (hash ^ value).wrapping_mul(0x0100_0193).rotate_left(5);
    for (form, at) in sorted {
        form.iter().for_each(|letter| add(*letter as u32));
        let Some(of) = known.get(at) else { continue };
        add(of.core.0);
        add(of.class as u32 + 1);
        add(of.parent.map_or(0, core));
    }
    if known.is_empty() { 0 } else { hash.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, aliases: &[&str], parent: &str) -> Place {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        Place { name: name.into(), aliases, parent: (!parent.is_empty()).then(|| parent.into()), kind: None }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let bad = [
            place("三明市", &["明"], "沙县"),
            place("沙县", &["沙县区"], "三明市"),
            place("阳光花园", &["沙县", "阳光"], "三明"),
            place("阳光小区", &["阳光"], "沙县区"),
            place("阳光花园", &[], "阳光花园"),
        ];
        let faults = Gazetteer::new(&bad).unwrap_err();
        let told: Vec<(usize, Part, String)> =
            faults.into_iter().map(|(at, part, fault)| (at, part, fault.to_string())).collect();
        let has = |at: usize, part: Part, word: &str| {
            assert!(told.iter().any(|fault| fault.0 == at && fault.1 == part && fault.2.contains(word)), "{told:?}");
        };
        has(0, Part::Alias(0), "2 to 32 letters");
        has(2, Part::Alias(0), "a name of \"沙县\" already");
        has(3, Part::Alias(0), "a name of \"阳光花园\" already");
        has(4, Part::Name, "a name of \"阳光花园\" already");
        has(2, Part::Parent, "add a table for it");
        has(3, Part::Parent, "write \"沙县\"");
        has(0, Part::Parent, "三明市 → 沙县 → 三明市");
        assert_eq!(told.iter().filter(|fault| fault.2.contains('→')).count(), 2, "each circle once: {told:?}");
    }

    #[test]
    fn the_fingerprint_is_that_of_what_it_says_whatever_the_order() {
        let of = |places: &[Place]| Gazetteer::new(places).unwrap().fingerprint();
        let (city, county) = (place("三明市", &[], ""), place("沙县", &["沙县区", "虬城"], "三明市"));
        let same = of(&[county.clone(), city.clone()]);
        assert_eq!(of(&[city.clone(), county]), same);
        for other in [place("沙县", &["沙县区"], "三明市"), place("沙县", &["沙县区", "虬城"], "")] {
            assert_ne!(of(&[city.clone(), other]), same);
        }
        assert_eq!((of(&[]), Gazetteer::default().is_empty()), (0, true));
    }

    #[test]
    fn an_alias_is_written_out_and_what_a_place_lies_in_is_an_area_that_is_named() {
        let city = [
            place("三明市", &[], ""),
            place("沙县", &[], "三明市"),
            place("阳光花园小区", &["阳光", "大坪安置房"], "沙县"),
        ];
        let gazetteer = Gazetteer::new(&city).unwrap();
        let text: Vec<char> = "新城的大坪安置房3栋漏水，阳光3栋也漏，阳光大道没事".chars().collect();
        let (told, names) = crate::places::names(&text, &gazetteer);
        assert_eq!(told.iter().collect::<String>(), "新城的阳光花园小区3栋漏水，阳光花园小区3栋也漏，阳光大道没事");
        let known: Vec<Class> = names.iter().filter(|name| name.known).map(|name| name.class).collect();
        assert_eq!(known, [Class::Estate, Class::Area, Class::Area], "once, and what it lies in");
        let others: Vec<Class> = names.iter().filter(|name| !name.known).map(|name| name.class).collect();
        assert_eq!(others, [Class::Number, Class::Number, Class::Road], "no piece of it is a name: {names:?}");
        let long: Vec<char> = "阳光".repeat(1_000).chars().collect();
        assert!(crate::places::names(&long, &gazetteer).0.len() <= 2_000 + MOST_LONGER);
    }
}
