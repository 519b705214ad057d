//! Training the category model: one linear support vector machine a label, by dual coordinate descent.

use crate::linear::{Linear, counted, said};
use jiesu_folding::folded;

/// A labelled text.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Title.
    pub title: String,
    /// Words.
    pub text: String,
    /// What it is about.
    pub label: String,
}

/// Buckets of the n-grams.
const BUCKETS: usize = 1 << 16;
const ROUNDS: usize = 30;
/// How much a mistake costs.
const COST: f32 = 0.8;

/// A text as places and values.
type Row = Vec<(u32, f32)>;

/// Learns from `samples`; tells of each label done.
pub fn train(samples: &[Sample], mut done: impl FnMut(usize)) -> Linear {
    let mut labels: Vec<String> = samples.iter().map(|sample| sample.label.clone()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels.truncate(200);
    let count = |sample: &Sample| counted(&said(&folded(&sample.title), &folded(&sample.text), BUCKETS), |_| true);
    let counts: Vec<Vec<(u32, u16)>> = samples.iter().map(count).collect();
    let mut having = vec![0u32; BUCKETS];
    counts.iter().flatten().for_each(|(bucket, _)| having[*bucket as usize] += 1);
    let all = samples.len() as f32;
    let rarity: Vec<u8> = having
        .iter()
        // What one text alone has teaches nothing.
        .map(|texts| if *texts < 2 { 0 } else { (((all + 1.0) / (*texts as f32)).ln() * 20.0).clamp(1.0, 255.0) as u8 })
        .collect();
    let rows: Vec<Row> = counts.iter().map(|counts| row(counts, &rarity)).collect();
    let width = labels.len();
    let (mut weights, mut of_labels) = (vec![0u8; BUCKETS * width], Vec::with_capacity(width));
    for (place, label) in labels.into_iter().enumerate() {
        let is: Vec<bool> = samples.iter().map(|sample| sample.label == label).collect();
        let (found, offset) = machine(&rows, &is);
        let most = found.iter().fold(1e-6f32, |most, weight| most.max(weight.abs()));
        of_labels.push((label, most / 127.0, offset));
        for (bucket, weight) in found.iter().enumerate() {
            weights[bucket * width + place] = ((weight / most * 127.0).round() as i8).cast_unsigned();
        }
        done(place);
    }
    Linear::new(of_labels, &rarity, &weights)
}

fn row(counts: &[(u32, u16)], rarity: &[u8]) -> Row {
    let telling = counts.iter().filter(|(bucket, _)| rarity[*bucket as usize] > 0);
    let mut row: Row = telling
        .map(|(bucket, times)| (*bucket, f32::from(rarity[*bucket as usize]) / 20.0 * (1.0 + f32::from(*times).ln())))
        .collect();
    let norm = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(1e-6);
    row.iter_mut().for_each(|(_, value)| *value /= norm);
    row
}

/// L2-regularised squared hinge loss (Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, 2008).
fn machine(rows: &[Row], is: &[bool]) -> (Vec<f32>, f32) {
    let mut weights = vec![0.0f32; BUCKETS];
    let mut bias = 0.0f32;
    let mut alphas = vec![0.0f32; rows.len()];
    let diagonal = 1.0 / (2.0 * COST);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut chance = 7u64;
    for _ in 0..ROUNDS {
        for place in (1..order.len()).rev() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(place, (chance >> 33) as usize % (place + 1));
        }
        for sample in order.iter().copied() {
            let sign = if is[sample] { 1.0 } else { -1.0 };
            let dot: f32 = rows[sample].iter().map(|(bucket, value)| weights[*bucket as usize] * value).sum();
            let slope = sign * (dot + bias) - 1.0 + diagonal * alphas[sample];
            // Rows have length one, and the bias is one more value of one.
            let next = (alphas[sample] - slope / (2.0 + diagonal)).max(0.0);
            let step = (next - alphas[sample]) * sign;
            alphas[sample] = next;
            if step != 0.0 {
                rows[sample].iter().for_each(|(bucket, value)| weights[*bucket as usize] += step * value);
                bias += step;
            }
        }
    }
    (weights, bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::BadModel;

    fn sample(text: &str, label: &str) -> Sample {
        Sample { title: String::new(), text: text.into(), label: label.into() }
    }

    #[test]
    fn a_model_learns_its_labels_and_says_the_same_after_it_was_written_and_read() {
        let samples = [
            sample("公交车停靠站点太少", "交通"),
            sample("公交车晚点严重", "交通"),
            sample("工厂排放废气污染空气", "环保"),
            sample("河道污染严重发臭", "环保"),
            sample("公交车停运没有通知", "交通"),
            sample("废气污染扰民", "环保"),
        ];
        let model = train(&samples, |_| ());
        let read = Linear::from_bytes(&model.to_bytes()).unwrap();
        for model in [&model, &read] {
            assert_eq!(model.guess("", "公交车为什么不来").unwrap().label, "交通");
            assert_eq!(model.guess("污染", "废气难闻").unwrap().label, "环保");
        }
        let guess = read.guess("", "公交车").unwrap();
        assert!(guess.confidence > 0.5 && guess.confidence <= 1.0);
        assert_eq!(Linear::from_bytes(&model.to_bytes()[..500]).unwrap_err(), BadModel);
    }

    #[test]
    fn a_model_whose_rarities_come_before_all_weights_is_the_same_one() {
        for count in [1, 7, 8] {
            let names = (0..count).map(|label| (format!("甲{label}"), 0.5 + f32::from(label), -0.25f32));
            let rarity: Vec<u8> = (0..=255).collect();
            let weights: Vec<u8> =
                rarity.iter().flat_map(|at| (0..count).map(move |label| at.wrapping_mul(31 + label))).collect();
            let mut bytes = [&b"JTC1"[..], &[8, count]].concat();
            for (name, scale, bias) in names.clone() {
                bytes.push(name.len() as u8);
                bytes.extend([name.as_bytes(), &scale.to_le_bytes(), &bias.to_le_bytes()].concat());
            }
            bytes.extend([&rarity[..], &weights].concat());
            let model = Linear::from_bytes(&bytes).unwrap();
            assert_eq!(model, Linear::new(names.collect(), &rarity, &weights));
            let written = model.to_bytes();
            assert_eq!((&written[..4], Linear::from_bytes(&written).unwrap()), (&b"JTC2"[..], model));
            assert_eq!(Linear::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err(), BadModel);
        }
    }
}
