//! What bytes are likely to say, where no label tells: the common characters of each Chinese charset stand together, so how
//! many of a text are among them says which charset it is in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, Encoding, GB18030};

/// Bytes that a guess is made from: more of them do not make it better.
const SAMPLE: usize = 64 << 10;

/// Charsets of Western letters, the names of which programs write that do not know.
pub fn is_western(encoding: &'static Encoding) -> bool {
    [
        encoding_rs::WINDOWS_1252,
        encoding_rs::WINDOWS_1250,
        encoding_rs::WINDOWS_1254,
        encoding_rs::ISO_8859_2,
        encoding_rs::ISO_8859_15,
        encoding_rs::MACINTOSH,
        encoding_rs::X_USER_DEFINED,
    ]
    .contains(&encoding)
}

/// Chinese characters and their punctuation in `text`.
pub fn chinese(text: &str) -> usize {
    text.chars()
        .filter(|c| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}'))
        .count()
}

/// At most one in ten of the characters beyond ASCII could not be read.
pub fn is_mostly_right(text: &str) -> bool {
    let (mut wide, mut broken) = (0_usize, 0_usize);
    for character in text.chars().filter(|character| !character.is_ascii()) {
        if character == char::REPLACEMENT_CHARACTER { broken += 1 } else { wide += 1 }
    }
    broken * 10 <= wide
}

/// Characters of two bytes: how many are common ones, how many there are, punctuation left out; and whether all are whole.
#[derive(Debug, Clone, Copy)]
struct Count {
    common: usize,
    all: usize,
    whole: bool,
}

impl Count {
    fn reaches(&self, percent: usize) -> bool {
        self.all > 0 && self.common * 100 >= self.all * percent
    }
}

fn count(
    bytes: &[u8],
    lead: impl Fn(u8) -> bool,
    trail: impl Fn(u8) -> bool,
    letter: impl Fn(u8, u8) -> Option<bool>,
) -> Count {
    let mut found = Count { common: 0, all: 0, whole: true };
    let mut rest = &bytes[..bytes.len().min(SAMPLE)];
    loop {
        rest = match rest {
            [one, tail @ ..] if one.is_ascii() => tail,
            [one, two, tail @ ..] if lead(*one) && trail(*two) => {
                if let Some(common) = letter(*one, *two) {
                    found.all += 1;
                    found.common += usize::from(common);
                }
                tail
            }
            // The cut at the end.
            [_] => return found,
            [_, tail @ ..] => {
                found.whole = false;
                tail
            }
            [] => return found,
        };
    }
}

/// Read as GBK. Common is the first level of GB 2312.
fn gbk(bytes: &[u8]) -> Count {
    let letter = |one: u8, two: u8| {
        let punctuation = (0xa1..=0xa9).contains(&one);
        (!punctuation).then_some((0xb0..=0xd7).contains(&one) && two >= 0xa1)
    };
    count(bytes, |one| (0x81..=0xfe).contains(&one), |two| (0x40..=0xfe).contains(&two) && two != 0x7f, letter)
}

/// Read as Big5. Common are its first 5,401 characters.
fn big5(bytes: &[u8]) -> Count {
    let trail = |two: u8| (0x40..=0x7e).contains(&two) || (0xa1..=0xfe).contains(&two);
    let letter = |one: u8, _: u8| (one >= 0xa4).then_some((0xa4..=0xc6).contains(&one));
    count(bytes, |one| (0x81..=0xfe).contains(&one), trail, letter)
}

/// Whether all of it is whole characters of GBK, nearly all of them common.
pub fn reads_as_common_chinese(bytes: &[u8]) -> bool {
    let found = gbk(bytes);
    found.whole && found.reaches(100)
}

/// Read as GBK these are whole characters, most of them common.
pub fn reads_as_chinese(bytes: &[u8]) -> bool {
    let found = gbk(bytes);
    found.whole && found.reaches(60)
}

