//! Postings in memory: buckets as chains of lines, each as large as a line of the processor's cache, all in a few large pieces
//! of memory. Nothing is moved when a bucket grows.

use crate::{
    postings::{BUCKETS, MOST, NEWEST, PARTS, Posting, STEP, find, part, posting, tag_of},
    table::Table,
};
use std::hint::black_box;

/// Postings of a line.
const LINE: usize = 10;
/// Postings of a bucket that needs no line yet.
const FEW: usize = 4;
/// A bucket of more postings is parted.
const WHOLE: usize = 64;
/// Lines, or short lists, that are made at once.
const AT_ONCE: usize = 1 << 10;

/// Where a bucket or a part is.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    /// Its newest line; its short list, if it has no more than [`FEW`]; its parts, if it has none itself any more.
    at: u32,
    len: u16,
    parted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    /// The one with the next older postings.
    before: u32,
    postings: [Posting; LINE],
}

/// Many of one size, and those of them that are free.
#[derive(Debug)]
struct Pieces<T> {
    blocks: Vec<Box<[T]>>,
    free: Vec<u32>,
}

impl<T> Default for Pieces<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: Vec::new() }
    }
}

impl<T: Copy + Default> Pieces<T> {
    fn get(&self, at: u32) -> Option<&T> {
        self.blocks.get(at as usize / AT_ONCE)?.get(at as usize % AT_ONCE)
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.blocks.get_mut(at as usize / AT_ONCE)?.get_mut(at as usize % AT_ONCE)
    }

    fn make(&mut self) -> u32 {
        if self.free.is_empty() {
            let first = self.blocks.len() * AT_ONCE;
            self.blocks.push(vec![T::default(); AT_ONCE].into());
            self.free.extend((first..first + AT_ONCE).rev().map(|at| at as u32));
        }
        self.free.pop().unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        self.blocks.len() * AT_ONCE * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

/// All buckets of an index.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Made for the first appeal.
    buckets: Vec<Chain>,
    parts: Pieces<[Chain; PARTS as usize]>,
    few: Pieces<[Posting; FEW]>,
    lines: Pieces<Line>,
}

/// How many postings the newest line of so many has.
fn in_newest(len: usize) -> usize {
    (len + LINE - 1) % LINE + 1
}

impl Shelf {
    fn chain(&self, (bucket, tag): (u16, u16)) -> Chain {
        let chain = self.buckets.get(usize::from(bucket)).copied().unwrap_or_default();
        if !chain.parted {
            return chain;
        }
        let parts = self.parts.get(chain.at);
        parts.and_then(|parts| parts.get(usize::from(part(tag)))).copied().unwrap_or_default()
    }

    /// Reads all that these keys will need. They are far apart in memory: asked for all at once, they come together instead of
    /// one after the other.
    pub fn reach(&self, keys: &[(u16, u16)]) {
        let mut chains: Vec<Chain> = keys.iter().map(|key| self.chain(*key)).collect();
        let few =
            chains.iter().filter(|chain| usize::from(chain.len) <= FEW).filter_map(|chain| self.few.get(chain.at));
        black_box(few.fold(0, |sum, [[byte, ..], ..]| sum ^ byte));
        chains.retain(|chain| usize::from(chain.len) > FEW);
        while !chains.is_empty() {
            for chain in &mut chains {
                chain.at = self.lines.get(chain.at).map_or(0, |line| line.before);
                chain.len = chain.len.saturating_sub(LINE as u16);
            }
            chains.retain(|chain| chain.len > 0);
        }
    }

    /// Writes the newest appeals that have a key, newest first, until `found` is full; counts them.
    pub fn find(&self, key: (u16, u16), found: &mut [u32], count: &mut usize) {
        self.each(self.chain(key), |postings| {
            find(postings, key.1, found, count);
            *count < found.len()
        });
    }

    /// Goes from the newest line to the oldest, as long as `more` is wanted.
    fn each(&self, chain: Chain, mut more: impl FnMut(&[Posting]) -> bool) {
        let len = usize::from(chain.len);
        if len <= FEW {
            _ = self.few.get(chain.at).and_then(|few| few.get(..len)).map(more);
            return;
        }
        let (mut at, mut left, mut here) = (chain.at, len, in_newest(len));
        while let Some((line, postings)) = self.lines.get(at).and_then(|line| Some((line, line.postings.get(..here)?)))
            && left > 0
            && more(postings)
        {
            (at, left, here) = (line.before, left - here, LINE);
        }
    }

    /// Adds a posting.
    pub fn push(&mut self, (bucket, tag): (u16, u16), id: u32) {
        self.buckets.resize(BUCKETS, Chain::default());
        let (bucket, posting) = (usize::from(bucket), posting(tag, id));
        let mut chain = self.buckets.get(bucket).copied().unwrap_or_default();
        if !chain.parted {
            self.add(&mut chain, posting);
            if usize::from(chain.len) > WHOLE {
                chain = self.part(chain);
            }
            self.buckets.get_mut(bucket).into_iter().for_each(|bucket| *bucket = chain);
            return;
        }
        let place = usize::from(part(tag));
        let mut of = self.parts.get(chain.at).and_then(|parts| parts.get(place)).copied().unwrap_or_default();
        self.add(&mut of, posting);
        let len = usize::from(of.len);
        if len % STEP == 0 && len > STEP {
            self.cut(&mut of);
        }
        self.parts.get_mut(chain.at).and_then(|parts| parts.get_mut(place)).into_iter().for_each(|part| *part = of);
    }

