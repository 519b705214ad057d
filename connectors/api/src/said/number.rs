//! Ticket numbers in what citizens say.

use super::is_mark;

/// The first ticket's number in `text`, as `YYYYMMDD-NNNNNN-C`, and the text without it.
pub(super) fn parted(text: &str) -> Option<(String, String)> {
    let joins = |character: char| character.is_alphanumeric() && (character.is_ascii() || character.is_numeric());
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if matches!(character, '0'..='9' | '０'..='９')
            && !joins(before)
            && let Some((number, rest)) = leading(&text[at..])
        {
            return Some((number, format!("{} {rest}", &text[..at])));
        }
        before = character;
    }
    None
}

/// A ticket's number at the beginning of `text`, as `YYYYMMDD-NNNNNN-C`, and what follows it. Without hyphens its
/// check digit must be right, because an account or a case of another office could look the same.
fn leading(text: &str) -> Option<(String, &str)> {
    let (mut digits, mut hyphens, mut end) = (String::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '0'..='9' => digits.push(character),
            '０'..='９' => digits.push(char::from_digit(u32::from(character) - u32::from('０'), 10)?),
            '-' | '－' | '—' | '–' | '−' | '‐'
                if (hyphens == 0 && digits.len() == 8) || (hyphens == 1 && digits.len() >= 14) =>
            {
                hyphens += 1;
            }
            _ => break,
        }
        end = at + character.len_utf8();
    }
    let (date, check) = (digits.get(..8)?, digits.len().checked_sub(1)?);
    let plausible = (15..=19).contains(&digits.len())
        && date.starts_with("20")
        && matches!(date[4..6].parse(), Ok(1..=12u8))
        && matches!(date[6..8].parse(), Ok(1..=31u8));
    let whole = match hyphens {
        2 => true,
        0 => luhn(&digits),
        _ => false,
    };
    let rest = text[end..].trim_start_matches(is_mark);
    (plausible && whole).then(|| (format!("{date}-{}-{}", &digits[8..check], &digits[check..]), rest))
}

/// The last digit is the Luhn check digit (ISO/IEC 7812-1, annex B) of those before it.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (u32::from(digit - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}
