//! From what the index finds under an appeal's keys to the few records that it is compared with.

use crate::{
    decide::Linker,
    digest::Digest,
    home::Gathered,
    record::{Glance, Record},
    table::Table,
};

/// Candidates that are looked at, beside the citizen's own.
const MOST_CANDIDATES: usize = 32;
/// The citizen's own last ones.
const OWN_CANDIDATES: usize = 12;
/// Appeals with a lower cosine are never found to speak of the same.
const FAR: f32 = 0.05;
/// Of these, so many are compared thoroughly.
const MOST_COMPARED: usize = 8;

impl Linker {
    /// The places of the candidates, in the order of the index: those that have the rarest keys in common with the appeal.
    pub fn candidates(digest: &Digest, gathered: &Gathered) -> Vec<u32> {
        let keys = || gathered.keys().zip(&digest.keys).map(|(ids, (_, rarity))| (ids, *rarity));
        let sums = Sums::of(keys());
        let mut least = sums.least();
        let found = loop {
            let mut found = sums.of_those(keys(), least, gathered.found.len());
            found.retain(|(id, _)| *id != gathered.id);
            if found.len() > MOST_CANDIDATES {
                found.select_nth_unstable_by(MOST_CANDIDATES - 1, |a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
                found.truncate(MOST_CANDIDATES);
            }
            // All others have less than `least`: are these enough, and none of them has less than that?
            let last = found.get(MOST_CANDIDATES - 1).map_or(0.0, |(_, sum)| *sum);
            if least <= 1 || last * STEPS > f32::from(least) {
                break found;
            }
            least /= 2;
        };
        let own = gathered.keys().nth(digest.keys.len()).unwrap_or_default();
        let own = own.iter().filter(|id| **id != gathered.id).take(OWN_CANDIDATES).copied();
        let mut ids: Vec<u32> = found.iter().map(|(id, _)| *id).chain(own).collect();
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
        let near = |glance: &Glance<'_>| if same(glance) { f32::INFINITY } else { digest.quick.nearness(digest.norm, glance) };
        let known = records.filter_map(|bytes| Some((Record::glance(bytes)?, bytes)));
        let known = known.filter(|(glance, _)| of_time(glance));
        let mut known: Vec<(f32, i64, &[u8])> =
            known.map(|(glance, bytes)| (near(&glance), glance.number, bytes)).collect();
        // A stable sort: one that was put in again, because an operator knew better, is the last of its number.
        known.sort_by_key(|(_, number, _)| *number);
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

/// Cells of [`Sums`], a power of two.
const CELLS: usize = 1 << 13;
const SAMPLE: usize = 4;
/// Steps of a rarity there.
const STEPS: f32 = 2.0;

/// What the keys that an appeal has weigh together, or a little more: several appeals share a cell. In a large index common
/// keys find a thousand appeals; the few that have many of them are told from the others by it, and only these are counted.
struct Sums(Vec<u8>);

impl Sums {
    fn of<'a>(keys: impl Iterator<Item = (&'a [u32], f32)>) -> Self {
        let mut cells = vec![0u8; CELLS];
        for (ids, rarity) in keys {
            let rarity = (rarity * STEPS).ceil() as u8;
            for id in ids {
                if let Some(cell) = cells.get_mut(*id as usize % CELLS) {
                    *cell = cell.saturating_add(rarity);
                }
            }
        }
        Self(cells)
    }

    /// What those have that are likely to be among the heaviest.
    fn least(&self) -> u8 {
        let (sample, _) = self.0.split_at(CELLS / SAMPLE);
        let (mut low, mut high) = (1, u8::MAX);
        while low < high {
            let middle = high - (high - low) / 2;
            let (chunks, _) = sample.as_chunks::<128>();
            let have = |chunk: &[u8; 128]| chunk.iter().fold(0u8, |count, cell| count + u8::from(*cell >= middle));
            let enough = chunks.iter().map(|chunk| usize::from(have(chunk))).sum::<usize>() >= 2 * MOST_CANDIDATES / SAMPLE;
            (low, high) = if enough { (middle, high) } else { (low, middle - 1) };
        }
        low
    }

    /// The exact sums of those that have no less than `least` here.
    fn of_those<'a>(&self, keys: impl Iterator<Item = (&'a [u32], f32)>, least: u8, room: usize) -> Vec<(u32, f32)> {
        let (mut places, mut found) = (Table::with_room(room), Vec::<(u32, f32)>::new());
        for (ids, rarity) in keys {
            for id in ids.iter().filter(|id| self.0.get(**id as usize % CELLS).is_some_and(|cell| *cell >= least)) {
                let place = places.place(*id, found.len());
                match found.get_mut(place) {
                    Some((_, sum)) => *sum += rarity,
                    None => found.push((*id, rarity)),
                }
            }
        }
        found
    }
}
