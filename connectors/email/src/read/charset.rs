//! From bytes to words, whatever the mail says about its charset.
//!
//! Citizens' programs leave the charset out, name one that does not exist, or name another than they use. So a label is a
//! hint: it counts if the bytes agree with it, else strict UTF-8, else what [`chardetng`] takes them for.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, UTF_8};

/// Bytes that a guess is made from: more of them do not make it better.
const SAMPLE: usize = 64 << 10;

/// What a label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// One of the Encoding Standard's.
    Known(&'static Encoding),
    /// HZ-GB-2312 (RFC 1843), which the Encoding Standard does not decode.
    Hz,
    /// UTF-7 (RFC 2152), likewise.
    Utf7,
}

impl Charset {
    /// What `label` stands for; `None` for one that says nothing: unknown, or only "not ASCII".
    pub fn named(label: &[u8]) -> Option<Self> {
        let junk = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"-_:".contains(byte);
        let label = label.split(|byte| *byte == b'*').next().unwrap_or_default();
        let clean: Vec<u8> = label.iter().filter(|byte| !junk(byte)).map(u8::to_ascii_lowercase).collect();
        Some(match clean.as_slice() {
            // All Chinese labels mean the largest set: programs write its characters under any of them.
            b"gb2312" | b"gbk" | b"x-gbk" | b"cp936" | b"ms936" | b"cn-gb" | b"windows-936" | b"csgb2312"
            | b"euc-cn" | b"euccn" | b"gb_2312-80" | b"gb2312-80" | b"gb18030" | b"gb18030-2000" | b"gb18030-2005"
            | b"gb18030-2022" | b"gb_18030" | b"gb" | b"chinese" => Self::Known(GB18030),
            b"utf-7" | b"utf7" | b"unicode-1-1-utf-7" | b"cp65000" => Self::Utf7,
            b"hz-gb-2312" | b"hz" | b"hz-gb2312" => Self::Hz,
            b"utf8" | b"utf-8" | b"utf_8" | b"unicode-1-1-utf-8" | b"utf-8mb4" | b"utf8mb4" | b"cp65001" => {
                Self::Known(UTF_8)
            }
            b"big5" | b"big5-hkscs" | b"big-5" | b"big5hkscs" | b"cp950" | b"ms950" | b"windows-950" | b"x-x-big5" => {
                Self::Known(BIG5)
            }
            b"ks_c_5601-1987" | b"ks_c_5601" | b"cp949" | b"ms949" | b"uhc" | b"windows-949" => Self::Known(EUC_KR),
            // What programs write that do not know: it says as much as nothing.
            b"us-ascii" | b"ascii" | b"iso-8859-1" | b"iso8859-1" | b"latin1" | b"windows-1252" | b"cp1252" => {
                return None;
            }
            other => {
                let known = Encoding::for_label_no_replacement(other)?;
                Self::Known(known)
            }
        })
    }
}

/// Decodes `bytes`, labelled `label`; `near` is a charset that other parts of the mail are in.
pub fn decode(bytes: &[u8], label: Option<&[u8]>, near: Option<Charset>) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let labelled = label.and_then(Charset::named);
    match labelled {
        Some(Charset::Hz) => return hz(bytes),
        Some(Charset::Utf7) if bytes.is_ascii() => return utf_7(bytes),
        _ => {}
    }
    if let Some(wide) = utf_16(bytes, labelled) {
        return wide;
    }
    if bytes.is_ascii() {
        return match labelled {
            // Seven bits all the same, as ISO-2022-JP.
            Some(Charset::Known(encoding)) if !encoding.is_ascii_compatible() => encoding.decode(bytes).0.into_owned(),
            None if looks_like_hz(bytes) => hz(bytes),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
    }
    // Text in another charset is hardly ever valid UTF-8 with long sequences by accident, but UTF-8 is often valid in it.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let long = text.chars().any(|character| character > '\u{7ff}');
        if long || labelled.is_none_or(|labelled| labelled == Charset::Known(UTF_8)) {
            return text.to_owned();
        }
    }
    if let Some(Charset::Known(encoding)) = labelled {
        let (text, errors) = encoding.decode_without_bom_handling(bytes);
        // A few broken characters, as where a program cut the text, do not make the label wrong.
        if !errors || is_mostly_right(&text) {
            return text.into_owned();
        }
    }
    if std::str::from_utf8(bytes).is_err() {
        let lossy = String::from_utf8_lossy(bytes);
        if is_mostly_right(&lossy) {
            return lossy.into_owned();
        }
    } else {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    guess(bytes, near, labelled.is_none() && label.is_some_and(is_latin))
}

