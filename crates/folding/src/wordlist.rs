//! Words that are looked for in texts, all at once: most characters of a text begin none of them.

use crate::letters::Letters;

/// Words to be looked for, each with its place in the list.
#[derive(Debug, Clone, Default)]
pub struct Wordlist {
    /// What words begin with: a quick look.
    firsts: Option<Letters>,
    /// The same in order, and where in `words` each one's are.
    begin: Vec<(char, usize)>,
    /// By what they begin with, of these the longest first.
    words: Vec<(Vec<char>, usize)>,
}

impl<'a> FromIterator<&'a str> for Wordlist {
    /// An empty word keeps its place, and is never found.
    fn from_iter<T: IntoIterator<Item = &'a str>>(words: T) -> Self {
        let words = words.into_iter().enumerate().map(|(place, word)| (word.chars().collect::<Vec<char>>(), place));
        let mut words: Vec<(Vec<char>, usize)> = words.filter(|(word, _)| !word.is_empty()).collect();
        words.sort_by_key(|(word, _)| (word.first().copied(), std::cmp::Reverse(word.len())));
        let firsts = words.iter().enumerate().filter_map(|(at, (word, _))| Some((*word.first()?, at)));
        let mut begin: Vec<(char, usize)> = firsts.collect();
        begin.dedup_by_key(|(first, _)| *first);
        Self { firsts: Some(begin.iter().map(|(first, _)| *first).collect()), begin, words }
    }
}

impl Wordlist {
    /// The words that a text begins with, the longest first: each one's place in the list, and its length.
    // Asked of every character of a text, where the answer is nearly always that there are none.
    #[inline]
    pub fn here<'a>(&'a self, text: &'a [char]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let may_begin = |first: &&char| self.firsts.as_ref().is_some_and(|firsts| firsts.may_have(**first));
        let words = text.first().filter(may_begin).map_or(&[][..], |first| self.of(*first));
        words.iter().filter(|(word, _)| begins(text, word)).map(|(word, place)| (*place, word.len()))
    }

    /// Those that begin with `first`.
    fn of(&self, first: char) -> &[(Vec<char>, usize)] {
        let Ok(at) = self.begin.binary_search_by_key(&first, |(first, _)| *first) else { return &[] };
        let border = |at: usize| self.begin.get(at).map_or(self.words.len(), |(_, border)| *border);
        self.words.get(border(at)..border(at + 1)).unwrap_or_default()
    }
}

/// As [`slice::starts_with`], told quickly of words that differ soon.
pub fn begins(text: &[char], word: &[char]) -> bool {
    text.len() >= word.len() && text.iter().zip(word).all(|(letter, of_word)| letter == of_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_all_words_that_begin_here_the_longest_first() {
        let words = ["路灯", "路", "", "灯", "路灯坏", "𠮷野", "路灯"];
        let list: Wordlist = words.into_iter().collect();
        for (text, found) in [
            ("路灯坏了", &[4, 0, 6, 1][..]),
            ("路口", &[1]),
            ("灯", &[3]),
            ("坏了", &[]),
            ("𠮷野家", &[5]),
            ("𠮷", &[]),
            ("", &[]),
        ] {
            let letters: Vec<char> = text.chars().collect();
            let here: Vec<usize> = list.here(&letters).map(|(place, _)| place).collect();
            assert_eq!(here, found, "{text}");
            assert!(list.here(&letters).all(|(place, length)| words[place].chars().count() == length));
        }
        assert_eq!(Wordlist::default().here(&['路']).count(), 0);
    }
}
