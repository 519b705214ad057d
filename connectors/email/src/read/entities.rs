//! Characters that HTML writes by name or number, as leniently as browsers read them.

use html_escape::decode_html_entities;
use std::borrow::Cow;

/// Names that count without their semicolon (HTML, section 13.5).
const BARE: [(&str, char); 8] = [
    ("nbsp", '\u{a0}'),
    ("quot", '"'),
    ("copy", '©'),
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("yen", '¥'),
    ("deg", '°'),
];

/// All of them.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((character, length)) = numbered(rest) {
            decoded.push(character);
            rest = &rest[length..];
            continue;
        }
        let name = rest[1..].bytes().take(32).take_while(u8::is_ascii_alphanumeric).count();
        if rest.as_bytes().get(name + 1) == Some(&b';') {
            decoded.push_str(&decode_html_entities(&rest[..name + 2]));
            rest = &rest[name + 2..];
        } else if let Some((known, character)) = BARE.iter().find(|(known, _)| rest[1..].starts_with(known)) {
            decoded.push(*character);
            rest = &rest[1 + known.len()..];
        } else {
            decoded.push('&');
            rest = &rest[1..];
        }
    }
    decoded.push_str(rest);
    decoded.into()
}

/// Only those of characters beyond Latin: what web forms make of what their charset does not have.
pub fn wide(text: &str) -> Cow<'_, str> {
    if !text.contains("&#") {
        return text.into();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let wide =
            numbered(rest).filter(|(character, length)| *character > '\u{2ff}' && rest[..*length].ends_with(';'));
        let length = match wide {
            Some((character, length)) => {
                decoded.push(character);
                length
            }
            None => {
                decoded.push_str("&#");
                2
            }
        };
        rest = &rest[length..];
    }
    decoded.push_str(rest);
    decoded.into()
}

/// `&#36335;` or `&#x8DEF;` at the beginning, with or without its semicolon, and how long it is.
fn numbered(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("&#")?;
    let (digits, radix, before) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 3),
        None => (digits, 10, 2),
    };
    let length = digits.bytes().take(9).take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let code = u32::from_str_radix(&digits[..length], radix).ok()?;
    let character = match code {
        // Windows-1252, as browsers take them.
        0x80..=0x9f => encoding_rs::WINDOWS_1252.decode(&[code as u8]).0.chars().next()?,
        _ => char::from_u32(code).filter(|character| *character != '\0')?,
    };
    let semicolon = digits.as_bytes().get(length) == Some(&b';');
    Some((character, before + length + usize::from(semicolon)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_read_by_name_and_number() {
        assert_eq!(
            decode("&#36335;&#x706F; &#22351 &nbsp&lt;&hellip;&#150;&unknown; & &#xZ; &"),
            "路灯 坏 \u{a0}<…–&unknown; & &#xZ; &"
        );
        assert_eq!(wide("&#36335;&#39;&#28783"), "路&#39;&#28783");
    }
}
