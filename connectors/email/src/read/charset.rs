//! From bytes to words, whatever the mail says about its charset.
//!
//! Citizens' programs leave the charset out, name one that does not exist, or name another than they use. So a label is a
//! hint: it counts if the bytes agree with it, else strict UTF-8, else what [`chardetng`] takes them for.

use super::{likely, seven};
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, UTF_8};
use std::borrow::Cow;

/// Lines of a text that are looked at each on its own.
const MAX_LINES: usize = 20_000;

/// What a label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// One of the Encoding Standard's.
    Known(&'static Encoding),
    /// HZ-GB-2312 (RFC 1843), which the Encoding Standard does not decode.
    Hz,
    /// UTF-7 (RFC 2152), likewise.
    Utf7,
    /// ISO-2022-CN (RFC 1922), likewise.
    Iso2022Cn,
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
            b"iso-2022-cn" | b"iso-2022-cn-ext" => Self::Iso2022Cn,
            b"utf8" | b"utf-8" | b"utf_8" | b"unicode-1-1-utf-8" | b"utf-8mb4" | b"utf8mb4" | b"cp65001" => {
                Self::Known(UTF_8)
            }
            b"big5" | b"big5-hkscs" | b"big-5" | b"big5hkscs" | b"cp950" | b"ms950" | b"windows-950" | b"x-x-big5" => {
                Self::Known(BIG5)
            }
            b"ks_c_5601-1987" | b"ks_c_5601" | b"cp949" | b"ms949" | b"uhc" | b"windows-949" => Self::Known(EUC_KR),
            other => match Encoding::for_label_no_replacement(other)? {
                // What programs write that do not know: it says as much as nothing.
                western if likely::is_western(western) => return None,
                known => Self::Known(known),
            },
        })
    }
}

/// Decodes `bytes`, labelled `label`; `near` is a charset that other parts of the mail are in. The half of a character at
/// the end, where a program cut the text, is left out.
pub fn decode(bytes: &[u8], label: Option<&[u8]>, near: Option<Charset>) -> String {
    let mut text = decode_whole(bytes, label, near);
    if text.ends_with(char::REPLACEMENT_CHARACTER) && !bytes.ends_with("\u{fffd}".as_bytes()) {
        text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
    }
    text
}

fn decode_whole(bytes: &[u8], label: Option<&[u8]>, near: Option<Charset>) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let labelled = label.and_then(Charset::named);
    if let Some(wide) = utf_16(bytes, labelled) {
        return wide;
    }
    if bytes.is_ascii() {
        return seven_bits(bytes, labelled);
    }
    if let Some(text) = utf_8(bytes, labelled) {
        return text;
    }
    if let Some(Charset::Known(encoding)) = labelled {
        let encoding = likely::rather(encoding, bytes);
        let (text, errors) = encoding.decode_without_bom_handling(bytes);
        // A few broken characters, as where a program cut the text, do not make the label wrong.
        if !errors || likely::is_mostly_right(&text) {
            return text.into_owned();
        }
    }
    let near = match near {
        Some(Charset::Known(encoding)) if encoding != UTF_8 => Some(encoding),
        _ => None,
    };
    likely::guess(bytes, near, label.and_then(western))
}

/// The same for a text of several lines, some of which another program may have added in another charset.
pub fn decode_lines(bytes: &[u8], label: Option<&[u8]>, near: Option<Charset>) -> String {
    let ours = |line: &&[u8]| !line.is_ascii();
    let utf_8 = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|text| likely::chinese(text) > 1);
    let few = || bytes.iter().filter(|byte| **byte == b'\n').count() < MAX_LINES;
    let several = !bytes.contains(&0) && std::str::from_utf8(bytes).is_err() && few() && {
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(ours);
        lines.clone().any(utf_8) && lines.any(|line| std::str::from_utf8(line).is_err())
    };
    if !several {
        return decode(bytes, label, near);
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| if utf_8(line) { String::from_utf8_lossy(line) } else { decode(line, label, near).into() })
        .collect()
}

