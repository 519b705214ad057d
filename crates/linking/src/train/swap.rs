//! The same text about another place: examples made of real texts.

use super::pairs::Sample;
use crate::{
    Gazetteer,
    places::{Class, area_codes, continues_name, names},
};
use jiesu_folding::fold;

/// Exchanges places in texts. The same stream, the same exchanges.
pub(super) struct Swapper {
    named: Vec<(Class, String)>,
    areas: Vec<String>,
    chance: u64,
}

/// What is exchanged.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Everything,
    Areas,
    FirstName,
}

impl Swapper {
    pub(super) fn new(stream: &[Sample]) -> Self {
        let named = stream.iter().flat_map(|sample| named(&fold(&sample.title))).collect();
        let mut areas: Vec<String> =
            stream.iter().flat_map(|sample| area_codes(&letters(&fold(&sample.title)))).collect();
        areas.sort_unstable();
        areas.dedup();
        Self { named, areas, chance: 42 }
    }

    /// The text with everything, with its areas, with its first name exchanged, where it has such.
    pub(super) fn swap(&mut self, sample: &Sample) -> Vec<(String, String)> {
        let ways = [What::Everything, What::Areas, What::FirstName];
        // Half of the stream is plenty.
        if self.draw(2) == 0 {
            return Vec::new();
        }
        ways.into_iter().filter_map(|what| self.swapped(sample, what)).collect()
    }

    fn swapped(&mut self, sample: &Sample, what: What) -> Option<(String, String)> {
        let (title, text) = (fold(&sample.title), fold(&sample.text));
        let (mut new_title, mut new_text) = (title.clone(), text.clone());
        let mut exchanged = false;
        let mut exchange = |old: &str, new: &str| {
            if old != new && (new_title.contains(old) || new_text.contains(old)) {
                (new_title, new_text) = (new_title.replace(old, new), new_text.replace(old, new));
                exchanged = true;
            }
        };
        if what != What::FirstName {
            // The city itself stays, unless everything goes.
            let small = |code: &String| what == What::Everything || code.chars().count() > 2;
            for code in area_codes(&letters(&format!("{title}，{text}"))).into_iter().filter(small) {
                let kind = code.chars().last();
                let others: Vec<&String> = self.areas.iter().filter(|area| area.chars().last() == kind).collect();
                if let Some(other) = others.get(draw(&mut self.chance, others.len())) {
                    exchange(&code, other);
                }
            }
        }
        if what != What::Areas {
            let most = if what == What::FirstName { 1 } else { 16 };
            for (class, name) in named(&format!("{title}。{text}")).into_iter().take(most) {
                let others: Vec<&(Class, String)> = self.named.iter().filter(|(other, _)| *other == class).collect();
                if let Some((_, other)) = others.get(draw(&mut self.chance, others.len())) {
                    exchange(&name, other);
                }
            }
        }
        exchanged.then_some((new_title, new_text))
    }

    fn draw(&mut self, below: usize) -> usize {
        draw(&mut self.chance, below)
    }
}

fn draw(chance: &mut u64, below: usize) -> usize {
    *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*chance >> 33) as usize % below.max(1)
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// The names in a text with up to two characters before their cores, each once.
fn named(folded: &str) -> Vec<(Class, String)> {
    let (text, found) = names(&letters(folded), &Gazetteer::default());
    let mut named = Vec::new();
    for name in found.into_iter().filter(|name| name.class.is_named()) {
        let before = text[..name.at].iter().rev().take(2).take_while(|letter| continues_name(**letter)).count();
        let words: String = text[name.at - before..name.end].iter().collect();
        if !named.iter().any(|(_, known)| *known == words) {
            named.push((name.class, words));
        }
    }
    named
}
