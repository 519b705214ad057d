//! The category model: linear, over hashed character n-grams.

use jiesu_folding::{fold, is_han};
use jiesu_linking::{Gram, Table};
use std::borrow::Cow;

/// Of a text, so many characters are read.
const MOST: usize = 1_500;
/// At the beginning of a file.
const MAGIC: &[u8; 4] = b"JTC1";
const MOST_LABELS: usize = 200;

/// A trained model: some half a megabyte.
#[derive(Debug, Clone)]
pub struct Linear {
    pub(crate) labels: Vec<String>,
    /// How many buckets: a power of two.
    pub(crate) buckets: usize,
    /// How telling each bucket is, in steps of 1/20; 0 for one never met in training. What is built into the program stays
    /// where it is, here and below.
    pub(crate) rarity: Cow<'static, [u8]>,
    /// Bucket after bucket, of each label; signed.
    pub(crate) weights: Cow<'static, [u8]>,
    /// What a step of a weight is, of each label.
    pub(crate) scale: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// A label with its likelihood.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// The label.
    pub label: String,
    /// From 0 to 1.
    pub confidence: f32,
}

/// The file is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no category model of this version; train one (jiesu train categories)")]
pub struct BadModel;

/// The n-grams of a text in the order they come, each once, with how often; title and text in folded form.
pub(crate) fn counted(title: &str, text: &str, buckets: usize) -> Vec<(u32, f32)> {
    let letters = |folded: &str| -> Vec<char> {
        let letters =
            folded.chars().filter(|letter| is_han(*letter) || letter.is_alphanumeric() && !letter.is_ascii_digit());
        letters.take(MOST).collect()
    };
    let (title, text) = (letters(title), letters(text));
    let most = (title.len() + text.len()) * 2;
    let (mut table, mut counts) = (Table::with_room(most), Vec::<(u32, f32)>::with_capacity(most));
    // The title counts twice: it says what it is about.
    for (letters, times) in [(title, 2.0), (text, 1.0)] {
        for gram in (1..=2).flat_map(|length| letters.windows(length)) {
            let bucket = Gram::of(gram).0 & (buckets as u32 - 1);
            let place = table.place(bucket, counts.len());
            match counts.get_mut(place) {
                Some((_, count)) => *count += times,
                None => counts.push((bucket, times)),
            }
        }
    }
    counts
}

/// How sharply scores become likelihoods; measured on texts held back from training.
const SHARPNESS: f32 = 3.0;

impl Linear {
    /// The most likely label.
    pub fn guess(&self, title: &str, text: &str) -> Option<Guess> {
        self.guess_folded(&fold(title), &fold(text))
    }

    /// The same, of what is in folded form already.
    pub(crate) fn guess_folded(&self, title: &str, text: &str) -> Option<Guess> {
        let scores = self.scores(title, text);
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = scores.iter().map(|score| ((score - best) * SHARPNESS).exp()).sum();
        let place = scores.iter().position(|score| *score >= best)?;
        Some(Guess { label: self.labels.get(place)?.clone(), confidence: 1.0 / sum })
    }

    fn scores(&self, title: &str, text: &str) -> Vec<f32> {
        let width = self.labels.len();
        let mut sums = vec![0.0f32; width];
        let mut norm = 0.0f32;
        for (bucket, times) in counted(title, text, self.buckets) {
            let bucket = bucket as usize;
            let rarity = self.rarity.get(bucket).copied().unwrap_or(0);
            if rarity == 0 {
                continue;
            }
            let often = if times == 1.0 { 1.0 } else { 1.0 + times.ln() };
            let value = f32::from(rarity) / 20.0 * often;
            norm += value * value;
            let weights = self.weights.get(bucket * width..(bucket + 1) * width).unwrap_or_default();
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * f32::from(weight.cast_signed()));
        }
        let norm = norm.sqrt().max(1e-6);
        let scaled = sums.iter().zip(&self.scale).zip(&self.bias);
        scaled.map(|((sum, scale), bias)| sum * scale / norm + bias).collect()
    }

    /// One that knows no label.
    pub fn empty() -> Self {
        Self {
            labels: Vec::new(),
            buckets: 1,
            rarity: Cow::Borrowed(&[0]),
            weights: Cow::Borrowed(&[]),
            scale: Vec::new(),
            bias: Vec::new(),
        }
    }

    /// Its labels.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([self.buckets.trailing_zeros() as u8, self.labels.len() as u8]);
        for ((label, scale), bias) in self.labels.iter().zip(&self.scale).zip(&self.bias) {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
            bytes.extend(scale.to_le_bytes());
            bytes.extend(bias.to_le_bytes());
        }
        bytes.extend(&*self.rarity);
        bytes.extend(&*self.weights);
        bytes
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// [`BadModel`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadModel> {
        Self::read(bytes, |part| Cow::Owned(part.to_vec())).ok_or(BadModel)
    }

    /// Reads bytes that are part of the program, and copies none of them.
    ///
    /// # Errors
    /// [`BadModel`]
    pub fn built_in(bytes: &'static [u8]) -> Result<Self, BadModel> {
        Self::read(bytes, Cow::Borrowed).ok_or(BadModel)
    }

    fn read<'a>(bytes: &'a [u8], keep: impl Fn(&'a [u8]) -> Cow<'static, [u8]>) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let ([bits, count], mut rest) = rest.split_first_chunk::<2>()?;
        let (buckets, count) = (1usize.checked_shl(u32::from(*bits)).filter(|_| *bits <= 22)?, usize::from(*count));
        if count == 0 || count > MOST_LABELS {
            return None;
        }
        let (mut labels, mut scale, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            let (factor, after) = after.split_first_chunk::<4>()?;
            let (offset, after) = after.split_first_chunk::<4>()?;
            labels.push(std::str::from_utf8(label).ok()?.to_owned());
            scale.push(f32::from_le_bytes(*factor));
            bias.push(f32::from_le_bytes(*offset));
            rest = after;
        }
        let (rarity, weights) = rest.split_at_checked(buckets)?;
        (weights.len() == buckets * count).then(|| Self {
            labels,
            buckets,
            rarity: keep(rarity),
            weights: keep(weights),
            scale,
            bias,
        })
    }
}
