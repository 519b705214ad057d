//! The receipt: a ticket's number (受理编号) and its status code (查询码).

use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use sha2::Sha256;
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq;

/// A ticket's number, `YYYYMMDD-NNNNNN-C`: local day, sequence of six digits or more, and a Luhn check digit
/// (ISO/IEC 7812-1, annex B) over the digits before it, so that a slip of the pen is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    /// The local day as `YYYYMMDD`.
    pub day: u32,
    /// Counts from 1 each day.
    pub sequence: u32,
}

const PER_DAY: i64 = 10_000_000_000;

impl Number {
    /// As one integer that sorts as the numbers do: the store's key.
    pub fn to_key(self) -> i64 {
        i64::from(self.day) * PER_DAY + i64::from(self.sequence)
    }

    /// From the store's key.
    pub fn from_key(key: i64) -> Self {
        Self { day: (key / PER_DAY) as u32, sequence: (key % PER_DAY) as u32 }
    }
}

/// A local day as `YYYYMMDD`.
pub fn day_key(date: Date) -> u32 {
    u32::from(date.year().unsigned_abs()) * 10_000 + date.month() as u32 * 100 + date.day() as u32
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> u8 {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match (place % 2, digit * 2) {
                (0, twice) if twice > 9 => twice - 9,
                (0, twice) => twice,
                _ => digit,
            }
        })
        .sum();
    ((10 - sum % 10) % 10) as u8 + b'0'
}

/// Writes `number` into `digits`, with zeros before it.
fn put(digits: &mut [u8], number: u32) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

impl fmt::Display for Number {
    /// In one piece, and without the formats of the standard library: each message has its number written a dozen times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut day, mut sequence, mut text) = ([0; 8], [0; 10], [b'-'; 21]);
        put(&mut day, self.day);
        put(&mut sequence, self.sequence);
        let beyond = sequence[..4].iter().take_while(|digit| **digit == b'0').count();
        let sequence = &sequence[beyond..];
        let end = 9 + sequence.len();
        text[..8].copy_from_slice(&day);
        text[9..end].copy_from_slice(sequence);
        text[end + 1] = luhn(day.iter().chain(sequence).copied());
        f.write_str(std::str::from_utf8(&text[..end + 2]).map_err(|_| fmt::Error)?)
    }
}

/// What a person typed is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no ticket number: one looks like 20261122-000123-4")]
pub struct NotANumber;

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let mut parts = text.trim().split('-');
        let (Some(day), Some(sequence), Some(check), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotANumber);
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if day.len() != 8 || !(6..=9).contains(&sequence.len()) || check.len() != 1 || !digits(day) || !digits(sequence)
        {
            return Err(NotANumber);
        }
        if luhn(day.bytes().chain(sequence.bytes())) != check.as_bytes()[0] {
            return Err(NotANumber);
        }
        let number =
            Self { day: day.parse().map_err(|_| NotANumber)?, sequence: sequence.parse().map_err(|_| NotANumber)? };
        // One number, one spelling: leading zeros beyond six digits are no number of ours.
        if number.to_string() == text.trim() { Ok(number) } else { Err(NotANumber) }
    }
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The key from which the status codes of one store are made, and attachment links signed.
///
/// A redelivery must be answered with the first receipt, code and all, and the code itself must not lie in the
/// store; so it is made anew from the number and this key, which is kept beside the store, not in it.
#[derive(Clone)]
pub struct ReceiptKey([u8; 32]);

