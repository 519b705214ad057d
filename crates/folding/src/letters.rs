//! Sets and tables of characters, quickly asked: most characters of a text are in none.

/// Characters of the basic plane, a bit each: 8 kB.
#[derive(Debug, Clone)]
pub struct Letters(Box<[u64; 1_024]>);

impl FromIterator<char> for Letters {
    fn from_iter<T: IntoIterator<Item = char>>(letters: T) -> Self {
        let mut bits = Box::new([0; 1_024]);
        for letter in letters.into_iter().map(u32::from) {
            if let Some(word) = bits.get_mut(letter as usize / 64) {
                *word |= 1 << (letter % 64);
            }
        }
        Self(bits)
    }
}

impl Letters {
    /// Whether `letter` may be one of them: beyond the basic plane nothing is known.
    #[inline]
    pub fn may_have(&self, letter: char) -> bool {
        letter > '\u{ffff}' || self.has(letter)
    }

    /// Whether `letter` is one of them.
    #[inline]
    pub fn has(&self, letter: char) -> bool {
        let letter = u32::from(letter);
        self.0.get(letter as usize / 64).is_some_and(|word| word >> (letter % 64) & 1 != 0)
    }
}
