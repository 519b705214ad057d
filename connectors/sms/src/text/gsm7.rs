//! The default alphabet of GSM (3GPP TS 23.038, section 6.2.1), one septet a byte, as SMPP carries it.

const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1B}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+',
    ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B',
    'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y',
    'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];
const ESCAPE: u8 = 0x1B;

/// The text; a byte that is no septet is U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        let character = match *byte {
            ESCAPE => bytes.next().map_or('\u{FFFD}', |second| extension(*second)),
            byte => BASIC.get(usize::from(byte)).copied().unwrap_or('\u{FFFD}'),
        };
        text.push(character);
    }
    text
}

/// Who does not know an extension shows the basic character of the same place.
fn extension(byte: u8) -> char {
    match byte {
        0x0A => '\u{0C}',
        0x14 => '^',
        0x28 => '{',
        0x29 => '}',
        0x2F => '\\',
        0x3C => '[',
        0x3D => '~',
        0x3E => ']',
        0x40 => '|',
        0x65 => '€',
        other => BASIC.get(usize::from(other)).copied().unwrap_or('\u{FFFD}'),
    }
}

/// `text` can be sent in this alphabet and in ASCII as the same bytes, whichever of the two the far side takes.
pub(super) fn is_common(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" \n\r!\"#%&'()*+,-./:;<=>?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn septets_are_not_ascii() {
        assert_eq!(decode(b"\x00 \x02 \x11 \x1B\x65 \x1B\x28"), "@ $ _ € {");
        assert_eq!(decode(&[0x1B]), "\u{FFFD}");
        assert_eq!(decode(&[0x80]), "\u{FFFD}");
    }

    #[test]
    fn what_is_common_reads_the_same_in_both() {
        let common: Vec<u8> = (0..128).filter(|byte| is_common(&char::from(*byte).to_string())).collect();
        assert_eq!(decode(&common), String::from_utf8(common.clone()).unwrap());
        assert!(!is_common("@") && !is_common("路"));
    }
}
