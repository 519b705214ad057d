//! Gradient boosting of small trees over histograms, with monotone features.

use crate::forest::{Forest, Node, Tree};

/// How a feature may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More of it never lowers the score.
    Up,
    /// More of it never raises the score.
    Down,
    /// As it comes.
    Free,
}

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many trees.
    pub trees: usize,
    /// How many questions deep.
    pub depth: usize,
    /// How much of each tree is taken.
    pub rate: f32,
    /// Pulls answers towards nothing.
    pub ridge: f32,
    /// The least weight in a leaf (second derivatives).
    pub least: f32,
}

const BINS: usize = 48;

struct Binned {
    /// Upper limits of the bins of each feature.
    limits: Vec<Vec<f32>>,
    /// Row after row.
    bins: Vec<u8>,
    width: usize,
}

fn binned(rows: &[Vec<f32>]) -> Binned {
    let width = rows.first().map_or(0, Vec::len);
    let mut limits = Vec::with_capacity(width);
    for feature in 0..width {
        let mut values: Vec<f32> = rows.iter().map(|row| row[feature]).collect();
        values.sort_by(f32::total_cmp);
        values.dedup();
        let mut cuts: Vec<f32> = match values.len() {
            0..=BINS => values.windows(2).map(|two| (two[0] + two[1]) / 2.0).collect(),
            count => (1..BINS).map(|bin| values[bin * count / BINS]).collect(),
        };
        cuts.dedup();
        limits.push(cuts);
    }
    let bins = rows
        .iter()
        .flat_map(|row| row.iter().zip(&limits).map(|(value, cuts)| cuts.partition_point(|cut| cut < value) as u8))
        .collect();
    Binned { limits, bins, width }
}

struct Leaf {
    rows: Vec<u32>,
    lowest: f32,
    highest: f32,
}

struct Split {
    gain: f32,
    feature: usize,
    bin: usize,
    low: f32,
    high: f32,
}

/// Learns from `rows`: their features, whether it is so, and how much each counts.
pub fn boost(
    rows: &[Vec<f32>],
    labels: &[bool],
    weights: &[f32],
    directions: &[Direction],
    settings: Settings,
) -> Forest {
    let data = binned(rows);
    let positive: f32 = labels.iter().zip(weights).map(|(label, weight)| if *label { *weight } else { 0.0 }).sum();
    let total: f32 = weights.iter().sum();
    let rate = (positive / total.max(1e-6)).clamp(1e-4, 1.0 - 1e-4);
    let base = (rate / (1.0 - rate)).ln();
    let mut sums = vec![base; rows.len()];
    let mut trees = Vec::with_capacity(settings.trees);
    for _ in 0..settings.trees {
        let slopes: Vec<(f32, f32)> = sums
            .iter()
            .zip(labels)
            .zip(weights)
            .map(|((sum, label), weight)| {
                let p = 1.0 / (1.0 + (-sum).exp());
                (weight * (p - f32::from(u8::from(*label))), weight * (p * (1.0 - p)).max(1e-6))
            })
            .collect();
        let mut tree = Tree::default();
        let leaf = Leaf { rows: (0..rows.len() as u32).collect(), lowest: f32::NEG_INFINITY, highest: f32::INFINITY };
        grow(&mut tree, &data, &slopes, leaf, settings.depth, directions, &settings, &mut sums);
        trees.push(tree);
    }
    Forest::new(base, trees)
}

fn answer(slope: f32, bend: f32, leaf: &Leaf, settings: &Settings) -> f32 {
    (-slope / (bend + settings.ridge)).clamp(leaf.lowest, leaf.highest)
}

#[allow(clippy::too_many_arguments)]
fn grow(
    tree: &mut Tree,
    data: &Binned,
    slopes: &[(f32, f32)],
    leaf: Leaf,
    depth: usize,
    directions: &[Direction],
    settings: &Settings,
    sums: &mut [f32],
) -> u16 {
    let place = tree.0.len() as u16;
    let (slope, bend) = leaf.rows.iter().fold((0.0, 0.0), |sum, row| {
        let (slope, bend) = slopes[*row as usize];
        (sum.0 + slope, sum.1 + bend)
    });
    let split = if depth > 0 { best(data, slopes, &leaf, (slope, bend), directions, settings) } else { None };
    let Some(split) = split else {
        let value = settings.rate * answer(slope, bend, &leaf, settings);
        tree.0.push(Node::Add(value));
        leaf.rows.iter().for_each(|row| sums[*row as usize] += value);
        return place;
    };
    tree.0.push(Node::Add(0.0));
    let bin = |row: &u32| usize::from(data.bins[*row as usize * data.width + split.feature]);
    let (low, high): (Vec<u32>, Vec<u32>) = leaf.rows.iter().partition(|row| bin(row) <= split.bin);
    let middle = (split.low + split.high) / 2.0;
    let (mut below, mut above) = ((leaf.lowest, leaf.highest), (leaf.lowest, leaf.highest));
    match directions[split.feature] {
        Direction::Up => (below.1, above.0) = (middle, middle),
        Direction::Down => (below.0, above.1) = (middle, middle),
        Direction::Free => {}
    }
    let low = Leaf { rows: low, lowest: below.0, highest: below.1 };
    let high = Leaf { rows: high, lowest: above.0, highest: above.1 };
    let low = grow(tree, data, slopes, low, depth - 1, directions, settings, sums);
    let high = grow(tree, data, slopes, high, depth - 1, directions, settings, sums);
    tree.0[usize::from(place)] = Node::Ask(split.feature as u16, data.limits[split.feature][split.bin], low, high);
    place
}

fn best(
    data: &Binned,
    slopes: &[(f32, f32)],
    leaf: &Leaf,
    all: (f32, f32),
    directions: &[Direction],
    settings: &Settings,
) -> Option<Split> {
    let mut histogram = vec![(0.0f32, 0.0f32); data.width * BINS];
    for row in &leaf.rows {
        let (slope, bend) = slopes[*row as usize];
        let bins = &data.bins[*row as usize * data.width..][..data.width];
        for (feature, bin) in bins.iter().enumerate() {
            let cell = &mut histogram[feature * BINS + usize::from(*bin)];
            cell.0 += slope;
            cell.1 += bend;
        }
    }
    let worth = |slope: f32, bend: f32, value: f32| -(slope * value + 0.5 * (bend + settings.ridge) * value * value);
    let whole = worth(all.0, all.1, answer(all.0, all.1, leaf, settings));
    let mut best: Option<Split> = None;
    for feature in 0..data.width {
        let mut below = (0.0, 0.0);
        for bin in 0..data.limits[feature].len() {
            let cell = histogram[feature * BINS + bin];
            below = (below.0 + cell.0, below.1 + cell.1);
            let above = (all.0 - below.0, all.1 - below.1);
            if below.1 < settings.least || above.1 < settings.least {
                continue;
            }
            let (low, high) = (answer(below.0, below.1, leaf, settings), answer(above.0, above.1, leaf, settings));
            let allowed = match directions[feature] {
                Direction::Up => low <= high,
                Direction::Down => low >= high,
                Direction::Free => true,
            };
            let gain = worth(below.0, below.1, low) + worth(above.0, above.1, high) - whole;
            if allowed && gain > best.as_ref().map_or(1e-3, |best| best.gain) {
                best = Some(Split { gain, feature, bin, low, high });
            }
        }
    }
    best
}
