//! The scoring model: boosted trees, each feature of which may act in one direction only.

use serde::{Deserialize, Serialize};

/// A question, or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    /// Is `feature` at most `at`? Then `low`, else `high` (places in the tree).
    Ask(u16, f32, u16, u16),
    /// What it adds.
    Add(f32),
}

/// A tree; the first node is the root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree(pub Vec<Node>);

/// A sum of trees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Where the sum begins, in log odds.
    pub base: f32,
    /// The trees.
    pub trees: Vec<Tree>,
}

impl Tree {
    fn answer(&self, features: &[f32]) -> f32 {
        let mut at = 0;
        // A tree has no more levels than nodes.
        for _ in 0..self.0.len() {
            match self.0.get(usize::from(at)) {
                Some(Node::Ask(feature, limit, low, high)) => {
                    let value = features.get(usize::from(*feature)).copied().unwrap_or(0.0);
                    at = if value <= *limit { *low } else { *high };
                }
                Some(Node::Add(value)) => return *value,
                None => return 0.0,
            }
        }
        0.0
    }
}

impl Forest {
    /// From 0 to 1: how likely it is.
    pub fn score(&self, features: &[f32]) -> f32 {
        let sum = self.trees.iter().fold(self.base, |sum, tree| sum + tree.answer(features));
        1.0 / (1.0 + (-sum).exp())
    }
}
