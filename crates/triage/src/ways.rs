//! The words of a rule, and the text that they are looked for in.

use crate::lexicon::Found;
use jiesu_folding::fold;
use serde::Deserialize;

/// A word of a rule. It is looked for in folded form, whatever the spelling in which the rule gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Word {
    said: String,
    folded: String,
    /// Its place in the policy's [`crate::lexicon::Lexicon`]; 0 before it has one.
    place: usize,
}

impl From<String> for Word {
    fn from(said: String) -> Self {
        Self { folded: fold(&said), said, place: 0 }
    }
}

impl Word {
    pub(crate) fn is_empty(&self) -> bool {
        self.folded.trim().is_empty()
    }

    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// Notes where the lexicon has it.
    pub(crate) fn put(&mut self, place: usize) {
        self.place = place;
    }

    pub(crate) fn is_in(&self, text: &Found) -> bool {
        text.has(self.place)
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

    pub(crate) fn words(&mut self) -> impl Iterator<Item = &mut Word> {
        self.0.iter_mut().flatten()
    }

    /// The words by which they are in the text, as the rule spells them.
    pub(crate) fn within<'a>(&'a self, text: &Found) -> Option<Vec<&'a str>> {
        let one_of = |words: &'a Vec<Word>| words.iter().find(|word| word.is_in(text)).map(|word| word.said.as_str());
        self.0.iter().map(one_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::Lexicon;
    use jiesu_folding::folded;

    #[test]
    fn a_word_is_found_however_the_rule_or_the_citizen_spells_it() {
        let text = folded("ＫＴＶ太吵，請處理");
        for (ways, found) in [
            ("ktv", Some(vec!["ktv"])),
            ("KTV+处理", Some(vec!["KTV", "处理"])),
            ("酒吧|ＫＴＶ+太吵|噪音", Some(vec!["ＫＴＶ", "太吵"])),
            ("處理", Some(vec!["處理"])),
            ("ktv+噪音", None),
        ] {
            let mut ways = Ways::from(ways.to_owned());
            let lexicon = Lexicon::of(ways.words());
            assert_eq!(ways.within(&lexicon.within([&text, &[], &[]])), found, "{ways:?}");
        }
    }

    #[test]
    fn every_way_is_a_word() {
        let empty = |ways: &str| Ways::from(ways.to_owned()).has_empty();
        assert!(["a+", "+a", "a|", "a||b", "|", "", "a+ |b"].into_iter().all(empty));
        assert!(!["a", "a+b", "a|b+c|d"].into_iter().any(empty));
    }
}
