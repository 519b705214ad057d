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
    pub fn of(grams: &[Weighed]) -> Self {
        let mut slots = vec![0u32; (grams.len() * 8).next_power_of_two().min(MOST)];
        let mask = slots.len() - 1;
        for gram in grams {
            let weight = (gram.weight * STEPS).min(65_535.0) as u32;
            if let Some(slot) = slots.get_mut(gram.gram as usize & mask)
                && *slot & 0xffff < weight
            {
                *slot = gram.gram >> 16 << 16 | weight;
            }
        }
        Self(slots)
    }

    /// The cosine of its appeal, of this `norm`, and another: quickly told, and hardly ever a little wrong.
    pub fn nearness(&self, norm: f32, old: &Glance<'_>) -> f32 {
        let (mut dot, mut old_norm) = (0u64, 1u64);
        for (gram, weight) in old.grams() {
            old_norm += u64::from(weight) * u64::from(weight);
            dot += u64::from(self.weight(gram) * weight);
        }
        dot as f32 / ((old_norm as f32).sqrt() * norm * STEPS)
    }

    /// The weight of a gram of 24 bits; 0 if the appeal has it not. One in 256 of those it has not is taken for another.
    fn weight(&self, gram: u32) -> u32 {
        let slot = self.0.get(gram as usize & (self.0.len().wrapping_sub(1))).copied().unwrap_or(0);
        if slot >> 16 == gram >> 16 { slot & 0xffff } else { 0 }
    }
}