fn seven_bits(bytes: &[u8], labelled: Option<Charset>) -> String {
    match labelled {
        Some(Charset::Hz) => seven::hz(bytes),
        Some(Charset::Utf7) => seven::utf_7(bytes),
        Some(Charset::Iso2022Cn) => seven::iso_2022_cn(bytes),
        // As ISO-2022-JP.
        Some(Charset::Known(encoding)) if !encoding.is_ascii_compatible() => encoding.decode(bytes).0.into_owned(),
        _ if seven::looks_like_iso_2022_cn(bytes) => seven::iso_2022_cn(bytes),
        None if seven::looks_like_hz(bytes) => seven::hz(bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Text in another charset is hardly ever valid UTF-8 with long sequences by accident, but UTF-8 is often valid in it.
fn utf_8(bytes: &[u8], labelled: Option<Charset>) -> Option<String> {
    let says_so = labelled == Some(Charset::Known(UTF_8));
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::from(text),
        // Cut in the middle of its last character, or here and there.
        Err(_) => {
            let joined = seven::joined_surrogates(bytes);
            let lossy = joined.map_or_else(|| String::from_utf8_lossy(bytes), Cow::from);
            let broken = lossy.chars().filter(|character| *character == char::REPLACEMENT_CHARACTER).count();
            let good = likely::chinese(&lossy) >= broken * 2 + 2 || (says_so && likely::is_mostly_right(&lossy));
            return good.then(|| lossy.into_owned());
        }
    };
    let long = text.chars().any(|character| character > '\u{7ff}');
    // A few Chinese characters in GBK can be valid UTF-8 of two bytes each: letters that no citizen writes.
    let western = if bytes.iter().any(u8::is_ascii_alphabetic) { '\u{24f}' } else { '\u{ff}' };
    let chance = !long
        && likely::reads_as_common_chinese(bytes)
        && text.chars().all(|c| c.is_ascii() || c > western || c == '·');
    let rather = match labelled {
        None => !chance || text.chars().all(|c| c.is_ascii() || c == '·'),
        Some(_) => says_so,
    };
    (long || rather).then(|| text.into_owned())
}

/// The Western charset that a label names.
fn western(label: &[u8]) -> Option<&'static Encoding> {
    let label: Vec<u8> = label.iter().filter(|byte| !b"\"' ;".contains(byte)).map(u8::to_ascii_lowercase).collect();
    // Programs write "ASCII" without looking.
    let ascii = label.starts_with(b"us-ascii") || label.starts_with(b"ascii") || label.starts_with(b"ansi");
    let found = Encoding::for_label_no_replacement(&label).filter(|found| likely::is_western(found) && !ascii)?;
    (found != encoding_rs::X_USER_DEFINED).then_some(found)
}

/// UTF-16, told by its label and its byte order mark, its zeros, or what it says.
fn utf_16(bytes: &[u8], labelled: Option<Charset>) -> Option<String> {
    use encoding_rs::{UTF_16BE, UTF_16LE};
    let marked = match bytes {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    let named = match labelled {
        Some(Charset::Known(encoding)) if encoding == UTF_16LE || encoding == UTF_16BE => Some(encoding),
        _ => None,
    };
    let read = |encoding: &'static Encoding| encoding.decode(bytes).0.into_owned();
    // Programs that name it often write something else, and a mark is too easily two letters of something else.
    let says = |encoding: &'static Encoding| {
        let text = read(encoding);
        (likely::chinese(&text) * 10 >= text.chars().count() * 7).then_some(encoding)
    };
    let encoding = match (marked, named) {
        (Some(marked), Some(_)) => Some(marked),
        (Some(marked), None) => {
            Some(marked).filter(|_| labelled.is_none() && bytes.contains(&0)).or_else(|| says(marked))
        }
        (None, Some(named)) => {
            let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
            match zeros(0).cmp(&zeros(1)) {
                std::cmp::Ordering::Greater => Some(UTF_16BE),
                std::cmp::Ordering::Less => Some(UTF_16LE),
                std::cmp::Ordering::Equal => says(named).or_else(|| says(UTF_16BE)).or_else(|| says(UTF_16LE)),
            }
        }
        (None, None) => None,
    };
    encoding.map(read)
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
