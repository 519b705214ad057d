//! The words of a rule, and the text that they are looked for in.

use jiesu_folding::{Letters, fold};
use serde::Deserialize;

/// Of a text, so many characters are looked at.
const MOST: usize = 2_000;

/// A word of a rule. It is looked for in folded form, whatever the spelling in which the rule gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Word {
    said: String,
    folded: String,
}

impl From<String> for Word {
    fn from(said: String) -> Self {
        Self { folded: fold(&said), said }
    }
}

impl Word {
    pub(crate) fn is_empty(&self) -> bool {
        self.folded.trim().is_empty()
    }
}

/// Words of which one is enough, and others of which one has to be there, too: `a`, `a+b`, `a|b+c|d`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Ways(Vec<Vec<Word>>);

impl From<String> for Ways {
    fn from(said: String) -> Self {
        let one_of = |part: &str| part.split('|').map(|word| word.to_owned().into()).collect();
        Self(said.split('+').map(one_of).collect())
    }
}

impl Ways {
    pub(crate) fn has_empty(&self) -> bool {
        self.0.iter().flatten().any(Word::is_empty)
    }

    /// The words by which they are in the text, as the rule spells them.
    pub(crate) fn within<'a>(&'a self, text: &Folded) -> Option<Vec<&'a str>> {
        let one_of = |words: &'a Vec<Word>| words.iter().find(|word| text.has(word)).map(|word| word.said.as_str());
        self.0.iter().map(one_of).collect()
    }
}

/// A folded text that is asked for hundreds of words, few of which are there.
pub(crate) struct Folded {
    text: String,
    letters: Letters,
}

impl Folded {
    /// Of parts in folded form, one sentence after the other.
    pub(crate) fn of(parts: [&str; 3]) -> Self {
        let mut text = parts.join("。");
        if let Some((end, _)) = text.char_indices().nth(MOST) {
            text.truncate(end);
        }
        Self { letters: text.chars().collect(), text }
    }

    pub(crate) fn has(&self, word: &Word) -> bool {
        word.folded.chars().all(|letter| self.letters.may_have(letter)) && self.text.contains(&word.folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_the_rule_or_the_citizen_spells_it() {
        let text = Folded::of(["", &fold("ＫＴＶ太吵，請處理"), ""]);
        for (ways, found) in [
            ("ktv", Some(vec!["ktv"])),
            ("KTV+处理", Some(vec!["KTV", "处理"])),
            ("酒吧|ＫＴＶ+太吵|噪音", Some(vec!["ＫＴＶ", "太吵"])),
            ("處理", Some(vec!["處理"])),
            ("ktv+噪音", None),
        ] {
            assert_eq!(Ways::from(ways.to_owned()).within(&text), found, "{ways}");
        }
    }

    #[test]
    fn every_way_is_a_word() {
        let empty = |ways: &str| Ways::from(ways.to_owned()).has_empty();
        assert!(["a+", "+a", "a|", "a||b", "|", "", "a+ |b"].into_iter().all(empty));
        assert!(!["a", "a+b", "a|b+c|d"].into_iter().any(empty));
    }
}
