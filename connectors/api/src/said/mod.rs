//! What a citizen may ask of the gateway in a word: progress (进度), haste (催办), taking it back (撤回), a score (满意).
//!
//! A keyword counts where it is the whole message but for small words around it (请, 我的投诉, 谢谢) and a ticket's number;
//! after a word for haste further words may follow, set off by a mark or a space. Everything else is an appeal: "撤销他的
//! 执照" must never take anything back, and "催办理由不清" is no request for haste. Traditional characters are as good as
//! simplified ones.

mod number;
#[cfg(test)]
mod tests;

use crate::{Intent, Words};
use jiesu_folding::{MOST, fold, folded, is_unified};
use std::{borrow::Cow, cell::OnceCell};

/// A word to the gateway is short: what is longer is an appeal, or what follows a word for haste.
const LONGEST: usize = 60;

/// A detail by itself, an address, is short; what is longer says what is the matter there, too.
const DETAIL: usize = 30;

/// Stands for what is not read any more of a text without end. No character, so no keyword has it.
const MORE: char = '\u{10ffff}';

/// The lists of words for scores, from 1 up.
const RATINGS: [&str; 5] =
    ["keywords.rating.1", "keywords.rating.2", "keywords.rating.3", "keywords.rating.4", "keywords.rating.5"];

/// What a message asks of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// How far is it?
    Progress {
        /// The ticket, if one was named.
        number: Option<String>,
    },
    /// [`Intent::Urge`] or [`Intent::Withdraw`].
    Act {
        /// Which.
        intent: Intent,
        /// The ticket, if one was named.
        number: Option<String>,
    },
}

/// What a citizen said in one message, to be asked whether it is a word to the gateway. It is folded once, for the first
/// question that its length does not answer.
pub struct Said<'a> {
    text: &'a str,
    words: &'a Words,
    /// The ticket's number in it, and the text without that.
    parted: OnceCell<Option<(String, String)>>,
    /// All of it, in plain form.
    whole: OnceCell<String>,
    /// The same without the number.
    rest: OnceCell<String>,
}

impl<'a> Said<'a> {
    /// Of `text`, where `words` are understood.
    pub fn new(text: &'a str, words: &'a Words) -> Self {
        Self { text, words, parted: OnceCell::new(), whole: OnceCell::new(), rest: OnceCell::new() }
    }

    /// What it asks, if it is no appeal.
    pub fn asks(&self) -> Option<Ask> {
        let (number, said) = (self.number().map(str::to_owned), self.rest());
        if said.is_empty() {
            return number.map(|number| Ask::Progress { number: Some(number) });
        }
        let lists = [
            ("keywords.progress", "keywords.asking", None),
            ("keywords.urge", "keywords.asking", Some(Intent::Urge)),
            // A question whether one could is not yet wish.
            ("keywords.withdraw", "", Some(Intent::Withdraw)),
        ];
        lists.into_iter().find_map(|(name, asking, intent)| {
            let around = [self.words.keywords("keywords.around"), self.words.keywords(asking)];
            let follow = name == "keywords.urge";
            is_only(said, self.words.keywords(name), around, follow).then(|| match intent {
                Some(intent) => Ask::Act { intent, number: number.clone() },
                None => Ask::Progress { number: number.clone() },
            })
        })
    }

    /// Whether it asks for haste by itself, though beside other words it would be part of an appeal: 请尽快处理.
    pub fn is_haste(&self) -> bool {
        let around = [self.words.keywords("keywords.around"), self.words.keywords("keywords.asking")];
        !self.is_beyond(LONGEST) && is_only(self.rest(), self.words.keywords("keywords.haste"), around, false)
    }

    /// Whether it says of itself that it adds to something said before: 补充：…, 具体地址是….
    pub fn is_more(&self) -> bool {
        let (said, around) = (self.rest(), [self.words.keywords("keywords.around"), &[]]);
        let short = said.chars().nth(DETAIL).is_none();
        let lists = ["keywords.supplement", "keywords.detail"].into_iter().take(1 + usize::from(short));
        lists.into_iter().map(|name| self.words.keywords(name)).any(|keywords| {
            // "…" behind a keyword: what follows need not be set off.
            let mut open = keywords.iter().filter_map(|word| word.strip_suffix("..."));
            open.any(|word| said.strip_prefix(word).is_some_and(|rest| !rest.is_empty()))
                || is_only(said, keywords, around, true) && !is_only(said, keywords, around, false)
        })
    }

