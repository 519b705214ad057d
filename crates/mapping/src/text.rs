//! Bytes as text, in whatever encoding a vendor declares or a Chinese system writes.

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// `bytes` as text: by their byte order mark, else in the `declared` encoding (a label of the WHATWG Encoding Standard, as
/// `gb2312`), else UTF-8 if they are, else [`guessed`]. What has no character becomes U+FFFD.
pub fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    let declared = declared.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    // GB2312 and GBK are what older systems say; GB18030 has all their characters and more (the Standard reads it so, too).
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => declared.unwrap_or_else(|| guessed(bytes)),
    };
    encoding.decode(bytes).0.into_owned()
}

/// What undeclared bytes most likely are: UTF-8 if they can be; UTF-16 if every second byte of Latin letters is missing;
/// else Big5 where GB18030 cannot be, else GB18030.
pub fn guessed(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // A character cut in two at the end of a sample.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    let nulls = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let half = bytes.len() / 2;
    if half > 0 && nulls(1) * 10 > half && nulls(1) > nulls(0) * 4 {
        return UTF_16LE;
    }
    if half > 0 && nulls(0) * 10 > half && nulls(0) > nulls(1) * 4 {
        return UTF_16BE;
    }
    if whole {
        return UTF_8;
    }
    let faults = |encoding: &'static Encoding| {
        encoding.decode_without_bom_handling(bytes).0.chars().filter(|character| *character == '\u{fffd}').count()
    };
    match faults(GB18030) {
        0 => GB18030,
        gb if faults(BIG5) < gb / 2 => BIG5,
        _ => GB18030,
    }
}
