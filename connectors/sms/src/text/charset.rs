//! Alphabets: which one a message is in, by what its protocol says, and its text.

use super::{
    gsm7,
    guess::{self, UnlessStrange},
};
use encoding_rs::{EUC_KR, Encoding, GB18030, ISO_8859_5, ISO_8859_8, WINDOWS_1252};

/// How the bytes of a message are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    /// ASCII; with bytes beyond it GB18030, which some carriers send under this name.
    Ascii,
    /// GSM 03.38's alphabet, a septet a byte.
    Gsm7,
    /// Latin-1.
    Latin1,
    /// Bytes that need not be text.
    Binary,
    /// UCS-2 as everybody understands it: UTF-16, big endian.
    Ucs2,
    /// GB18030, which holds GBK and GB 2312.
    Gb18030,
    /// ISO-8859-5.
    Cyrillic,
    /// ISO-8859-8.
    Hebrew,
    /// KS C 5601.
    Korean,
    /// The clouds decode for us.
    Utf8,
}

impl Coding {
    /// Of CMPP's `Msg_Fmt` (CMPP 3.0, 7.4.3.1: 0, 3, 4, 8, 15), and of what carriers send besides.
    pub(crate) fn of_cmpp(format: u8) -> Self {
        match format {
            0 | 3 => Self::Ascii,
            4 => Self::Binary,
            8 | 9 | 24 => Self::Ucs2,
            15 | 25 => Self::Gb18030,
            other => Self::of_dcs(other, Self::Ascii),
        }
    }

    /// Of SMPP's `data_coding` (SMPP 3.4, 5.2.19); `default` is what 0 means on this link.
    pub(crate) fn of_smpp(coding: u8, default: Self) -> Self {
        match coding {
            0 => default,
            1 => Self::Ascii,
            2 | 4 => Self::Binary,
            3 => Self::Latin1,
            6 => Self::Cyrillic,
            7 => Self::Hebrew,
            8 | 9 => Self::Ucs2,
            14 => Self::Korean,
            15 => Self::Gb18030,
            other => Self::of_dcs(other, default),
        }
    }

    /// By the groups of a data coding scheme (3GPP TS 23.038, section 4).
    fn of_dcs(scheme: u8, default: Self) -> Self {
        let by_alphabet = |bits: u8| match bits & 0b11 {
            1 => Self::Binary,
            2 => Self::Ucs2,
            _ => default,
        };
        match scheme >> 4 {
            0x0..=0x7 => by_alphabet(scheme >> 2),
            0xE => Self::Ucs2,
            // Bit 2 alone tells: the rest of the low nibble is the message class, not an alphabet.
            0xF if scheme & 0b100 != 0 => Self::Binary,
            _ => default,
        }
    }

    /// The text in `bytes`. Whatever cannot be read is U+FFFD; padding at the end goes. `None` for bytes that are no text.
    /// Bytes that make no sense as what they are said to be, and do as something else, are that.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<String> {
        Some(match self {
            Self::Ucs2 => utf16(bytes).unless_strange(|| guess::in_place_of_ucs2(bytes)),
            // A NUL is an @ here, and no padding.
            Self::Gsm7 if bytes.is_ascii() => gsm7::decode(bytes),
            Self::Gsm7 => guess::beyond_septets(bytes).unwrap_or_else(|| gsm7::decode(bytes)),
            Self::Ascii if bytes.is_ascii() => String::from_utf8_lossy(without_padding(bytes)).into_owned(),
            Self::Ascii | Self::Gb18030 => guess::utf8_for_certain(without_padding(bytes))
                .unwrap_or_else(|| whole(GB18030, bytes).unless_strange(|| guess::in_place_of_gb(bytes))),
            Self::Latin1 => whole(WINDOWS_1252, bytes),
            Self::Cyrillic => whole(ISO_8859_5, bytes),
            Self::Hebrew => whole(ISO_8859_8, bytes),
            Self::Korean => whole(EUC_KR, bytes),
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Binary => return guess::of_bytes(without_padding(bytes)),
        })
    }
}

