//! Directions of grams, from texts without labels: the strongest singular vectors, by subspace iteration.

use crate::{
    digest::{Digest, Weighed},
    topics::{TOPIC, Topics, tells},
};
use std::collections::BTreeMap;

/// A gram that fewer texts have says too little.
const LEAST: usize = 40;
/// Rounds of the iteration.
const ROUNDS: usize = 8;

/// Learns from texts.
pub fn topics(texts: &[Digest]) -> Topics {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let told = |text: &Digest| text.grams.iter().filter(|gram| tells(gram)).copied().collect::<Vec<Weighed>>();
    texts.iter().flat_map(told).for_each(|gram| *counts.entry(gram.gram).or_default() += 1);
    // What every fourth text says tells nothing.
    let telling = counts.into_iter().filter(|(_, count)| *count >= LEAST && *count * 4 < texts.len());
    let places: BTreeMap<u32, usize> = telling.enumerate().map(|(place, (gram, _))| (gram, place)).collect();
    let rows: Vec<Vec<(usize, f32)>> = texts
        .iter()
        .map(|text| {
            let known = told(text).into_iter().filter_map(|gram| Some((*places.get(&gram.gram)?, gram.weight)));
            let mut row: Vec<(usize, f32)> = known.collect();
            let length = row.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(1e-6);
            row.iter_mut().for_each(|(_, weight)| *weight /= length);
            row
        })
        .collect();
    let mut dice = 9u64;
    let mut chance = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let mut vectors: Vec<Vec<f32>> = (0..TOPIC).map(|_| (0..places.len()).map(|_| chance()).collect()).collect();
    for _ in 0..ROUNDS {
        make_orthogonal(&mut vectors);
        vectors = vectors.iter().map(|vector| step(&rows, vector)).collect();
    }
    make_orthogonal(&mut vectors);
    Topics::new(places.into_iter().map(|(gram, place)| (gram, std::array::from_fn(|number| vectors[number][place]))))
}

/// The vector times the matrix times itself turned over.
fn step(rows: &[Vec<(usize, f32)>], vector: &[f32]) -> Vec<f32> {
    let mut next = vec![0.0; vector.len()];
    for row in rows {
        let dot: f32 = row.iter().map(|(place, weight)| weight * vector[*place]).sum();
        row.iter().for_each(|(place, weight)| next[*place] += weight * dot);
    }
    next
}

/// Gram and Schmidt.
fn make_orthogonal(vectors: &mut [Vec<f32>]) {
    for place in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(place);
        let Some(vector) = rest.first_mut() else { continue };
        for other in before {
            let dot: f32 = other.iter().zip(&*vector).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(&*other).for_each(|(value, other)| *value -= dot * other);
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
        vector.iter_mut().for_each(|value| *value /= length);
    }
}
