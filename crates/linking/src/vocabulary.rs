//! How rare n-grams are: counted, in bounded memory.

use crate::grams::Gram;
use std::{hint::black_box, sync::LazyLock};

/// Blocks of cells: 4 MB.
const BLOCKS: usize = 1 << 16;
/// Cells of a block.
const CELLS: usize = 32;

/// After so many texts everything counts half, so that what is new in a city is learned and what is over forgotten.
const HALVE_AT: u32 = 120_000;

/// Of one more than each count up to these: most grams are rare, and a text has hundreds.
static LOGARITHMS: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..4_096u16).map(|count| (1.0 + f32::from(count)).ln()).collect());

/// The natural logarithm of a number from 1 on.
pub fn logarithm(number: u16) -> f32 {
    let known = number.checked_sub(1).and_then(|count| LOGARITHMS.get(usize::from(count)).copied());
    known.unwrap_or_else(|| f32::from(number.max(1)).ln())
}

/// The cells of many n-grams, in one line of the processor's cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block([u16; CELLS]);

/// A count of texts per n-gram: at most too high, hardly ever by much. A count-min sketch whose two cells for a gram lie
/// side by side: a text has hundreds of grams, and each would be two trips to memory.
#[derive(Clone)]
pub struct Vocabulary {
    blocks: Vec<Block>,
    texts: u32,
    /// The logarithm of one more than `texts`.
    log_texts: f32,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { blocks: vec![Block([0; CELLS]); BLOCKS], texts: 0, log_texts: 0.0 }
    }
}

/// The block of a gram, and its two cells there.
fn cells(gram: Gram) -> (usize, [usize; 2]) {
    let spread = (u64::from(gram.0) ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let first = (spread >> 43) as usize % CELLS;
    // Another one in any case: a step of 1 to 31.
    let step = 1 + (spread >> 32) as usize % (CELLS - 1);
    ((spread >> 48) as usize % BLOCKS, [first, (first + step) % CELLS])
}

impl Vocabulary {
    fn count(&self, gram: Gram) -> u16 {
        let (block, [a, b]) = cells(gram);
        let Some(Block(block)) = self.blocks.get(block) else { return 0 };
        let of = |cell: usize| block.get(cell).copied().unwrap_or(0);
        of(a).min(of(b))
    }

    /// How telling a gram is: the logarithm of how few texts have it.
    pub fn rarity(&self, gram: Gram) -> f32 {
        let count = self.count(gram);
        (self.log_texts - logarithm(count.saturating_add(1))).max(0.0)
    }

    /// As [`Self::rarity`], of many. Counts lie far apart in memory: asked for all at once, they come together instead of one
    /// after the other.
    pub fn rarities(&self, grams: &[Gram]) -> Vec<f32> {
        let first = |gram: &Gram| self.blocks.get(cells(*gram).0).map_or(0, |Block([first, ..])| *first);
        black_box(grams.iter().fold(0, |sum, gram| sum ^ first(gram)));
        let logarithms = &LOGARITHMS[..];
        let of = |count: u16| logarithms.get(usize::from(count)).copied();
        let of = |count: u16| of(count).unwrap_or_else(|| logarithm(count.saturating_add(1)));
        grams.iter().map(|gram| (self.log_texts - of(self.count(*gram))).max(0.0)).collect()
    }

    /// Counts a text's grams, each once.
    pub fn learn(&mut self, grams: impl Iterator<Item = Gram>) {
        for gram in grams {
            self.add(gram, 1);
        }
        self.texts += 1;
        if self.texts >= HALVE_AT {
            self.texts /= 2;
            self.blocks.iter_mut().flat_map(|Block(block)| block).for_each(|cell| *cell /= 2);
        }
        self.count_texts(self.texts);
    }

    fn count_texts(&mut self, texts: u32) {
        (self.texts, self.log_texts) = (texts, (texts as f32 + 1.0).ln());
    }

    fn add(&mut self, gram: Gram, count: u16) {
        let (block, cells) = cells(gram);
        let Some(Block(block)) = self.blocks.get_mut(block) else { return };
        for cell in cells {
            if let Some(cell) = block.get_mut(cell) {
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