    /// Whether it is nothing but a courtesy: 好的，谢谢.
    pub fn is_courtesy(&self) -> bool {
        let courtesies = self.words.keywords("keywords.courtesy");
        !self.is_beyond(LONGEST) && is_only(self.whole(), courtesies, [courtesies, &[]], false)
    }

    /// The score in it, if that is all that it is: a digit from 1 to 5, with 分 after it or without, or one of the words for a
    /// score (满意), after which further words may follow, set off by a mark or a space.
    pub fn rating(&self) -> Option<u8> {
        let said = self.whole();
        let around = [self.words.keywords("keywords.around"), &[]];
        let number = said.trim_end_matches(['分', '星']);
        let digit = (1..=5).find(|score| number == score.to_string());
        let mut lists = (1..=5).zip(RATINGS);
        digit.or_else(|| {
            lists.find(|(_, name)| is_only(said, self.words.keywords(name), around, true)).map(|(score, _)| score)
        })
    }

    /// Whether it speaks of something that must not wait (`keywords.urgent`), wherever in it.
    pub fn is_urgent(&self) -> bool {
        let folded = fold(self.text);
        self.words.keywords("keywords.urgent").iter().any(|word| folded.contains(word.as_str()))
    }

    /// Whether it only says that nothing more follows (`keywords.end`).
    pub fn is_end(&self) -> bool {
        let ends = self.words.keywords("keywords.end");
        let longest = ends.iter().map(|word| word.chars().count()).max().unwrap_or_default();
        !self.is_beyond(longest) && ends.iter().any(|word| word == self.whole())
    }

    /// The first ticket's number that it names.
    pub fn number(&self) -> Option<&str> {
        self.parted().map(|(number, _)| number)
    }

    fn parted(&self) -> Option<(&str, &str)> {
        let parted = self.parted.get_or_init(|| number::parted(self.text));
        parted.as_ref().map(|(number, rest)| (number.as_str(), rest.as_str()))
    }

    fn whole(&self) -> &str {
        self.whole.get_or_init(|| plain(self.text))
    }

    fn rest(&self) -> &str {
        match self.parted() {
            Some((_, rest)) => self.rest.get_or_init(|| plain(rest)),
            None => self.whole(),
        }
    }

    /// Whether its plain form has more than `most` characters, as far as that shows without folding: each of the ideographs
    /// that are written most stays one, and none of them is in a number.
    fn is_beyond(&self, most: usize) -> bool {
        self.text.chars().filter(|letter| is_unified(*letter)).nth(most).is_some()
    }
}

/// Whether `said` is one of `keywords` with nothing but small words `around` it; with `follow` anything may follow that is
/// set off.
fn is_only(said: &str, keywords: &[String], around: [&[String]; 2], follow: bool) -> bool {
    let mut rest = said.trim_start();
    if !follow && said.chars().nth(LONGEST).is_some() {
        return false;
    }
    loop {
        let mut afters = keywords.iter().filter_map(|word| rest.strip_prefix(word.as_str()));
        if afters.any(|after| is_small(after, around) || (follow && after.starts_with(' '))) {
            return true;
        }
        match small(rest, around) {
            Some(after) => rest = after.trim_start(),
            None => return false,
        }
    }
}

fn is_small(said: &str, around: [&[String]; 2]) -> bool {
    let mut rest = said.trim_start();
    while let Some(after) = small(rest, around) {
        rest = after.trim_start();
    }
    rest.is_empty()
}

/// What follows the longest small word at the beginning.
fn small<'a>(said: &'a str, around: [&[String]; 2]) -> Option<&'a str> {
    around.into_iter().flatten().filter_map(|word| said.strip_prefix(word.as_str())).min_by_key(|after| after.len())
}

/// In folded form, with one space for any marks and spaces. Of a text without end the beginning, and that there is more.
fn plain(text: &str) -> String {
    let read: Cow<'_, str> = match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}{MORE}", &text[..end]).into(),
        None => text.into(),
    };
    let mut said = String::new();
    for piece in read.split(is_mark).filter(|piece| !piece.is_empty()).map(folded).filter(|piece| !piece.is_empty()) {
        if !said.is_empty() {
            said.push(' ');
        }
        said.extend(piece);
    }
    said
}

fn is_mark(character: char) -> bool {
    character.is_whitespace()
        || character.is_ascii_punctuation()
        || "，。！？：；、～…“”‘’（）【】《》－—".contains(character)
}
