//! How rare n-grams are: counted, in bounded memory.

use crate::grams::Gram;
use std::sync::LazyLock;

/// Cells of each of the two rows.
const CELLS: usize = 1 << 20;
/// After so many texts everything counts half, so that what is new in a city is learned and what is over forgotten.
const HALVE_AT: u32 = 120_000;

/// Of one more than each count up to these: most grams are rare, and a text has hundreds.
static LOGARITHMS: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..4_096u16).map(|count| (1.0 + f32::from(count)).ln()).collect());

/// A count of texts per n-gram (a count-min sketch of 4 MB): at most too high, hardly ever by much.
#[derive(Clone)]
pub struct Vocabulary {
    rows: [Vec<u16>; 2],
    texts: u32,
    /// The logarithm of one more than `texts`.
    log_texts: f32,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { rows: [vec![0; CELLS], vec![0; CELLS]], texts: 0, log_texts: 0.0 }
    }
}

fn cells(gram: Gram) -> [usize; 2] {
    let other = (u64::from(gram.0) ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    [gram.0 as usize % CELLS, other as usize % CELLS]
}

impl Vocabulary {
    fn count(&self, gram: Gram) -> u16 {
        let cells = cells(gram);
        self.rows.iter().zip(cells).map(|(row, cell)| row.get(cell).copied().unwrap_or(0)).min().unwrap_or(0)
    }

    /// How telling a gram is: the logarithm of how few texts have it.
    pub fn rarity(&self, gram: Gram) -> f32 {
        let count = self.count(gram);
        let of_count = LOGARITHMS.get(usize::from(count)).copied();
        (self.log_texts - of_count.unwrap_or_else(|| (1.0 + f32::from(count)).ln())).max(0.0)
    }

    /// Counts a text's grams, each once.
    pub fn learn(&mut self, grams: impl Iterator<Item = Gram>) {
        for gram in grams {
            self.add(gram, 1);
        }
        self.texts += 1;
        if self.texts >= HALVE_AT {
            self.texts /= 2;
            self.rows.iter_mut().flatten().for_each(|cell| *cell /= 2);
        }
        self.count_texts(self.texts);
    }

    fn count_texts(&mut self, texts: u32) {
        (self.texts, self.log_texts) = (texts, (texts as f32 + 1.0).ln());
    }

    fn add(&mut self, gram: Gram, count: u16) {
        for (row, cell) in self.rows.iter_mut().zip(cells(gram)) {
            if let Some(cell) = row.get_mut(cell) {
                *cell = cell.saturating_add(count);
            }
        }
    }

    /// Reads a stored vocabulary: `u32` texts, then (difference of hashes as LEB128, count as LEB128) per gram. What is
    /// broken off ends it.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut vocabulary = Self::default();
        let Some((texts, mut rest)) = bytes.split_first_chunk::<4>() else { return vocabulary };
        vocabulary.count_texts(u32::from_le_bytes(*texts).min(HALVE_AT / 2));
        let mut hash = 0u32;
        while let (Some(step), Some(count)) = (leb(&mut rest), leb(&mut rest)) {
            hash = hash.wrapping_add(step);
            vocabulary.add(Gram(hash), count.min(u32::from(u16::MAX)) as u16);
        }
        vocabulary
    }

    /// Writes what [`Self::from_bytes`] reads, of grams that `least` texts have.
    pub fn to_bytes(texts: u32, counts: &std::collections::BTreeMap<u32, u32>, least: u32) -> Vec<u8> {
        let mut bytes = texts.to_le_bytes().to_vec();
        let mut last = 0;
        for (hash, count) in counts.iter().filter(|(_, count)| **count >= least) {
            put_leb(&mut bytes, hash.wrapping_sub(last));
            put_leb(&mut bytes, *count);
            last = *hash;
        }
        bytes
    }
}

fn leb(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_leb(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_vocabulary_counts_as_the_one_that_was_written() {
        let counts = [(7u32, 40u32), (4_000_000_000, 3), (9, 1)].into();
        let read = Vocabulary::from_bytes(&Vocabulary::to_bytes(100, &counts, 2));
        assert_eq!((read.texts, read.count(Gram(7)), read.count(Gram(4_000_000_000))), (100, 40, 3));
        assert_eq!(read.count(Gram(9)), 0, "too rare to be kept");
        assert!(read.rarity(Gram(9)) > read.rarity(Gram(4_000_000_000)));
    }

    #[test]
    fn what_is_said_often_becomes_less_telling_and_old_texts_count_half() {
        let mut vocabulary = Vocabulary::default();
        for text in 0..HALVE_AT {
            vocabulary.learn([Gram(1), Gram(1_000 + text)].into_iter());
        }
        assert_eq!(vocabulary.texts, HALVE_AT / 2);
        assert!(vocabulary.rarity(Gram(1)) < 0.7, "in all of them, as far as the counter goes");
        assert!(vocabulary.rarity(Gram(5)) > 9.0);
    }
}
