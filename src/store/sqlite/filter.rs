//! A Bloom filter: says of most of what is not there that it is not (B. H. Bloom, Communications of the ACM 13, 1970).

use std::hash::{DefaultHasher, Hasher};

/// Bits for each that there is room for: with [`PROBES`] one in four hundred is taken for one that is there.
const BITS: usize = 16;
const PROBES: u64 = 4;
/// Room at least.
const LEAST: usize = 16_384;

/// As long as it was not filled, anything may be there.
#[derive(Default)]
pub(super) struct Filter {
    filled: Option<Bits>,
    /// What was added while it is being filled.
    meanwhile: Option<Vec<u64>>,
}

struct Bits {
    words: Vec<u64>,
    holds: usize,
    room: usize,
}

impl Filter {
    /// What is kept of an entry.
    pub(super) fn mark(entry: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(entry.as_bytes());
        hasher.finish()
    }

    /// Whether it may be there.
    pub(super) fn may_have(&self, entry: &str) -> bool {
        self.filled.as_ref().is_none_or(|bits| bits.may_have(Self::mark(entry)))
    }

    pub(super) fn add(&mut self, entry: &str) {
        let mark = Self::mark(entry);
        self.filled.iter_mut().for_each(|bits| bits.add(mark));
        self.meanwhile.iter_mut().for_each(|marks| marks.push(mark));
    }

    /// Whether it wants to be filled, anew if it holds more than it has room for. What is added from now on is kept.
    pub(super) fn begin(&mut self) -> bool {
        let wanted = self.filled.as_ref().is_none_or(|bits| bits.holds > bits.room);
        if wanted {
            self.meanwhile = Some(Vec::new());
        }
        wanted
    }

    /// Fills it with what was there when it began, and with what was added since; there is room for as many again.
    pub(super) fn fill(&mut self, marks: &[u64]) {
        let meanwhile = self.meanwhile.take().unwrap_or_default();
        let room = (2 * (marks.len() + meanwhile.len())).max(LEAST);
        let mut bits = Bits { words: vec![0; room * BITS / 64], holds: 0, room };
        marks.iter().chain(&meanwhile).for_each(|mark| bits.add(*mark));
        self.filled = Some(bits);
    }
}

impl Bits {
    fn add(&mut self, mark: u64) {
        let count = self.words.len() as u64 * 64;
        for bit in places(mark, count) {
            self.words.get_mut(bit / 64).into_iter().for_each(|word| *word |= 1 << (bit % 64));
        }
        self.holds += 1;
    }

    fn may_have(&self, mark: u64) -> bool {
        let count = self.words.len() as u64 * 64;
        places(mark, count).all(|bit| self.words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1))
    }
}

/// Of two halves of one hash, as good as so many hashes (Kirsch and Mitzenmacher, 2006).
fn places(mark: u64, count: u64) -> impl Iterator<Item = usize> {
    let (from, step) = (mark >> 32, mark << 1 & 0xffff_ffff | 1);
    (0..PROBES).map(move |probe| ((from + probe * step) % count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_may_be_and_nearly_nothing_else() {
        let mut filter = Filter::default();
        assert!(filter.may_have("anything"), "nobody has looked");
        assert!(filter.begin());
        filter.add("meanwhile");
        let marks: Vec<u64> = (0..20_000).map(|at| Filter::mark(&format!("ap_{at:020x}"))).collect();
        filter.fill(&marks);
        assert!(!filter.begin());
        filter.add("later");
        assert!(["meanwhile", "later"].into_iter().all(|entry| filter.may_have(entry)));
        assert!((0..20_000).all(|at| filter.may_have(&format!("ap_{at:020x}"))));
        let wrong = (20_000..40_000).filter(|at| filter.may_have(&format!("ap_{at:020x}"))).count();
        assert!(wrong < 200, "{wrong} of 20,000 are taken for ones that are there");
        for at in 20_000..41_000 {
            filter.add(&format!("ap_{at:020x}"));
        }
        assert!(filter.begin(), "there is no room for so many");
    }
}