fn is_latin(label: &[u8]) -> bool {
    let clean: Vec<u8> = label.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    matches!(clean.as_slice(), b"iso88591" | b"latin1" | b"windows1252" | b"cp1252")
}

/// Neither says the label what it is, nor is it UTF-8.
fn guess(bytes: &[u8], near: Option<Charset>, latin: bool) -> String {
    let western = || encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned();
    if looks_western(bytes) || (latin && !reads_as_chinese(bytes)) {
        return western();
    }
    if let Some(Charset::Known(encoding)) = near.filter(|near| *near != Charset::Known(UTF_8)) {
        let (text, errors) = encoding.decode_without_bom_handling(bytes);
        if !errors {
            return text.into_owned();
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(SAMPLE)], true);
    let guessed = detector.guess(Some(b"cn"), Utf8Detection::Deny);
    let (text, errors) = guessed.decode_without_bom_handling(bytes);
    if (guessed.is_single_byte() && reads_as_chinese(bytes)) || (errors && !is_mostly_right(&text)) {
        return GB18030.decode_without_bom_handling(bytes).0.into_owned();
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

/// Read as GBK these are whole characters, most of them of the first level of GB 2312, which has the common ones.
fn reads_as_chinese(bytes: &[u8]) -> bool {
    let (mut common, mut all) = (0, 0);
    let mut rest = bytes;
    loop {
        rest = match rest {
            [lead @ 0x81..=0xfe, trail @ 0x40..=0xfe, tail @ ..] => {
                // Punctuation and full-width letters are as good as nothing.
                if !(0xa1..=0xa9).contains(lead) {
                    all += 1;
                    common += usize::from((0xb0..=0xd7).contains(lead) && *trail >= 0xa1);
                }
                tail
            }
            [byte, tail @ ..] if byte.is_ascii() => tail,
            [_, ..] => return false,
            [] => return common > 0 && common * 10 >= all * 6,
        }
    }
}

/// At most one in ten of the characters beyond ASCII could not be read, or it is the cut at the end.
fn is_mostly_right(text: &str) -> bool {
    let (mut wide, mut broken) = (0_usize, 0_usize);
    for character in text.chars().filter(|character| !character.is_ascii()) {
        if character == char::REPLACEMENT_CHARACTER { broken += 1 } else { wide += 1 }
    }
    broken * 10 <= wide
}

/// UTF-16, told by its byte order mark or its label.
fn utf_16(bytes: &[u8], labelled: Option<Charset>) -> Option<String> {
    let marked = match bytes {
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    let named = match labelled {
        Some(Charset::Known(encoding)) if encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE => {
            // Programs that name it often write something else: real UTF-16 of any language has zeros.
            bytes.contains(&0).then_some(encoding)
        }
        _ => None,
    };
    // A mark without zeros is too easily two letters of something else.
    let encoding = marked.filter(|_| labelled.is_none() || named.is_some()).or(named)?;
    Some(encoding.decode(bytes).0.into_owned())
}

fn looks_like_hz(bytes: &[u8]) -> bool {
    let begins = bytes.windows(2).position(|pair| pair == b"~{");
    begins.is_some_and(|at| bytes[at..].windows(2).any(|pair| pair == b"~}"))
}

/// HZ-GB-2312 (RFC 1843): `~{` and `~}` around pairs of seven-bit bytes, `~~` for a tilde, `~` at a line's end for none.
fn hz(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut chinese = false;
    let mut rest = bytes;
    loop {
        rest = match (rest, chinese) {
            ([b'~', b'{', tail @ ..], _) => {
                chinese = true;
                tail
            }
            ([b'~', b'}', tail @ ..], _) => {
                chinese = false;
                tail
            }
            ([b'~', b'~', tail @ ..], false) => {
                plain.push(b'~');
                tail
            }
            ([b'~', b'\r', b'\n', tail @ ..] | [b'~', b'\n', tail @ ..], false) => tail,
            // A line's end ends the Chinese as well, so that a lost mark costs one line.
            ([b'\n', tail @ ..], _) => {
                chinese = false;
                plain.push(b'\n');
                tail
            }
            ([one @ 0x21..=0x77, two @ 0x21..=0x7e, tail @ ..], true) => {
                plain.extend([one | 0x80, two | 0x80]);
                tail
            }
            ([byte, tail @ ..], _) => {
                plain.push(*byte);
                tail
            }
            ([], _) => break,
        };
    }
    GB18030.decode_without_bom_handling(&plain).0.into_owned()
}

/// UTF-7 (RFC 2152): `+` and `-` around base64 of UTF-16.
fn utf_7(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        text.push_str(&String::from_utf8_lossy(&rest[..plus]));
        let inner = &rest[plus + 1..];
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let length = inner.iter().position(|byte| !letter(byte)).unwrap_or(inner.len());
        if length == 0 {
            text.push('+');
        }
        let wide = super::transfer::base64(&inner[..length]);
        let units = wide.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        rest = &inner[length..];
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GBK: &[u8] = b"\xbd\xd6\xb5\xc0\xc2\xb7\xb5\xc6\xbb\xb5\xc1\xcb";
    const WORDS: &str = "街道路灯坏了";

    #[test]
    fn a_label_counts_only_if_the_bytes_agree() {
        for label in
            [&b"gb2312"[..], b"\"gbk \"", b"GB18030;", b"utf-8", b"no-such", b"us-ascii", b"iso-8859-1", b"x-gbk"]
        {
            assert_eq!(decode(GBK, Some(label), None), WORDS, "{}", String::from_utf8_lossy(label));
        }
        assert_eq!(decode(GBK, None, None), WORDS);
        for label in [&b"gbk"[..], b"big5", b"utf8", b"", b"iso-8859-1"] {
            assert_eq!(decode(WORDS.as_bytes(), Some(label), None), WORDS);
        }
    }

    #[test]
    fn a_cut_or_broken_character_does_not_spoil_the_others() {
        let cut = &WORDS.as_bytes()[..WORDS.len() - 1];
        assert!(decode(&[WORDS.as_bytes(), WORDS.as_bytes(), cut].concat(), Some(b"utf-8"), None).starts_with(WORDS));
        assert!(decode(&[GBK, GBK, &GBK[..11]].concat(), Some(b"gbk"), None).starts_with(WORDS));
    }

    #[test]
    fn western_letters_stay_western() {
        assert_eq!(decode(b"caf\xe9 au lait", Some(b"iso-8859-1"), None), "café au lait");
        assert_eq!(decode(b"Die Fr\xf6sche", Some(b"iso-8859-1"), None), "Die Frösche");
        assert_eq!(decode(b"mi\xdfliche Gr\xf6\xdfe", Some(b"iso-8859-1"), None), "mißliche Größe");
        assert_eq!(decode(b"Die Fr\xf6sche", None, None), "Die Frösche");
        assert_eq!(decode(b"Fr+APY-sche +- +W1c-", Some(b"utf-7"), None), "Frösche + 字");
    }

    #[test]
    fn hz_is_read_with_and_without_its_label() {
        assert_eq!(decode(b"~{VPND~} ~~ ok", Some(b"hz-gb-2312"), None), "中文 ~ ok");
        assert_eq!(decode(b"~{VPND~}", None, None), "中文");
    }
}
