//! Character n-grams, as hashes.

use jiesu_folding::is_unified;

/// A hash of a few characters. The same for all versions and machines: it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gram(pub u32);

impl Gram {
    /// The gram of these characters.
    pub fn of(letters: &[char]) -> Self {
        let mut hash = 0x811c_9dc5_u32;
        for letter in letters {
            hash = (hash.rotate_left(5) ^ *letter as u32).wrapping_mul(0x9e37_79b1);
        }
        hash ^= hash >> 15;
        Self(hash.wrapping_mul(0x85eb_ca6b) ^ (hash >> 13))
    }
}

/// The letters of a folded text that grams are made of: no punctuation.
pub fn letters(text: impl Iterator<Item = char>) -> Vec<char> {
    text.filter(|letter| is_unified(*letter) || letter.is_alphanumeric()).collect()
}

/// All grams of `length`.
pub fn grams(letters: &[char], length: usize) -> impl Iterator<Item = Gram> {
    letters.windows(length).map(Gram::of)
}
