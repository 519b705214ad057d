//! From what the index finds under an appeal's keys to the few records that it is compared with.

use crate::{
    decide::Linker,
    digest::Digest,
    home::Gathered,
    record::{Glance, Record},
};

/// Candidates that are looked at, beside the citizen's own.
const MOST_CANDIDATES: usize = 24;
/// The citizen's own last ones.
const OWN_CANDIDATES: usize = 12;
/// Appeals with a lower cosine are never found to speak of the same.
const FAR: f32 = 0.05;
/// Of these, so many are compared thoroughly.
const MOST_COMPARED: usize = 8;

impl Linker {
    /// The places of the candidates, in the order of the index: those that have the rarest keys in common with the appeal.
    pub fn candidates(digest: &Digest, gathered: &Gathered) -> Vec<u32> {
        let mut sums = Sums::with_room(gathered.found.len());
        for (ids, (_, rarity)) in gathered.keys().zip(&digest.keys) {
            ids.iter().filter(|id| **id != gathered.id).for_each(|id| sums.add(*id, *rarity));
        }
        let mut found = sums.found();
        if let Some(others) = found.len().checked_sub(MOST_CANDIDATES).filter(|others| *others > 0) {
            found.select_nth_unstable(others);
            found.drain(..others);
        }
        let own = gathered.keys().nth(digest.keys.len()).unwrap_or_default();
        let own = own.iter().filter(|id| **id != gathered.id).take(OWN_CANDIDATES).copied();
        let mut ids: Vec<u32> = found.iter().map(|found| *found as u32).chain(own).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Those of the candidates' records, in the order of the index, that an appeal is compared with: what is too old is left
    /// out, of one appeal only what was put in last counts, and where there are many only the nearest are taken.
    pub fn nearest<'a>(digest: &Digest, window: i64, records: impl Iterator<Item = &'a [u8]>) -> Vec<Record> {
        let of_time = |glance: &Glance<'_>| glance.number != digest.number && digest.at - glance.at <= window;
        // A quick look at all, and a thorough one at those that have most in common.
        let same = |glance: &Glance<'_>| digest.citizen != 0 && glance.citizen == digest.citizen;
        let near =
            |glance: &Glance<'_>| if same(glance) { f32::INFINITY } else { digest.quick.nearness(digest.norm, glance) };
        let mut known: Vec<(f32, i64, &[u8])> = Vec::with_capacity(MOST_CANDIDATES + OWN_CANDIDATES);
        let glances = records.filter_map(|bytes| Some((Record::glance(bytes)?, bytes)));
        let glances = glances.filter(|(glance, _)| of_time(glance));
        known.extend(glances.map(|(glance, bytes)| (near(&glance), glance.number, bytes)));
        // A stable sort: one that was put in again, because an operator knew better, is the last of its number.
        if !known.is_sorted_by_key(|(_, number, _)| *number) {
            known.sort_by_key(|(_, number, _)| *number);
        }
        known.dedup_by(|later, kept| {
            let same = later.1 == kept.1;
            if same {
                *kept = *later;
            }
            same
        });
        known.retain(|(near, ..)| *near >= FAR);
        if known.len() > MOST_COMPARED {
            known.select_nth_unstable_by(MOST_COMPARED, |a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
            known.truncate(MOST_COMPARED);
            known.sort_unstable_by_key(|(_, number, _)| *number);
        }
        known.into_iter().filter_map(|(.., bytes)| Record::from_bytes(bytes)).collect()
    }
}

/// Sums by number: open addressing, never more than half full. Places in the index lie side by side, and need no hash.
struct Sums {
    /// The place in `found`; 0 where nothing is.
    slots: Vec<u32>,
    /// From the second on: the sum in the upper half, the number in the lower. Sums are not negative, so their bits are in
    /// order: the largest are the heaviest, of equals the newest.
    found: Vec<u64>,
    /// How many there are.
    count: usize,
}

impl Sums {
    fn with_room(numbers: usize) -> Self {
        Self { slots: vec![0; (numbers * 2).next_power_of_two()], found: vec![0; numbers + 1], count: 0 }
    }

    fn add(&mut self, number: u32, value: f32) {
        let mask = self.slots.len() - 1;
        let mut at = number as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            let known = self.found.get(*slot as usize).copied().unwrap_or(0);
            let is_new = *slot == 0;
            if !is_new & (known as u32 != number) {
                at = (at + 1) & mask;
                continue;
            }
            // Without a branch: whether it has come before cannot be foreseen. What is new begins at 0.
            self.count += usize::from(is_new);
            *slot = if is_new { self.count as u32 } else { *slot };
            let sum = if is_new { 0.0 } else { f32::from_bits((known >> 32) as u32) };
            if let Some(place) = self.found.get_mut(*slot as usize) {
                *place = u64::from((sum + value).to_bits()) << 32 | u64::from(number);
            }
            return;
        }
    }

    /// Sums and numbers.
    fn found(mut self) -> Vec<u64> {
        self.found.truncate(self.count + 1);
        self.found.swap_remove(0);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn sums_are_those_of_their_numbers() {
        let (mut sums, mut plain, mut dice) = (Sums::with_room(900), HashMap::<u32, f32>::new(), 7u32);
        for step in 0..900 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (number, value) = (dice >> 23, (step % 17) as f32 / 3.0);
            sums.add(number, value);
            *plain.entry(number).or_default() += value;
        }
        let found = sums.found().into_iter().map(|sum| (sum as u32, f32::from_bits((sum >> 32) as u32)));
        assert_eq!(found.collect::<HashMap<_, _>>(), plain);
        assert!(Sums::with_room(0).found().is_empty());
    }
}
