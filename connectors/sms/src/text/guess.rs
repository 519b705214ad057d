//! Bytes under a wrong name: what they are, where they make no sense as what they are said to be. What does make sense is
//! never read in another way.

use super::charset::utf16;
use encoding_rs::{GB18030, UTF_16LE, WINDOWS_1252};

/// A text that may be none.
pub(super) trait UnlessStrange {
    /// This one; if nobody would write it, `other`, if there is another one.
    fn unless_strange(self, other: impl FnOnce() -> Option<String>) -> String;
}

impl UnlessStrange for String {
    fn unless_strange(self, other: impl FnOnce() -> Option<String>) -> String {
        if self.chars().any(is_strange) || is_swapped_latin(&self) { other().unwrap_or(self) } else { self }
    }
}

/// Text that is sent as bytes: UTF-8, GB18030 or UTF-16, if it is all of it one of them.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<String> {
    utf8(bytes).or_else(|| gb18030(bytes)).or_else(|| everyday(utf16(bytes)))
}

/// What is said to be UTF-16, big endian.
pub(super) fn in_place_of_ucs2(bytes: &[u8]) -> Option<String> {
    let (little, faulty) = UTF_16LE.decode_without_bom_handling(bytes);
    let little = Some(little.trim_end_matches('\0').to_owned()).filter(|_| !faulty);
    little.and_then(everyday).or_else(|| utf8(bytes).filter(|text| !text.is_ascii()))
}

/// What is said to be GB18030, and makes no sense as that.
pub(super) fn in_place_of_gb(bytes: &[u8]) -> Option<String> {
    utf8(bytes).or_else(|| everyday(utf16(bytes)))
}

/// UTF-8 beyond doubt: several characters of three bytes each, and none of two. Of GB18030 that is a text of rare
/// characters, and only by a chance in a hundred thousand.
pub(super) fn utf8_for_certain(bytes: &[u8]) -> Option<String> {
    let text = utf8(bytes)?;
    let mut wide = text.chars().filter(|c| !c.is_ascii());
    (wide.clone().count() >= 2 && wide.all(|c| c >= '\u{800}')).then_some(text)
}

/// What is said to be septets, and has bytes that are none.
pub(super) fn beyond_septets(bytes: &[u8]) -> Option<String> {
    let latin = || WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned();
    let sound = |text: &String| !text.chars().any(is_strange);
    utf8(bytes).or_else(|| gb18030(bytes)).or_else(|| Some(latin()).filter(sound))
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().filter(|text| is_plausible(text)).map(str::to_owned)
}

fn gb18030(bytes: &[u8]) -> Option<String> {
    let (text, faulty) = GB18030.decode_without_bom_handling(bytes);
    (!faulty && is_plausible(&text)).then(|| text.into_owned())
}

fn is_plausible(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(is_strange)
}

/// What nobody writes: control characters, private use, what could not be read, and no characters at all.
fn is_strange(c: char) -> bool {
    let control = c.is_control() && !"\r\n\t".contains(c);
    control || matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{FFF0}'..='\u{FFFF}')
}

/// `text`, if there is nothing in it but what people in China write every day.
fn everyday(text: String) -> Option<String> {
    let usual = |c: char| {
        matches!(c, ' '..='~' | '\r' | '\n' | '\u{B7}' | '\u{2010}'..='\u{2026}' | '\u{3000}'..='\u{303F}'
            | '\u{4E00}'..='\u{9FA5}' | '\u{FE0F}' | '\u{FF00}'..='\u{FFEF}' | '\u{1F300}'..='\u{1FAFF}')
    };
    (!text.is_empty() && text.chars().all(usual)).then_some(text)
}

/// Characters of which each is one of ASCII with its bytes swapped, `攀` for `e`, and a space among them: what is a space
/// then stands in no Chinese text.
fn is_swapped_latin(text: &str) -> bool {
    let swapped = |c: char| u16::try_from(c as u32).is_ok_and(|unit| matches!(unit.swap_bytes(), 0x20..=0x7E));
    text.contains('\u{2000}') && text.chars().all(swapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Coding;
    use proptest::prelude::*;

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn big(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn a_text_under_a_wrong_name_is_read_all_the_same() {
        const TEXT: &str = "路灯坏了，请来修";
        let gb = GB18030.encode(TEXT).0.into_owned();
        for coding in [Coding::Ucs2, Coding::Gb18030, Coding::Ascii, Coding::Gsm7, Coding::Binary] {
            assert_eq!(coding.decode(TEXT.as_bytes()).as_deref(), Some(TEXT), "{coding:?}");
        }
        for coding in [Coding::Gb18030, Coding::Ascii, Coding::Gsm7, Coding::Binary] {
            assert_eq!(coding.decode(&gb).as_deref(), Some(TEXT), "{coding:?}");
        }
        for text in [TEXT, "help me please", "嘉州大道123号的路灯坏了😀"] {
            assert_eq!(Coding::Ucs2.decode(&little(text)).as_deref(), Some(text));
        }
        assert_eq!(Coding::Gsm7.decode(b"caf\xE9").as_deref(), Some("café"));
    }

    #[test]
    fn a_text_under_its_right_name_is_never_taken_for_another() {
        // With a private character of an old telephone; in other scripts; of characters whose bytes could be others.
        for text in [
            "路灯坏了\u{E056}",
            "Привет",
            "안녕하세요",
            "ياخشىمۇسىز",
            "一一一一",
            "刀一刀一刀",
            "最开",
            "�路",
            "A\u{FFFD}",
        ] {
            assert_eq!(Coding::Ucs2.decode(&big(text)).as_deref(), Some(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_people_write_comes_back(text in "[ -~一-龥，。！？😀-😏]{0,140}") {
            prop_assume!(!is_swapped_latin(&text));
            prop_assert_eq!(Coding::Ucs2.decode(&big(&text)), Some(text.clone()));
            let gb = GB18030.encode(&text).0.into_owned();
            prop_assert_eq!(Coding::Gb18030.decode(&gb), Some(text));
        }
    }
}
