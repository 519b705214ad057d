//! Character n-grams, as hashes.

use jiesu_folding::is_letter;

/// A hash of a few characters. The same for all versions and machines: it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gram(pub u32);

impl Gram {
    /// The gram of these characters.
    #[inline]
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
pub fn letters(text: &[char]) -> Vec<char> {
    let mut letters = Vec::with_capacity(text.len());
    letters.extend(text.iter().copied().filter(|letter| is_letter(*letter)));
    letters
}

/// All grams of `LENGTH` characters.
pub fn grams<const LENGTH: usize>(letters: &[char]) -> impl Iterator<Item = Gram> {
    letters.array_windows::<LENGTH>().map(|letters| Gram::of(letters))
}
