//! All words of a policy, looked for in a text at once: a policy has hundreds, of which a text has a few.

use crate::ways::Word;
use jiesu_folding::Wordlist;
use std::collections::BTreeMap;

/// Of a text, so many characters are looked at.
const MOST: usize = 2_000;

/// The words, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lexicon {
    words: Wordlist,
    count: usize,
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
        let mut by_form: BTreeMap<String, Vec<&mut Word>> = BTreeMap::new();
        for word in words {
            by_form.entry(word.folded().to_owned()).or_default().push(word);
        }
        let words = by_form.keys().map(String::as_str).collect();
        let count = by_form.len();
        for (place, words) in by_form.into_values().enumerate() {
            words.into_iter().for_each(|word| word.put(place));
        }
        Self { words, count }
    }

    /// Those that a text has; of its parts in folded form, one sentence after the other.
    pub(crate) fn within(&self, parts: [&[char]; 3]) -> Found {
        let mut found = vec![0; self.count.div_ceil(64)];
        let mut text = parts.join(&'。');
        text.truncate(MOST);
        let mut rest = &text[..];
        while let Some((_, after)) = rest.split_first() {
            for (place, _) in self.words.here(rest) {
                found.get_mut(place / 64).into_iter().for_each(|bits| *bits |= 1 << (place % 64));
            }
            rest = after;
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
