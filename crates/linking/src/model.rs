//! The model: what the training command wrote, and what the line decides by.

use crate::{
    features::{FEATURES, Features, at},
    forest::Forest,
};
use serde::{Deserialize, Serialize};

/// The version of the file's form.
const VERSION: u32 = 1;

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
    pub fn new(trained_on: String, matter: Forest, place: Forest) -> Self {
        Self {
            version: VERSION,
            trained_on,
            features: FEATURES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            same_citizen: Limits { auto: 0.28, ask: 0.22 },
            others: Limits { auto: 0.7, ask: 0.55 },
            near_copy: 0.2,
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
        let score = self.matter.score(&features.matter);
        let value = |place: usize| features.matter.get(place).copied().unwrap_or(0.0);
        if value(at::SAME_CITIZEN) > 0.5 || value(at::OVERLAP) < self.near_copy {
            return score;
        }
        score * (2.0 * self.place.score(&features.place)).min(1.0)
    }

    /// The limits that apply.
    pub fn limits(&self, same_citizen: bool) -> Limits {
        if same_citizen { self.same_citizen } else { self.others }
    }
}