fn whole(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(without_padding(bytes)).0.into_owned()
}

/// Some gateways fill a message up with NULs.
fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// UTF-16 in pairs of bytes: half a surrogate pair and half a character become U+FFFD.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let (little, bytes) = match bytes {
        [0xFE, 0xFF, rest @ ..] => (false, rest),
        [0xFF, 0xFE, rest @ ..] => (true, rest),
        all => (false, all),
    };
    let pairs = bytes.chunks_exact(2);
    let odd = pairs.remainder().iter().any(|byte| *byte != 0);
    let unit = |pair: &[u8]| match (little, pair) {
        (true, [low, high]) => u16::from_be_bytes([*high, *low]),
        (_, [high, low]) => u16::from_be_bytes([*high, *low]),
        _ => 0xFFFD,
    };
    let mut text: String = char::decode_utf16(pairs.map(unit)).map(|unit| unit.unwrap_or('\u{FFFD}')).collect();
    text.truncate(text.trim_end_matches('\0').len());
    if odd {
        text.push('\u{FFFD}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_of_the_specification_and_the_strays_are_read() {
        let read = |format: u8, bytes: &[u8]| Coding::of_cmpp(format).decode(bytes);
        assert_eq!(read(0, b"help").as_deref(), Some("help"));
        assert_eq!(read(3, b"help\0\0").as_deref(), Some("help"));
        for ucs2 in [8, 9, 24] {
            assert_eq!(read(ucs2, &[0x8D, 0xEF, 0x70, 0x6F]).as_deref(), Some("路灯"));
        }
        for gb in [15, 25, 0] {
            assert_eq!(read(gb, &[0xC2, 0xB7, 0xB5, 0xC6]).as_deref(), Some("路灯"), "{gb}");
        }
        assert_eq!(read(15, &[0x94, 0x39, 0xDA, 0x33]).as_deref(), Some("\u{1F4A9}"), "four bytes of GB18030");
        assert_eq!(read(4, "路灯".as_bytes()).as_deref(), Some("路灯"));
        assert_eq!(read(4, &[0x8D, 0xEF, 0x70, 0x6F, 0x57, 0x4F, 0x4E, 0x86]).as_deref(), Some("路灯坏了"));
        assert_eq!(read(4, &[0, 1, 2, 0xFF]), None);
    }

    #[test]
    fn data_codings_are_masked_by_their_groups() {
        let of = |coding| Coding::of_smpp(coding, Coding::Gsm7);
        assert_eq!((of(0), of(1), of(3), of(8)), (Coding::Gsm7, Coding::Ascii, Coding::Latin1, Coding::Ucs2));
        assert_eq!((of(0xF0), of(0xF1), of(0xF8)), (Coding::Gsm7, Coding::Gsm7, Coding::Gsm7), "F8 is not 8");
        assert_eq!(
            (of(0xF4), of(0xF6), of(0x18), of(0x14)),
            (Coding::Binary, Coding::Binary, Coding::Ucs2, Coding::Binary)
        );
        assert_eq!((of(0xC8), of(0xE0)), (Coding::Gsm7, Coding::Ucs2));
    }

    #[test]
    fn halves_of_characters_are_visible_and_padding_is_not() {
        assert_eq!(utf16(&[0xD8, 0x3D]), "\u{FFFD}");
        assert_eq!(utf16(&[0x00, 0x41, 0x42]), "A\u{FFFD}");
        assert_eq!(utf16(&[0x00, 0x41, 0x00]), "A");
        assert_eq!(utf16(&[0xFF, 0xFE, 0x41, 0x00]), "A");
        assert_eq!(utf16(&[0x00, 0x41, 0x00, 0x00]), "A");
    }
}
