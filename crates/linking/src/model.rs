//! The model: what the training command wrote, and what the line decides by.

use crate::{
    features::{FEATURES, Features, at},
    forest::Forest,
    topics::Topics,
};
use serde::{Deserialize, Serialize};

/// The version of the file's form.
const VERSION: u32 = 3;

/// What is left of a score where both are known to speak of different places.
const APART: f32 = 0.2;

/// From which score on what is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Linked.
    pub auto: f32,
    /// A person is asked.
    pub ask: f32,
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Of the file's form.
    pub version: u32,
    /// What it was trained on, in words.
    pub trained_on: String,
    /// The numbers it asks for, in their order.
    pub features: Vec<String>,
    /// For appeals of the same citizen.
    pub same_citizen: Limits,
    /// For appeals of different citizens.
    pub others: Limits,
    /// From this overlap on, two texts of different citizens are near copies, and the place must be the same too.
    pub near_copy: f32,
    /// What texts are about.
    #[serde(default)]
    pub topics: Topics,
    /// Do they speak of the same matter?
    pub matter: Forest,
    /// Do near copies speak of the same place?
    pub place: Forest,
}

/// The file is no model of this version.
#[derive(Debug, thiserror::Error)]
pub enum BadModel {
    /// Its form.
    #[error("no model: {0}")]
    Form(#[from] serde_json::Error),
    /// Its version, or its numbers.
    #[error("a model of another version of the gateway; train one with this version (jiesu train repeats)")]
    Other,
}

impl Model {
    /// An empty model of this version.
    pub fn new(trained_on: String, topics: Topics, matter: Forest, place: Forest) -> Self {
        Self {
            version: VERSION,
            trained_on,
            features: FEATURES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            same_citizen: Limits { auto: 0.22, ask: 0.15 },
            others: Limits { auto: 0.67, ask: 0.53 },
            near_copy: 0.2,
            topics,
            matter,
            place,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BadModel`]
    pub fn parse(text: &str) -> Result<Self, BadModel> {
        let model: Self = serde_json::from_str(text)?;
        let known = model.features.iter().map(String::as_str).eq(FEATURES.iter().map(|(name, _)| *name));
        if model.version == VERSION && known { Ok(model) } else { Err(BadModel::Other) }
    }

    /// From 0 to 1: how likely it is that they speak of the same matter.
    pub fn score(&self, features: &Features) -> f32 {
        self.scores(std::slice::from_ref(features)).first().copied().unwrap_or(0.0)
    }

    /// As [`Self::score`], of each.
    pub fn scores(&self, all: &[Features]) -> Vec<f32> {
        let rows: Vec<&[f32]> = all.iter().map(|features| &features.matter[..]).collect();
        let mut scores = self.matter.scores(&rows);
        let asks = |features: &Features| {
            let value = |place: usize| features.matter.get(place).copied().unwrap_or(0.0);
            value(at::SAME_CITIZEN) <= 0.5 && value(at::OVERLAP) >= self.near_copy
        };
        let copies: Vec<usize> =
            all.iter().enumerate().filter(|(_, features)| asks(features)).map(|(at, _)| at).collect();
        let rows: Vec<&[f32]> =
            copies.iter().filter_map(|at| all.get(*at)).map(|features| &features.place[..]).collect();
        all.iter().zip(&mut scores).filter(|(features, _)| features.apart).for_each(|(_, score)| *score *= APART);
        for (at, place) in copies.into_iter().zip(self.place.scores(&rows)) {
            if let Some(score) = scores.get_mut(at) {
                *score *= (2.0 * place).min(1.0);
            }
        }
        scores
    }

    /// The limits that apply.
    pub fn limits(&self, same_citizen: bool) -> Limits {
        if same_citizen { self.same_citizen } else { self.others }
    }
}
