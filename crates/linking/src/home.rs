//! The index in this process, and what any home of it offers.

use crate::{
    postings::{NEWEST, POSTING, find},
    record::{PLACED_AT, Record},
    shelf::Shelf,
};
use std::{collections::VecDeque, hint::black_box};

/// What an index has under the keys of an appeal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    /// The place in the index that the appeal got.
    pub id: u32,
    /// The newest appeals that had the appeal's keys before: key after key, newest first.
    pub found: Vec<u32>,
    /// Where in `found` each key's end.
    pub ends: Vec<usize>,
}

impl Gathered {
    /// Adds what a bucket's bytes have under one more key.
    pub fn add(&mut self, bucket: &[u8], tag: u16) {
        self.add_key(|found, count| find(bucket.as_chunks::<POSTING>().0, tag, found, count));
    }

    /// Adds what `find` writes, and counts, into room for the newest of a key.
    fn add_key(&mut self, find: impl FnOnce(&mut [u32], &mut usize)) {
        let (from, mut count) = (self.found.len(), 0);
        self.found.resize(from + NEWEST, 0);
        find(self.found.get_mut(from..).unwrap_or_default(), &mut count);
        self.found.truncate(from + count);
        self.ends.push(self.found.len());
    }

    /// Key by key.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u32]> {
        let from = std::iter::once(0).chain(self.ends.iter().copied());
        from.zip(&self.ends).map(|(from, to)| self.found.get(from..*to).unwrap_or_default())
    }
}

/// Where an appeal belongs, found after it was put into the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its place in the index.
    pub id: u32,
    /// The ticket it counts to.
    pub ticket: i64,
    /// The first ticket of its incident.
    pub root: i64,
}

/// The index in memory: some 600 to 700 bytes an appeal, once there are many.
#[derive(Debug, Default)]
pub struct MemoryHome {
    postings: Shelf,
    /// From the oldest that is kept on.
    records: VecDeque<(i64, Box<[u8]>)>,
    /// Those that were let go.
    gone: u32,
}

impl MemoryHome {
    /// Puts an appeal into the index, and tells what it had under the appeal's keys.
    pub fn gather(&mut self, keys: &[(u16, u16)], at: i64, record: &[u8]) -> Gathered {
        let id = self.first().wrapping_add(self.records.len() as u32);
        self.records.push_back((at, record.into()));
        self.postings.reach(keys);
        let mut gathered = Gathered { id, ..Gathered::default() };
        gathered.found.reserve(keys.len() * NEWEST);
        for key in keys {
            gathered.add_key(|found, count| self.postings.find(*key, found, count));
            self.postings.push(*key, id);
        }
        gathered
    }

    /// The place of the oldest that is kept.
    fn first(&self) -> u32 {
        self.gone.wrapping_add(1)
    }

    /// The bytes of the records at these places, where there still are such.
    pub fn records<'a>(&'a self, ids: &'a [u32]) -> impl Iterator<Item = &'a [u8]> {
        let records = move || ids.iter().filter_map(|id| self.records.get(self.index(*id)?).map(|(_, bytes)| &**bytes));
        // Far apart in memory: asked for all at once, they come together instead of one after the other.
        let lines = records().flat_map(|bytes| bytes.iter().step_by(64).take(4));
        black_box(lines.fold(0, |sum, byte| sum ^ byte));
        records()
    }

    /// Notes where an appeal belongs.
    pub fn place(&mut self, placed: Placed) {
        let bytes = Record::placed(placed.ticket, placed.root);
        let Some((_, record)) = self.index(placed.id).and_then(|index| self.records.get_mut(index)) else { return };
        if let Some(place) = record.get_mut(PLACED_AT..PLACED_AT + bytes.len()) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Forgets what was received before `at`, seconds since 1970.
    pub fn forget(&mut self, at: i64) {
        while self.records.front().is_some_and(|(received, _)| *received < at) {
            self.records.pop_front();
            self.gone = self.gone.wrapping_add(1);
        }
    }

    /// How many appeals it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        let records: usize = self.records.iter().map(|(_, record)| record.len()).sum();
        records + self.records.capacity() * size_of::<(i64, Box<[u8]>)>() + self.postings.bytes()
    }

    fn index(&self, id: u32) -> Option<usize> {
        let index = id.wrapping_sub(self.first()) as usize;
        (index < self.records.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appeal_takes_less_than_a_kilobyte() {
        let (mut home, mut dice) = (MemoryHome::default(), 7u64);
        for at in 0..12_000 {
            let keys: Vec<(u16, u16)> = (0..25)
                .map(|_| {
                    dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    ((dice >> 48) as u16, (dice >> 32) as u16)
                })
                .collect();
            home.gather(&keys, at, &[0; 450]);
        }
        assert!(home.bytes() / home.len() < 1_000, "{}", home.bytes() / home.len());
    }
}
