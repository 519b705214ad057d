//! Training: from a labelled stream to a model.
//!
//! The stream is run through the very index that the line uses, so that the model learns from the pairs it will be asked
//! about. Near copies with their places exchanged are added as examples of what is not the same.

mod boost;
mod folds;
mod pairs;
mod swap;
mod topics;

pub use boost::{Direction, Settings, boost};
pub use folds::{Line, cross_validated};
pub use pairs::{Pair, Pairs, Sample};
pub use topics::topics;

use crate::{
    features::{FEATURES, PLACE_DIRECTIONS},
    forest::Forest,
    model::Model,
};

/// How much an example with exchanged places counts, beside a real pair: in the model, and in the one of places.
const SWAPPED: [f32; 2] = [0.01, 0.3];
/// At most so many pairs of one message count as if there were but these, so that one big incident does not rule.
const MOST_OF_ONE: f32 = 2.0;
/// Trees of two questions after each other: deeper ones learn the few citizens who write much by heart.
const MATTER: Settings = Settings { trees: 140, depth: 2, rate: 0.15, ridge: 4.0, least: 2.0 };
const PLACE: Settings = Settings { trees: 80, depth: 3, ..MATTER };
/// From this overlap on, see [`Model::near_copy`].
const NEAR_COPY: f32 = 0.12;

/// Learns a model from those pairs that `takes` names.
fn learn(pairs: &Pairs, trained_on: String, takes: impl Fn(&Pair) -> bool) -> Model {
    let directions: Vec<Direction> = FEATURES.iter().map(|(_, direction)| *direction).collect();
    let real: Vec<&Pair> = pairs.real.iter().filter(|pair| takes(pair)).collect();
    let swapped: Vec<&Pair> = pairs.swapped.iter().filter(|pair| takes(pair)).collect();
    let matter = {
        let all = || real.iter().chain(&swapped);
        let rows: Vec<Vec<f32>> = all().map(|pair| pair.features.matter.to_vec()).collect();
        let labels: Vec<bool> = all().map(|pair| pair.same).collect();
        let weight = |pair: &&&Pair| match (pair.swapped, pair.same) {
            (true, _) => SWAPPED[0],
            (_, true) => (MOST_OF_ONE / pair.siblings as f32).min(1.0),
            _ => 1.0,
        };
        let weights: Vec<f32> = all().map(|pair| weight(&pair)).collect();
        boost(&rows, &labels, &weights, &directions, MATTER)
    };
    let place = {
        let near = |pair: &&&Pair| {
            pair.features.matter[crate::features::at::OVERLAP] >= NEAR_COPY && (pair.same || pair.swapped)
        };
        let all: Vec<&&Pair> = real.iter().chain(&swapped).filter(near).collect();
        let rows: Vec<Vec<f32>> = all.iter().map(|pair| pair.features.place.to_vec()).collect();
        let labels: Vec<bool> = all.iter().map(|pair| pair.same).collect();
        let weight = |pair: &&&Pair| match pair.swapped {
            true => SWAPPED[1],
            false => (MOST_OF_ONE / pair.siblings as f32).clamp(0.3, 1.0),
        };
        let weights: Vec<f32> = all.iter().map(weight).collect();
        if rows.is_empty() { Forest::default() } else { boost(&rows, &labels, &weights, &PLACE_DIRECTIONS, PLACE) }
    };
    Model { near_copy: NEAR_COPY, ..Model::new(trained_on, pairs.topics.clone(), matter, place) }
}

/// Learns a model from all pairs.
pub fn train(pairs: &Pairs, trained_on: String) -> Model {
    learn(pairs, trained_on, |_| true)
}
