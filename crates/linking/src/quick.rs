//! The grams of an appeal for a quick look at many others: a table without a branch in its look-up.

use crate::{digest::Weighed, record::Glance};

/// Slots at most, a power of two: 32 kB.
const MOST: usize = 1 << 13;
/// Steps of a weight.
const STEPS: f32 = 512.0;

/// A weight in each slot, and eight bits of the gram it is of. Of two grams for one slot the heavier one is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quick(Vec<u32>);

impl Quick {
    /// Takes these grams in the place of those that it has.
    pub fn fill(&mut self, grams: &[Weighed]) {
        let Self(slots) = self;
        slots.clear();
        slots.resize((grams.len() * 8).next_power_of_two().min(MOST), 0);
        let mask = slots.len() - 1;
        for gram in grams {
            let weight = (gram.weight * STEPS).min(65_535.0) as u32;
            if let Some(slot) = slots.get_mut(gram.gram as usize & mask)
                && *slot & 0xffff < weight
            {
                *slot = gram.gram >> 16 << 16 | weight;
            }
        }
    }

    /// The cosine of its appeal, of this `norm`, and another: quickly told, and hardly ever a little wrong.
    pub fn nearness(&self, norm: f32, old: &Glance<'_>) -> f32 {
        let (mut dot, mut old_norm) = (0u64, 1u64);
        let Some(last) = self.0.len().checked_sub(1) else { return 0.0 };
        for (gram, weight) in old.grams() {
            old_norm += u64::from(weight) * u64::from(weight);
            // One in 256 of those that it has not is taken for another.
            let slot = self.0.get(gram as usize & last).copied().unwrap_or(0);
            let same = if slot >> 16 == gram >> 16 { slot & 0xffff } else { 0 };
            dot += u64::from(same * weight);
        }
        dot as f32 / ((old_norm as f32).sqrt() * norm * STEPS)
    }
}
