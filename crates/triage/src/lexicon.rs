//! All words of a policy, looked for in a text at once: a policy has hundreds, of which a text has a few.

use crate::ways::Word;
use jiesu_folding::{Letters, begins};
use jiesu_linking::Table;
use std::collections::BTreeMap;

/// Of a text, so many characters are looked at.
const MOST: usize = 2_000;

/// The words, each once, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lexicon {
    /// What words begin with: a quick look.
    firsts: Option<Letters>,
    /// Where in `words` those begin that begin with a character.
    begin: Table,
    words: Vec<Vec<char>>,
}

// It follows from the words, which are compared with their rules.
impl PartialEq for Lexicon {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lexicon {}

/// Which words of a lexicon a text has: a bit each.
#[derive(Debug)]
pub(crate) struct Found(Vec<u64>);

impl Found {
    pub(crate) fn has(&self, word: usize) -> bool {
        self.0.get(word / 64).is_some_and(|bits| bits >> (word % 64) & 1 != 0)
    }
}

impl Lexicon {
    /// Of `words`, each of which learns its place.
    pub(crate) fn of<'a>(words: impl Iterator<Item = &'a mut Word>) -> Self {
        let mut by_form: BTreeMap<Vec<char>, Vec<&mut Word>> = BTreeMap::new();
        for word in words {
            by_form.entry(word.folded().chars().collect()).or_default().push(word);
        }
        let mut lexicon = Self { begin: Table::with_room(by_form.len()), ..Self::default() };
        for (place, (form, words)) in by_form.into_iter().enumerate() {
            words.into_iter().for_each(|word| word.put(place));
            if let Some(first) = form.first() {
                lexicon.begin.place(u32::from(*first), place);
            }
            lexicon.words.push(form);
        }
        lexicon.firsts = Some(lexicon.words.iter().filter_map(|form| form.first().copied()).collect());
        lexicon
    }

    /// Those that a text has; of its parts in folded form, one sentence after the other.
    pub(crate) fn within(&self, parts: [&[char]; 3]) -> Found {
        let mut found = vec![0; self.words.len().div_ceil(64)];
        let Some(firsts) = &self.firsts else { return Found(found) };
        let mut text = parts.join(&'。');
        text.truncate(MOST);
        for (at, letter) in text.iter().enumerate().filter(|(_, letter)| firsts.may_have(**letter)) {
            let (Some(begin), Some(rest)) = (self.begin.get(u32::from(*letter)), text.get(at..)) else { continue };
            let words = self.words.iter().enumerate().skip(begin);
            for (place, _) in
                words.take_while(|(_, word)| word.first() == Some(letter)).filter(|(_, word)| begins(rest, word))
            {
                found.get_mut(place / 64).into_iter().for_each(|bits| *bits |= 1 << (place % 64));
            }
        }
        Found(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_words_that_a_text_contains_and_no_others() {
        let said = ["路灯", "路", "路灯坏", "灯", "坏了。请", "井盖", "𠮷野", "路灯"];
        let mut words: Vec<Word> = said.iter().map(|word| (*word).to_owned().into()).collect();
        let lexicon = Lexicon::of(words.iter_mut());
        for text in [
            "路灯坏了",
            "灯",
            "井路",
            "在𠮷野家",
            "𠮷",
            "",
            &"长".repeat(1_999),
            &format!("{}井盖", "长".repeat(1_999)),
        ] {
            let letters: Vec<char> = text.chars().collect();
            let found = lexicon.within([&letters, &['请'], &[]]);
            let whole: String = format!("{text}。请。").chars().take(MOST).collect();
            for word in &words {
                assert_eq!(word.is_in(&found), whole.contains(word.folded()), "{} in {text}", word.folded());
            }
        }
    }
}
