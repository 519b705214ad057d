//! Posting lists: which appeals have a key. Many keys share one bucket of bytes, so that an appeal costs six bytes a key.
//!
//! A posting is the upper half of the key and the appeal's place in the index, little endian; the lower half of the key is
//! the bucket. The newest are at the end.

use crate::grams::Gram;
use std::collections::HashMap;

/// Buckets in an index.
pub const BUCKETS: usize = 1 << 16;
/// Bytes of a posting.
pub const POSTING: usize = 6;
/// Of one key, the newest so many are looked at and kept.
pub const NEWEST: usize = 64;
/// A bucket of more bytes is cut down.
pub const MOST: usize = 2_048 * POSTING;

/// The bucket and the tag of a key.
pub fn place(key: Gram) -> (u16, u16) {
    (key.0 as u16, (key.0 >> 16) as u16)
}

/// The newest appeals with this tag in a bucket's bytes, newest first.
pub fn newest(bucket: &[u8], tag: u16) -> impl Iterator<Item = u32> + '_ {
    let (postings, _) = bucket.as_chunks::<POSTING>();
    let of_tag = postings.iter().rev().filter(move |[a, b, ..]| u16::from_le_bytes([*a, *b]) == tag);
    of_tag.map(|[_, _, id @ ..]| u32::from_le_bytes(*id)).take(NEWEST)
}

/// Postings that are looked at together.
const AT_ONCE: usize = 32;

/// A bucket in memory. Tags lie side by side: a look-up reads nothing else, many at once.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    tags: Vec<u16>,
    ids: Vec<u32>,
}

impl Bucket {
    /// How many postings.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// The newest posting, whatever its tag.
    pub fn last(&self) -> Option<u32> {
        Some(self.ids.last()? ^ u32::from(*self.tags.last()?))
    }

    /// As [`newest`].
    pub fn newest(&self, tag: u16) -> impl Iterator<Item = u32> {
        let chunks = self.tags.rchunks(AT_ONCE).zip(self.ids.rchunks(AT_ONCE));
        let there = move |(tags, _): &(&[u16], &[u32])| tags.iter().fold(false, |there, other| there | (*other == tag));
        let postings = chunks.filter(there).flat_map(|(tags, ids)| tags.iter().zip(ids).rev());
        postings.filter(move |(other, _)| **other == tag).map(|(_, id)| *id).take(NEWEST)
    }

    /// Adds a posting. More than [`MOST`] bytes are cut down to the newest of each tag, and to half of that if there are
    /// many tags.
    pub fn push(&mut self, tag: u16, id: u32) {
        if self.tags.capacity() == self.tags.len() {
            // Grows by a quarter, not to the double: there are many, and most are small.
            let more = (self.tags.len() / 4).max(2);
            self.tags.reserve_exact(more);
            self.ids.reserve_exact(more);
        }
        self.tags.push(tag);
        self.ids.push(id);
        if self.tags.len() > MOST / POSTING {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut counts: HashMap<u16, usize> = HashMap::new();
        let mut kept: Vec<(u16, u32)> = Vec::with_capacity(MOST / POSTING / 2);
        for (tag, id) in self.tags.iter().zip(&self.ids).rev() {
            let count = counts.entry(*tag).or_default();
            *count += 1;
            if *count <= NEWEST && kept.len() < MOST / POSTING / 2 {
                kept.push((*tag, *id));
            }
        }
        (self.tags, self.ids) = kept.into_iter().rev().unzip();
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.tags.capacity() * size_of::<u16>() + self.ids.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_the_newest_of_a_tag_and_stays_small_without_losing_the_rare() {
        let mut bucket = Bucket::default();
        bucket.push(7, 1);
        for id in 2..20_000 {
            bucket.push(9, id);
        }
        assert!(bucket.tags.len() <= MOST / POSTING, "{}", bucket.tags.len());
        assert_eq!(bucket.newest(7).collect::<Vec<_>>(), [1]);
        let common: Vec<u32> = bucket.newest(9).collect();
        assert_eq!((common.len(), common[0]), (NEWEST, 19_999));
    }

    #[test]
    fn a_bucket_in_memory_gives_what_its_bytes_give() {
        let (mut bucket, mut bytes) = (Bucket::default(), Vec::new());
        for id in 0..1_000u32 {
            let tag = (id * 7 % 13) as u16;
            bucket.push(tag, id);
            bytes.extend(tag.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        for tag in 0..14 {
            assert!(bucket.newest(tag).eq(newest(&bytes, tag)), "{tag}");
        }
    }
}
