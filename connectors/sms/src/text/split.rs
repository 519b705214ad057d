//! Outgoing messages, split: never inside a surrogate pair, and with room for what the carrier adds.

use super::gsm7;
use bytes::{BufMut, Bytes, BytesMut};

/// A message of one part: 140 bytes of user data (3GPP TS 23.040), in characters of UCS-2.
const SINGLE: usize = 70;
/// A part of several: six bytes of header less.
const PART: usize = 67;
/// A message in ASCII; CMPP allows less than 160.
const ASCII: usize = 159;
/// Parts that a header can count.
const MOST: usize = 255;

/// One part of an outgoing message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// In UCS-2; otherwise in the default alphabet, and then of one part only.
    pub ucs2: bool,
    /// It begins with a user data header.
    pub header: bool,
    /// The header and the text.
    pub bytes: Bytes,
}

/// `text` as parts that each leave `reserve` characters free; `reference` names them as belonging together. `None` for a
/// text that needs more parts than can be counted.
pub(crate) fn split(text: &str, reserve: usize, reference: u8) -> Option<Vec<Outgoing>> {
    if gsm7::is_common(text) && text.len() + reserve <= ASCII {
        return Some(vec![Outgoing { ucs2: false, header: false, bytes: Bytes::copy_from_slice(text.as_bytes()) }]);
    }
    let units: usize = text.chars().map(char::len_utf16).sum();
    if units + reserve <= SINGLE {
        return Some(vec![Outgoing { ucs2: true, header: false, bytes: ucs2(&[], text) }]);
    }
    // Two units at least, so that a surrogate pair has room.
    let room = PART.saturating_sub(reserve).max(2);
    let (mut pieces, mut begin, mut used) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        if used + character.len_utf16() > room {
            pieces.push(&text[begin..at]);
            (begin, used) = (at, 0);
        }
        used += character.len_utf16();
    }
    pieces.push(&text[begin..]);
    if pieces.len() > MOST {
        return None;
    }
    let total = pieces.len() as u8;
    let part = |(index, piece): (usize, &&str)| {
        let header = [5, 0, 3, reference, total, index as u8 + 1];
        Outgoing { ucs2: true, header: true, bytes: ucs2(&header, piece) }
    };
    Some(pieces.iter().enumerate().map(part).collect())
}

fn ucs2(header: &[u8], text: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(140);
    bytes.put_slice(header);
    text.encode_utf16().for_each(|unit| bytes.put_u16(unit));
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Coding, Udh, join};
    use proptest::prelude::*;

    fn back(parts: &[Outgoing]) -> String {
        let text =
            |part: &'_ Outgoing| if part.header { Udh::read(&part.bytes).text.to_vec() } else { part.bytes.to_vec() };
        let texts: Vec<Vec<u8>> = parts.iter().map(text).collect();
        let texts: Vec<Option<&[u8]>> = texts.iter().map(|text| Some(&text[..])).collect();
        let coding = if parts[0].ucs2 { Coding::Ucs2 } else { Coding::Ascii };
        join(coding, &texts).unwrap()
    }

    #[test]
    fn limits_are_kept_to_the_character() {
        let parts = |text: &str, reserve| split(text, reserve, 7).unwrap().len();
        assert_eq!((parts(&"路".repeat(70), 0), parts(&"路".repeat(71), 0), parts(&"路".repeat(134), 0)), (1, 2, 2));
        assert_eq!((parts(&"路".repeat(135), 0), parts(&"路".repeat(62), 8), parts(&"路".repeat(63), 8)), (3, 1, 2));
        assert_eq!((parts(&"a".repeat(159), 0), parts(&"a".repeat(160), 0)), (1, 3));
        assert!(split(&"路".repeat(67 * 255 + 1), 0, 7).is_none());
        // 66 characters, then a pair that does not fit any more.
        let cut = split(&format!("{}😀{}", "路".repeat(66), "灯".repeat(10)), 0, 7).unwrap();
        assert_eq!(cut[0].bytes.len(), 6 + 66 * 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_comes_back_in_parts_that_fit(text in "[\\PC\n😀]{0,400}", reserve in 0usize..30, reference: u8) {
            // Padding is not text, here nor at the far side.
            let text = text.trim_end_matches('\0').replace(['\u{FEFF}', '\u{FFFD}'], "");
            let parts = split(&text, reserve, reference).unwrap();
            prop_assert_eq!(back(&parts), text);
            for (index, part) in parts.iter().enumerate() {
                let limit = if part.ucs2 { 140 } else { 159 };
                let reserved = reserve * if part.ucs2 { 2 } else { 1 };
                prop_assert!(part.bytes.len() + reserved <= limit);
                if part.header {
                    let segment = Udh::read(&part.bytes).segment.unwrap();
                    prop_assert_eq!(usize::from(segment.place), index + 1);
                    prop_assert_eq!(usize::from(segment.total), parts.len());
                    let halves = Coding::Ucs2.decode(Udh::read(&part.bytes).text).unwrap().contains('\u{FFFD}');
                    prop_assert!(!halves);
                }
            }
        }
    }
}
