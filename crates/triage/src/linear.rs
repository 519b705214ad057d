//! The category model: linear, over hashed character n-grams.

use jiesu_folding::{folded, is_han, is_letter};
use jiesu_linking::{Gram, Table, grams, logarithm};
use std::{borrow::Cow, hint::black_box};

/// Of a text, so many characters are read.
const MOST: usize = 1_500;
/// At the beginning of a file; of one whose rarities come before all weights.
const MAGIC: &[u8; 4] = b"JTC2";
const APART: &[u8; 4] = b"JTC1";
const MOST_LABELS: usize = 200;
/// A row is a multiple of so many bytes: so many sums are made at once, and a row is read from one place in memory.
const LANES: usize = 8;

/// A trained model: some half a megabyte.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    labels: Vec<String>,
    /// How many buckets: a power of two.
    buckets: usize,
    /// A row a bucket: how telling it is, in steps of 1/20, 0 for one never met in training; its weight of each label,
    /// signed; nothing, up to a multiple of [`LANES`]. What is built into the program stays where it is.
    rows: Cow<'static, [u8]>,
    /// What a step of a weight is, of each label.
    scale: Vec<f32>,
    bias: Vec<f32>,
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

/// The bucket of each n-gram of a text in the order they come, and how often it counts; title and text in folded form.
pub(crate) fn said(title: &[char], text: &[char], buckets: usize) -> Vec<(u32, u16)> {
    let letters = |folded: &[char]| -> Vec<char> {
        let is_telling = |letter: &char| is_letter(*letter) && !letter.is_ascii_digit() || is_han(*letter);
        let mut letters = Vec::with_capacity(folded.len());
        letters.extend(folded.iter().copied().filter(is_telling));
        letters.truncate(MOST);
        letters
    };
    let (title, text) = (letters(title), letters(text));
    let mut said = Vec::with_capacity((title.len() + text.len()) * 2);
    // The title counts twice: it says what it is about.
    for (letters, times) in [(title, 2), (text, 1)] {
        let counted = |gram: Gram| (gram.0 & (buckets as u32 - 1), times);
        said.extend(grams::<1>(&letters).map(counted));
        said.extend(grams::<2>(&letters).map(counted));
    }
    said
}

/// Each bucket that is `known` once, with how often it was [`said`].
pub(crate) fn counted(said: &[(u32, u16)], known: impl Fn(u32) -> bool) -> Vec<(u32, u16)> {
    let (mut table, mut counts) = (Table::with_room(said.len()), Vec::<(u32, u16)>::with_capacity(said.len()));
    for (bucket, times) in said.iter().filter(|(bucket, _)| known(*bucket)) {
        let place = table.place(*bucket, counts.len());
        match counts.get_mut(place) {
            Some((_, count)) => *count += times,
            None => counts.push((*bucket, *times)),
        }
    }
    counts
}

/// Bytes of a row.
fn width(labels: usize) -> usize {
    (1 + labels).next_multiple_of(LANES)
}

/// How sharply scores become likelihoods; measured on texts held back from training.
const SHARPNESS: f32 = 3.0;

impl Linear {
    /// The most likely label.
    pub fn guess(&self, title: &str, text: &str) -> Option<Guess> {
        self.guess_folded(&folded(title), &folded(text))
    }

    /// The same, of what is in folded form already.
    pub(crate) fn guess_folded(&self, title: &[char], text: &[char]) -> Option<Guess> {
        let scores = self.scores(title, text);
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = scores.iter().map(|score| ((score - best) * SHARPNESS).exp()).sum();
        let place = scores.iter().position(|score| *score >= best)?;
        Some(Guess { label: self.labels.get(place)?.clone(), confidence: 1.0 / sum })
    }

    fn scores(&self, title: &[char], text: &[char]) -> Vec<f32> {
        let lines = width(self.labels.len()) / LANES;
        let row = |bucket: u32| {
            let row = self.rows.as_chunks::<LANES>().0.get(bucket as usize * lines..)?.get(..lines)?;
            row.first().map(|[rarity, ..]| (*rarity, row))
        };
        let rarity = |bucket: u32| row(bucket).map_or(0, |(rarity, _)| rarity);
        let said = said(title, text, self.buckets);
        // Rows lie far apart in memory: asked for all at once, they come together instead of one after the other.
        black_box(said.iter().fold(0, |sum, (bucket, _)| sum ^ rarity(*bucket)));
        let mut sums = vec![[0.0f32; LANES]; lines];
        let mut norm = 0.0f32;
        for (bucket, times) in counted(&said, |bucket| rarity(bucket) != 0) {
            let Some((rarity, weights)) = row(bucket) else { continue };
            let value = f32::from(rarity) / 20.0 * (1.0 + logarithm(times));
            norm += value * value;
            for (sums, weights) in sums.iter_mut().zip(weights) {
                let weights = weights.map(|weight| f32::from(weight.cast_signed()));
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
            }
        }
        let norm = norm.sqrt().max(1e-6);
        let scaled = sums.as_flattened().iter().skip(1).zip(&self.scale).zip(&self.bias);
        scaled.map(|((sum, scale), bias)| sum * scale / norm + bias).collect()
    }

    /// Of what each label's `(name, scale, bias)` are, how telling each bucket is, and the weights bucket after bucket.
    pub(crate) fn new(labels: Vec<(String, f32, f32)>, rarity: &[u8], weights: &[u8]) -> Self {
        let count = labels.len();
        let mut rows = vec![0; rarity.len() * width(count)];
        let of_buckets = rarity.iter().zip(weights.chunks_exact(count.max(1)));
        for (row, (rarity, weights)) in rows.chunks_exact_mut(width(count)).zip(of_buckets) {
            let values = std::iter::once(rarity).chain(weights);
            row.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
        }
        Self::of_rows(labels, rarity.len(), rows.into())
    }

    fn of_rows(of_labels: Vec<(String, f32, f32)>, buckets: usize, rows: Cow<'static, [u8]>) -> Self {
        let (mut labels, mut scale, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for (label, factor, offset) in of_labels {
            labels.push(label);
            scale.push(factor);
            bias.push(offset);
        }
        Self { labels, buckets, rows, scale, bias }
    }

    /// One that knows no label.
    pub fn empty() -> Self {
        Self::of_rows(Vec::new(), 1, Cow::Borrowed(&[0; LANES]))
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
        bytes.extend(&*self.rows);
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
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let ([bits, count], mut rest) = rest.split_first_chunk::<2>()?;
        let (buckets, count) = (1usize.checked_shl(u32::from(*bits)).filter(|_| *bits <= 22)?, usize::from(*count));
        if count == 0 || count > MOST_LABELS {
            return None;
        }
        let mut labels = Vec::new();
        for _ in 0..count {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            let (factor, after) = after.split_first_chunk::<4>()?;
            let (offset, after) = after.split_first_chunk::<4>()?;
            let label = std::str::from_utf8(label).ok()?.to_owned();
            labels.push((label, f32::from_le_bytes(*factor), f32::from_le_bytes(*offset)));
            rest = after;
        }
        match magic {
            MAGIC if rest.len() == buckets * width(count) => Some(Self::of_rows(labels, buckets, keep(rest))),
            APART => {
                let (rarity, weights) = rest.split_at_checked(buckets)?;
                (weights.len() == buckets * count).then(|| Self::new(labels, rarity, weights))
            }
            _ => None,
        }
    }
}
