//! The city's colour, so that everybody can read what is written in it (WCAG 2.2, 1.4.3 and 1.4.11).

use std::fmt;

/// A colour of the sRGB space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour([u8; 3]);

/// Of text on its ground, at least.
pub(crate) const READABLE: f64 = 4.5;
/// The grounds of both schemes, as in the style.
pub(crate) const WHITE: Colour = Colour([0xff, 0xff, 0xff]);
const NIGHT: Colour = Colour([0x1b, 0x22, 0x29]);

impl Colour {
    /// Reads `#rgb` or `#rrggbb`.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let digits: Vec<u8> =
            digits.chars().map(|digit| digit.to_digit(16).map(|it| it as u8)).collect::<Option<_>>()?;
        match digits[..] {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r, s, g, h, b, c] => Some(Self([r * 16 + s, g * 16 + h, b * 16 + c])),
            _ => None,
        }
    }

    /// Relative luminance.
    fn luminance(self) -> f64 {
        let part = |byte: u8| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0;
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    }

    /// How well one is told from the other: 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The same colour by night: as light as it must be to be read on the dark ground.
    pub fn by_night(self) -> Self {
        let mut light = self;
        while light.contrast(NIGHT) < READABLE + 1.0 && light != WHITE {
            light = Self(light.0.map(|byte| byte.saturating_add(12)));
        }
        light
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_told_apart_as_the_guidelines_do() {
        let read = |text| Colour::read(text).map(|colour| colour.to_string());
        assert_eq!((read("#0B5cad"), read("#fff")), (Some("#0b5cad".into()), Some("#ffffff".into())));
        assert_eq!((read("red"), read("#12345"), read("#12345g"), read("#日本日本日本")), (None, None, None, None));
        let contrast = |one, other| Some(Colour::read(one)?.contrast(Colour::read(other)?));
        assert!(contrast("#777777", "#fff").is_some_and(|it| (it - 4.48).abs() < 0.01));
        assert_eq!(contrast("#000", "#fff").map(f64::round), Some(21.0));
    }

    #[test]
    fn every_colour_that_can_be_read_by_day_can_be_read_by_night() {
        for step in 0..4096_u32 {
            let colour = Colour([(step >> 8) as u8 * 17, (step >> 4 & 15) as u8 * 17, (step & 15) as u8 * 17]);
            assert!(colour.by_night().contrast(NIGHT) >= READABLE, "{colour}");
        }
    }
}