/// The other Chinese charset than the label names, where the bytes say so plainly.
pub fn rather(labelled: &'static Encoding, bytes: &[u8]) -> &'static Encoding {
    let (simplified, traditional) = (gbk(bytes), big5(bytes));
    let plainly = |one: Count, percent| one.whole && one.all >= 4 && one.reaches(percent);
    if labelled == GB18030 && plainly(traditional, 85) && !simplified.reaches(70) {
        return BIG5;
    }
    // Most of GB 2312 is something in Big5 as well, but hardly ever are so many in a row common in GB 2312 by accident.
    let least = if simplified.all >= 8 { 80 } else { 95 };
    if labelled == BIG5 && plainly(simplified, least) && (simplified.all >= 6 || !traditional.reaches(70)) {
        return GB18030;
    }
    labelled
}

/// Whether it is plainly Big5.
pub fn is_traditional(bytes: &[u8]) -> bool {
    let found = big5(bytes);
    found.whole && found.all > 3 && found.reaches(90) && !gbk(bytes).reaches(70) && std::str::from_utf8(bytes).is_err()
}

/// Neither says a label what it is, nor is it UTF-8. `western` is what it says that it is, if that is Western.
pub fn guess(bytes: &[u8], near: Option<&'static Encoding>, western: Option<&'static Encoding>) -> String {
    let read = |encoding: &'static Encoding| encoding.decode_without_bom_handling(bytes);
    let known = western.unwrap_or(encoding_rs::WINDOWS_1252);
    if looks_western(bytes) || (western.is_some() && !reads_as_chinese(bytes)) {
        return read(known).0.into_owned();
    }
    if let Some(near) = near {
        let (text, errors) = read(rather(near, bytes));
        if !errors {
            return text.into_owned();
        }
    }
    if is_traditional(bytes) {
        return read(BIG5).0.into_owned();
    }
    let simplified = gbk(bytes);
    if simplified.whole && simplified.reaches(90) && simplified.all < 20 {
        // Too short for the languages of our neighbours to be told from it.
        return read(GB18030).0.into_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(SAMPLE)], true);
    let guessed = detector.guess(Some(b"cn"), Utf8Detection::Deny);
    let (text, errors) = read(guessed);
    if (guessed.is_single_byte() && reads_as_chinese(bytes)) || (errors && !is_mostly_right(&text)) {
        return read(GB18030).0.into_owned();
    }
    text.into_owned()
}

/// Letters with accents, each alone among plain ones.
fn looks_western(bytes: &[u8]) -> bool {
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let mut high = bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii()).peekable();
    high.peek().is_some()
        && high.all(|(at, byte)| {
            let alone =
                bytes.get(at + 1).is_none_or(u8::is_ascii) && at.checked_sub(1).is_none_or(|at| bytes[at].is_ascii());
            *byte >= 0xc0 && alone && letter(at.checked_sub(1)) && letter(Some(at + 1))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLIFIED: &str = "嘉州大道路灯坏了，请尽快修理";
    const TRADITIONAL: &str = "嘉州大道路燈壞了，請盡快修理";

    #[test]
    fn the_two_chinese_charsets_are_told_apart_whatever_the_label() {
        let (gbk, _, _) = GB18030.encode(SIMPLIFIED);
        let (big5, _, _) = BIG5.encode(TRADITIONAL);
        for labelled in [GB18030, BIG5] {
            assert_eq!(rather(labelled, &gbk), GB18030);
            assert_eq!(rather(labelled, &big5), BIG5);
        }
        assert_eq!(guess(&gbk, None, None), SIMPLIFIED);
        assert_eq!(guess(&big5, None, None), TRADITIONAL);
        assert_eq!(guess(&gbk, None, Some(encoding_rs::ISO_8859_15)), SIMPLIFIED);
    }

    #[test]
    fn short_words_are_chinese() {
        for word in ["投诉", "噪音", "路灯", "井盖", "社保", "一"] {
            assert_eq!(guess(&GB18030.encode(word).0, None, None), word);
        }
    }

    #[test]
    fn letters_with_accents_are_western() {
        assert_eq!(guess(b"caf\xe9 au lait", None, None), "café au lait");
        assert_eq!(guess(b"mi\xdfliche Gr\xf6\xdfe", None, Some(encoding_rs::WINDOWS_1252)), "mißliche Größe");
        assert_eq!(guess(b"\xa6koda", None, Some(encoding_rs::ISO_8859_15)), "Škoda");
    }
}
