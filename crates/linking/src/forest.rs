//! The scoring model: boosted trees, each feature of which may act in one direction only.

use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

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
    base: f32,
    /// The trees.
    trees: Vec<Tree>,
    /// The trees as they are asked.
    #[serde(skip)]
    flat: OnceLock<Flat>,
}

/// Answers of a tree, at most.
const ANSWERS: usize = 64;

/// The trees laid out for asking: question by question, not tree by tree (QuickScorer; Lucchese et al., SIGIR 2015).
///
/// A tree begins with a bit for each of its answers, from the lowest to the highest. A question whose answer is "beyond"
/// takes the bits of its `low` side away. The lowest bit that is left is the tree's answer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Flat {
    /// By feature: its questions, the lowest limit first.
    questions: Vec<Vec<Question>>,
    /// Tree after tree, from the lowest to the highest, [`ANSWERS`] of each or fewer.
    answers: Vec<f32>,
    /// Where in `answers` each tree begins.
    trees: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Question {
    limit: f32,
    tree: u32,
    /// Without the bits of the `low` side.
    left: u64,
}

impl Flat {
    fn of(trees: &[Tree]) -> Self {
        let mut flat = Self::default();
        for tree in trees {
            let mut questions = Vec::new();
            let before = flat.answers.len();
            match flat.walk(tree, 0, before, tree.0.len(), &mut questions) {
                Some(()) => {
                    for (feature, question) in questions {
                        if flat.questions.len() <= feature {
                            flat.questions.resize_with(feature + 1, Vec::new);
                        }
                        flat.questions.get_mut(feature).into_iter().for_each(|of| of.push(question));
                    }
                    flat.trees.push(before as u32);
                }
                // No tree: it adds nothing.
                None => flat.answers.truncate(before),
            }
        }
        flat.questions.iter_mut().for_each(|of| of.sort_by(|a, b| a.limit.total_cmp(&b.limit)));
        flat
    }

    /// Notes the answers and questions from `node` on; `None` if they are no tree, or of too many answers.
    fn walk(
        &mut self,
        tree: &Tree,
        node: usize,
        first: usize,
        levels: usize,
        questions: &mut Vec<(usize, Question)>,
    ) -> Option<()> {
        match *tree.0.get(node)? {
            Node::Add(value) => {
                self.answers.push(value);
                (self.answers.len() - first <= ANSWERS).then_some(())
            }
            Node::Ask(feature, limit, low, high) => {
                let levels = levels.min(ANSWERS).checked_sub(1)?;
                let from = self.answers.len() - first;
                self.walk(tree, low.into(), first, levels, questions)?;
                let to = self.answers.len() - first;
                let of_low = (u64::MAX >> (ANSWERS - (to - from))) << from;
                questions.push((feature.into(), Question { limit, tree: self.trees.len() as u32, left: !of_low }));
                self.walk(tree, high.into(), first, levels, questions)
            }
        }
    }

    /// What all trees add; `left` is room for a set of answers a tree.
    fn sum(&self, features: &[f32], left: &mut Vec<u64>) -> f32 {
        left.clear();
        left.resize(self.trees.len(), u64::MAX);
        for (feature, questions) in features.iter().zip(&self.questions) {
            for question in questions.iter().take_while(|question| *feature > question.limit) {
                if let Some(left) = left.get_mut(question.tree as usize) {
                    *left &= question.left;
                }
            }
        }
        let answers = self.trees.iter().zip(left).map(|(tree, left)| tree + left.trailing_zeros());
        answers.map(|answer| self.answers.get(answer as usize).copied().unwrap_or(0.0)).sum()
    }
}

impl Forest {
    /// A sum of `trees` that begins at `base`, in log odds.
    pub fn new(base: f32, trees: Vec<Tree>) -> Self {
        Self { base, trees, flat: OnceLock::new() }
    }

    /// From 0 to 1, of each row of features: how likely it is.
    pub fn scores(&self, rows: &[&[f32]]) -> Vec<f32> {
        let flat = self.flat.get_or_init(|| Flat::of(&self.trees));
        let mut left = Vec::new();
        rows.iter().map(|features| 1.0 / (1.0 + (-self.base - flat.sum(features, &mut left)).exp())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_leads_to_the_answer_and_what_is_no_tree_adds_nothing() {
        use Node::{Add, Ask};
        let tree = Tree(vec![Ask(1, 0.5, 2, 1), Add(2.0), Ask(0, -1.0, 3, 4), Add(-3.0), Add(0.25)]);
        let circle = Tree(vec![Ask(0, 0.0, 0, 0)]);
        let broken = Tree(vec![Ask(0, 0.0, 1, 9), Add(7.0)]);
        let forest = Forest::new(1.0, vec![tree, circle, broken, Tree::default()]);
        let odds = |features: &[f32]| {
            let score = forest.scores(&[features])[0];
            (score / (1.0 - score)).ln()
        };
        for (features, sum) in [([0.0, 0.6], 3.0), ([-2.0, 0.5], -2.0), ([-0.5, 0.1], 1.25)] {
            assert!((odds(&features) - sum).abs() < 1e-4, "{features:?}: {}", odds(&features));
        }
        assert!((odds(&[]) - -2.0).abs() < 1e-4, "what is not there is beyond no limit");
    }
}
