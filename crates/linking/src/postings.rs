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

/// The bytes of a posting.
pub fn posting(tag: u16, id: u32) -> [u8; POSTING] {
    let ([a, b], [c, d, e, f]) = (tag.to_le_bytes(), id.to_le_bytes());
    [a, b, c, d, e, f]
}

fn read(posting: &[u8]) -> Option<(u16, u32)> {
    let (tag, id) = posting.split_first_chunk::<2>()?;
    Some((u16::from_le_bytes(*tag), u32::from_le_bytes(id.try_into().ok()?)))
}

/// The newest appeals with this tag, newest first.
pub fn newest(bucket: &[u8], tag: u16) -> impl Iterator<Item = u32> + '_ {
    let postings = bucket.chunks_exact(POSTING).rev().filter_map(read);
    postings.filter(move |(other, _)| *other == tag).map(|(_, id)| id).take(NEWEST)
}

/// Cuts a bucket of more than [`MOST`] bytes down to the newest of each tag, and to half of that if there are many tags.
pub fn cut(bucket: &mut Vec<u8>) {
    if bucket.len() <= MOST {
        return;
    }
    let mut counts: HashMap<u16, usize> = HashMap::new();
    let mut kept: Vec<&[u8]> = Vec::new();
    for posting in bucket.chunks_exact(POSTING).rev() {
        let Some((tag, _)) = read(posting) else { continue };
        let count = counts.entry(tag).or_default();
        *count += 1;
        if *count <= NEWEST && kept.len() < MOST / POSTING / 2 {
            kept.push(posting);
        }
    }
    kept.reverse();
    *bucket = kept.concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_the_newest_of_a_tag_and_stays_small_without_losing_the_rare() {
        let mut bucket = posting(7, 1).to_vec();
        for id in 2..20_000 {
            bucket.extend(posting(9, id));
            cut(&mut bucket);
        }
        assert!(bucket.len() <= MOST, "{}", bucket.len());
        assert_eq!(newest(&bucket, 7).collect::<Vec<_>>(), [1]);
        let common: Vec<u32> = newest(&bucket, 9).collect();
        assert_eq!((common.len(), common[0]), (NEWEST, 19_999));
    }
}
