//! What a text is about, in a few numbers: texts of one matter in other words come near each other.
//!
//! Latent semantic analysis (Deerwester et al., 1990): grams of two characters that keep company in a city's texts point
//! the same way. Learned without labels; what is part of a name is left out, so that places do not count.

use crate::{digest::Weighed, table::Table};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::hint::black_box;

/// Numbers of a topic.
pub const TOPIC: usize = 32;
/// Bytes of a gram in a file: 24 bits of its hash, the scale of its numbers, the numbers.
const ENTRY: usize = 3 + 4 + TOPIC;

/// What a text is about: a direction.
pub type Topic = [i8; TOPIC];

/// The direction of each gram.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    places: Table,
    /// As they are summed up: a line of the processor's cache each, a text asks for hundreds.
    directions: Vec<Direction>,
    /// As they are kept.
    grams: Vec<(u32, f32, Topic)>,
}

#[derive(Debug, Clone)]
#[repr(align(64))]
struct Direction([i16; TOPIC]);

impl PartialEq for Topics {
    fn eq(&self, other: &Self) -> bool {
        self.grams == other.grams
    }
}

/// Whether a gram says what a text is about.
pub(crate) fn tells(gram: &Weighed) -> bool {
    gram.length == 2 && !gram.named
}

impl Topics {
    /// Of grams and their directions, of any length.
    pub(crate) fn new(directions: impl Iterator<Item = (u32, [f32; TOPIC])>) -> Self {
        let grams = directions.map(|(gram, direction)| {
            let scale = direction.iter().fold(1e-9f32, |most, value| most.max(value.abs())) / 127.0;
            (gram, scale, direction.map(|value| (value / scale).round() as i8))
        });
        Self::of_grams(grams.collect())
    }

    fn of_grams(grams: Vec<(u32, f32, Topic)>) -> Self {
        let mut places = Table::with_room(grams.len());
        for (place, (gram, ..)) in grams.iter().enumerate() {
            places.place(*gram, place);
        }
        let most = grams.iter().fold(1e-9f32, |most, (_, scale, _)| most.max(*scale));
        let steps = |scale: f32| move |value: i8| (scale / most * f32::from(value) * 250.0).round() as i16;
        let directions = grams.iter().map(|(_, scale, values)| Direction(values.map(steps(*scale)))).collect();
        Self { places, directions, grams }
    }

    /// What a text with these grams is about; nothing, if none of them is known.
    pub(crate) fn of(&self, grams: &[Weighed]) -> Topic {
        // Both tables are large: what is asked for all at once comes together instead of one after the other.
        let telling = || grams.iter().filter(|gram| tells(gram));
        black_box(telling().fold(0, |sum, gram| sum ^ self.places.ahead(gram.gram)));
        let known = telling().filter_map(|gram| Some((gram.weight, self.places.get(gram.gram)?)));
        let known: Vec<(f32, usize)> = known.collect();
        let directions = || known.iter().filter_map(|(weight, place)| Some((*weight, self.directions.get(*place)?)));
        black_box(directions().fold(0, |sum, (_, Direction([first, ..]))| sum ^ first));
        let mut sum = [0i32; TOPIC];
        for (weight, Direction(direction)) in directions() {
            // Weights are below 100: hundreds of them stay far below what the sum can hold.
            let weight = (weight * 8.0) as i16;
            sum.iter_mut().zip(direction).for_each(|(sum, value)| *sum += i32::from(weight) * i32::from(*value));
        }
        let sum = sum.map(|value| value as f32);
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
        sum.map(|value| (value / length * 127.0).round() as i8)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.grams.len() * ENTRY);
        for (gram, scale, direction) in &self.grams {
            bytes.extend(gram.to_le_bytes().into_iter().take(3));
            bytes.extend(scale.to_le_bytes());
            bytes.extend(direction.iter().map(|value| *value as u8));
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (entries, []) = bytes.as_chunks::<ENTRY>() else { return None };
        let grams = entries.iter().map(|entry| {
            let [a, b, c, scale @ ..] = entry;
            let (scale, values) = scale.split_first_chunk::<4>()?;
            let mut direction = [0; TOPIC];
            direction.iter_mut().zip(values).for_each(|(value, byte)| *value = *byte as i8);
            Some((u32::from_le_bytes([*a, *b, *c, 0]), f32::from_le_bytes(*scale), direction))
        });
        Some(Self::of_grams(grams.collect::<Option<_>>()?))
    }
}

/// How near two topics are, from -1 to 1; 0 where nothing is known of one.
pub(crate) fn nearness(one: &Topic, other: &Topic) -> f32 {
    let dot: i32 = one.iter().zip(other).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    dot as f32 / (127.0 * 127.0)
}

impl Serialize for Topics {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)?;
        Self::from_bytes(&bytes).ok_or_else(|| D::Error::custom("the topics are cut off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram(gram: u32) -> Weighed {
        Weighed { gram, weight: 2.0, length: 2, ..Weighed::default() }
    }

    #[test]
    fn other_words_of_one_matter_are_near_also_after_a_file() {
        let axis = |place: usize, value: f32| {
            let mut direction = [0.0; TOPIC];
            direction[place] = value;
            direction
        };
        let topics = Topics::new([(1, axis(0, 0.5)), (2, axis(0, 0.01)), (3, axis(1, 2.0))].into_iter());
        let file = serde_json::to_string(&topics).unwrap();
        let topics: Topics = serde_json::from_str(&file).unwrap();
        let of = |grams: &[u32]| topics.of(&grams.iter().map(|it| gram(*it)).collect::<Vec<_>>());
        assert!(nearness(&of(&[1]), &of(&[2])) > 0.99);
        assert!(nearness(&of(&[1]), &of(&[3])).abs() < 0.01);
        assert_eq!(of(&[9]), [0; TOPIC], "nothing is known of it");
        let named = Weighed { named: true, ..gram(1) };
        assert_eq!(topics.of(&[named]), [0; TOPIC]);
        assert!(serde_json::from_str::<Topics>(&file.replacen('A', "", 4)).is_err());
    }
}