impl ReceiptKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What we show beside a ticket's number where we write to its citizen: whoever shows it back was written to.
    /// Sixteen lower-case letters and digits (80 bits).
    pub fn proof(&self, number: Number) -> String {
        let mac = self.mac("reply", &[&number.to_key().to_be_bytes()]);
        mac[..10]
            .chunks(5)
            .flat_map(|five| {
                let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
                (0..8)
                    .rev()
                    .map(move |place| ALPHABET[(bits >> (5 * place)) as usize & 31].to_ascii_lowercase() as char)
            })
            .collect()
    }

    /// Whether `shown` is the proof of `number`.
    pub fn proves(&self, number: Number, shown: &str) -> bool {
        self.proof(number).as_bytes().ct_eq(shown.to_ascii_lowercase().as_bytes()).into()
    }

    /// HMAC-SHA256 of `parts`, for one `purpose`.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // The key's length is fixed, so the MAC always takes it.
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The status code of `number`: 40 bits as Crockford base32, `7Q3M-K9TD`.
    pub fn code(&self, number: Number) -> String {
        let mac = self.mac("status code", &[&number.to_key().to_be_bytes()]);
        let bits = mac.iter().take(5).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        let mut code = String::with_capacity(9);
        for place in (0..8).rev() {
            code.push(char::from(ALPHABET[(bits >> (place * 5) & 31) as usize]));
            if place == 4 {
                code.push('-');
            }
        }
        code
    }

    /// What the store keeps of the code of `number`: enough to tell whether this key still makes the same codes.
    pub fn code_hash(&self, number: Number) -> [u8; 16] {
        self.hash_of(number, &self.code(number).replace('-', ""))
    }

    /// Whether `typed` (any case and width, with or without its hyphen) is the code behind `hash`; in constant time.
    pub fn code_matches(&self, number: Number, typed: &str, hash: &[u8]) -> bool {
        self.hash_of(number, &canonical_code(typed)).ct_eq(hash).into()
    }

    fn hash_of(&self, number: Number, code: &str) -> [u8; 16] {
        let mac = self.mac("code hash", &[&number.to_key().to_be_bytes(), code.as_bytes()]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&mac[..16]);
        hash
    }
}

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What people type or paste where a number or a code is asked for: letters and digits of half width (a Chinese keyboard
/// makes them wide), without spaces, dashes of any kind, and what does not show.
pub fn as_typed(text: &str) -> impl Iterator<Item = char> {
    let skipped = |letter: &char| {
        letter.is_whitespace()
            || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '－')
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let narrow = |letter: char| match letter {
        '！'..='～' => char::from_u32(u32::from(letter) - u32::from('！') + u32::from('!')).unwrap_or(letter),
        other => other,
    };
    text.chars().filter(move |letter| !skipped(letter)).map(narrow)
}

/// Upper case; `O` is read as 0, `I` and `L` as 1 (Crockford base32).
fn canonical_code(typed: &str) -> String {
    let read = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    as_typed(typed).take(16).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_carries_its_luhn_digit_and_no_other_spelling_is_taken() {
        let number = Number { day: 20_261_122, sequence: 123 };
        let text = number.to_string();
        assert_eq!(text.len(), 17);
        assert_eq!(text.parse(), Ok(number));
        assert_eq!(Number::from_key(number.to_key()), number);
        for place in 0..text.len() {
            for digit in '0'..='9' {
                let mut wrong = text.clone();
                wrong.replace_range(place..=place, &digit.to_string());
                assert_eq!(wrong.parse::<Number>().is_ok(), wrong == text, "{wrong}");
            }
        }
        assert_eq!(luhn("7992739871".bytes()), b'3', "the example of the standard");
        let large = Number { day: 20_261_122, sequence: 1_234_567 };
        assert_eq!(large.to_string().parse(), Ok(large));
        for wrong in ["", "-", "20261122-123-4", "20261122-000123", "２0261122-000123-4"] {
            assert_eq!(wrong.parse::<Number>(), Err(NotANumber), "{wrong}");
        }
    }

    #[test]
    fn a_code_is_taken_as_people_type_it_and_belongs_to_one_number() {
        let key = ReceiptKey::new([7; 32]);
        let number = Number { day: 20_261_122, sequence: 1 };
        let code = key.code(number);
        assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
        let hash = key.code_hash(number);
        assert!(key.code_matches(number, &code, &hash));
        assert!(key.code_matches(number, &code.to_lowercase().replace('-', ""), &hash));
        let wide: String = code.chars().map(|letter| char::from_u32(u32::from(letter) + 0xfee0).unwrap()).collect();
        for typed in [wide.clone(), wide.replace('－', "—"), format!("\u{200b}{code}\n"), code.replace('-', "　")] {
            assert!(key.code_matches(number, &typed, &hash), "{typed:?}");
        }
        assert!(!key.code_matches(number, "00000000", &hash));
        assert!(!key.code_matches(number, "", &hash));
        assert!(!key.code_matches(Number { sequence: 2, ..number }, &code, &hash));
        assert_ne!(ReceiptKey::new([8; 32]).code_hash(number), hash);
    }
}
