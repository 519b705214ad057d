//! Posting lists: which appeals have a key. Many keys share one bucket of postings, so that an appeal costs six bytes a key.
//!
//! A posting is the upper half of the key, its tag, and the appeal's place in the index, little endian; the lower half of the
//! key is the bucket. The newest are at the end. A bucket that has grown is parted by the tags, so that a look-up in a large
//! index reads hardly more than one in a small one. When it is parted is its home's affair, as long as it is before a part
//! would be cut down: what is found is the same.

use crate::grams::Gram;

/// Buckets in an index.
pub const BUCKETS: usize = 1 << 16;
/// Parts of a bucket that has grown, a power of two.
pub const PARTS: u16 = 8;
/// Bytes of a posting.
pub const POSTING: usize = 6;
/// Of one key, the newest so many are looked at and kept.
pub const NEWEST: usize = 64;
/// A part is cut down each time it comes to a multiple of so many postings, from the second on.
pub const STEP: usize = 64;
/// Postings that are left of a part when it is cut down, at most.
pub const MOST: usize = 1_024;

/// The bytes of a posting.
pub(crate) type Posting = [u8; POSTING];

/// The bucket and the tag of a key.
pub fn place(key: Gram) -> (u16, u16) {
    (key.0 as u16, (key.0 >> 16) as u16)
}

/// The part of a bucket that has a tag.
pub fn part(tag: u16) -> u16 {
    tag % PARTS
}

/// The posting of an appeal.
pub(crate) fn posting(tag: u16, id: u32) -> Posting {
    let ([a, b], [c, d, e, f]) = (tag.to_le_bytes(), id.to_le_bytes());
    [a, b, c, d, e, f]
}

/// The tag of a posting.
pub(crate) fn tag_of([a, b, ..]: Posting) -> u16 {
    u16::from_le_bytes([a, b])
}

/// Writes the newest appeals with this tag from `count` on, newest first, until `found` is full.
pub(crate) fn find(postings: &[Posting], tag: u16, found: &mut [u32], count: &mut usize) {
    for [a, b, id @ ..] in postings.iter().rev() {
        let Some(place) = found.get_mut(*count) else { return };
        // Without a branch: whether a tag is the right one cannot be foreseen.
        *place = u32::from_le_bytes(*id);
        *count += usize::from(u16::from_le_bytes([*a, *b]) == tag);
    }
}
