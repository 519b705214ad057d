//! A small hash table of numbers, made for one appeal and thrown away.

/// From a number to the place where something is kept of it: open addressing, never more than half full.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The key in the upper half, the place plus one in the lower; 0 where nothing is.
    slots: Vec<u64>,
    shift: u32,
}

impl Table {
    /// With room for so many numbers; more are not taken.
    pub fn with_room(numbers: usize) -> Self {
        let mut table = Self::default();
        table.make_room(numbers);
        table
    }

    /// Forgets what it has, and makes room for so many.
    pub(crate) fn make_room(&mut self, numbers: usize) {
        let slots = (numbers * 2).next_power_of_two().max(16);
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.shift = 32 - slots.trailing_zeros();
    }

    /// The place of `key`; its new place is `next` if it has none yet.
    pub fn place(&mut self, key: u32, next: usize) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.first(key);
        for _ in 0..=mask {
            let Some(slot) = self.slots.get_mut(at) else { break };
            match *slot {
                0 => {
                    *slot = u64::from(key) << 32 | (next as u64 + 1);
                    return next;
                }
                taken if (taken >> 32) as u32 == key => return (taken as u32 - 1) as usize,
                _ => at = (at + 1) & mask,
            }
        }
        next
    }

    /// The place of `key`, if it has one.
    pub fn get(&self, key: u32) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = self.first(key);
        loop {
            match *self.slots.get(at)? {
                0 => return None,
                taken if (taken >> 32) as u32 == key => return Some((taken as u32 - 1) as usize),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// What stands where `key` is looked for first: to read ahead what will be asked for.
    pub(crate) fn ahead(&self, key: u32) -> u64 {
        self.slots.get(self.first(key)).copied().unwrap_or(0)
    }

    fn first(&self, key: u32) -> usize {
        // An empty default has no slots, and finds none.
        key.wrapping_mul(0x9e37_79b1).wrapping_shr(self.shift) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_keeps_its_first_place() {
        let mut table = Table::with_room(1_000);
        for (next, key) in (0..1_000u32).map(|key| key * 65_536).enumerate() {
            assert_eq!(table.place(key, next), next);
            assert_eq!(table.place(key, 7_777), next);
        }
        let mut again = table.clone();
        again.make_room(3);
        assert_eq!((again.get(65_536 * 9), again.place(7, 2), again.get(7)), (None, 2, Some(2)));
        assert_eq!((table.get(65_536 * 9), table.get(1), Table::default().get(0)), (Some(9), None, None));
    }
}