    fn add(&mut self, chain: &mut Chain, posting: Posting) {
        let len = usize::from(chain.len);
        chain.len += 1;
        if len < FEW {
            if len == 0 {
                chain.at = self.few.make();
            }
            self.few.get_mut(chain.at).and_then(|few| few.get_mut(len)).into_iter().for_each(|place| *place = posting);
            return;
        }
        if len == FEW {
            let (few, line) = (chain.at, self.lines.make());
            let moved = self.few.get(few).copied().unwrap_or_default();
            self.few.free.push(few);
            self.lines.get_mut(line).into_iter().for_each(|line| line.postings[..FEW].copy_from_slice(&moved));
            chain.at = line;
        } else if len % LINE == 0 {
            let (before, line) = (chain.at, self.lines.make());
            self.lines.get_mut(line).into_iter().for_each(|line| line.before = before);
            chain.at = line;
        }
        let place = self.lines.get_mut(chain.at).and_then(|line| line.postings.get_mut(len % LINE));
        place.into_iter().for_each(|place| *place = posting);
    }

    /// Takes a chain away; its postings, the newest first.
    fn take(&mut self, chain: Chain) -> Vec<Posting> {
        let mut all = Vec::with_capacity(chain.len.into());
        self.each(chain, |postings| {
            all.extend(postings.iter().rev());
            true
        });
        let (mut at, mut left) = (chain.at, usize::from(chain.len));
        if left <= FEW {
            self.few.free.push(at);
            return all;
        }
        while left > 0 {
            self.lines.free.push(at);
            (at, left) = (self.lines.get(at).map_or(0, |line| line.before), left - in_newest(left));
        }
        all
    }

    fn part(&mut self, chain: Chain) -> Chain {
        let mut parts = [Chain::default(); PARTS as usize];
        for posting in self.take(chain).into_iter().rev() {
            parts.get_mut(usize::from(part(tag_of(posting)))).into_iter().for_each(|part| self.add(part, posting));
        }
        let at = self.parts.make();
        self.parts.get_mut(at).into_iter().for_each(|place| *place = parts);
        Chain { at, len: 0, parted: true }
    }

    /// Cuts down to the newest of each tag, and of all.
    fn cut(&mut self, chain: &mut Chain) {
        let all = self.take(*chain);
        let (mut places, mut counts, mut kept) = (Table::with_room(all.len()), Vec::<usize>::new(), Vec::new());
        for posting in all {
            let place = places.place(tag_of(posting).into(), counts.len());
            counts.resize(counts.len().max(place + 1), 0);
            if let Some(count) = counts.get_mut(place)
                && *count < NEWEST
                && kept.len() < MOST
            {
                *count += 1;
                kept.push(posting);
            }
        }
        *chain = Chain::default();
        kept.into_iter().rev().for_each(|posting| self.add(chain, posting));
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<Chain>() + self.parts.bytes() + self.few.bytes() + self.lines.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(shelf: &Shelf, tag: u16) -> Vec<u32> {
        let (mut found, mut count) = (vec![0; NEWEST], 0);
        shelf.reach(&[(5, tag)]);
        shelf.find((5, tag), &mut found, &mut count);
        found.truncate(count);
        found
    }

    #[test]
    fn a_bucket_gives_the_newest_of_a_tag_and_stays_small_without_losing_the_rare() {
        let mut shelf = Shelf::default();
        shelf.push((5, 7), 1);
        (2..20_000).for_each(|id| shelf.push((5, 7 + PARTS), id));
        assert_eq!(shelf.lines.blocks.len(), 1);
        assert_eq!(newest(&shelf, 7), [1]);
        let common = newest(&shelf, 7 + PARTS);
        assert_eq!((common.len(), common[0], common[63]), (NEWEST, 19_999, 19_936));
    }

    #[test]
    fn a_bucket_of_many_tags_is_cut_down_to_the_newest() {
        let mut shelf = Shelf::default();
        (0..30_000).for_each(|id| shelf.push((5, (id % 8_192) as u16 * PARTS), id));
        assert_eq!(shelf.lines.blocks.len(), 1);
        assert!(newest(&shelf, 0).is_empty());
        assert_eq!(newest(&shelf, 29_500 % 8_192 * PARTS), [29_500]);
    }

    #[test]
    fn a_bucket_that_grows_and_is_parted_gives_what_its_bytes_gave() {
        let (mut shelf, mut postings) = (Shelf::default(), Vec::new());
        for id in 0..700u32 {
            let tag = (id * 7 % 13) as u16;
            shelf.push((5, tag), id);
            postings.push(posting(tag, id));
            for tag in 0..14 {
                let (mut found, mut count) = ([0; NEWEST], 0);
                find(&postings, tag, &mut found, &mut count);
                assert_eq!(newest(&shelf, tag), found[..count], "{tag} after {id}");
            }
        }
    }
}
