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

/// Bytes that a guess is made from: more of them do not make it better.
const SAMPLE: usize = 64 << 10;

/// What undeclared bytes most likely are: UTF-16 if every second byte of Latin letters is missing, UTF-8 if they can be,
/// else whichever of GB18030 and Big5 makes the likelier Chinese of them.
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
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    if oddities(BIG5, sample) < oddities(GB18030, sample) { BIG5 } else { GB18030 }
}

/// Characters that no Chinese sentence has much of: what comes of reading one encoding as another.
fn oddities(encoding: &'static Encoding, sample: &[u8]) -> usize {
    let odd = |character: &char| {
        matches!(character, '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{370}'..='\u{52f}' | '\u{2500}'..='\u{257f}'
            | '\u{3040}'..='\u{312f}' | '\u{ac00}'..='\u{d7a3}' | '\u{80}'..='\u{9f}')
    };
    encoding.decode_without_bom_handling(sample).0.chars().filter(odd).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_marked_or_likely_is_read() {
        let words = "反映城东小区夜间施工噪声扰民，希望尽快处理，谢谢。";
        let (gb, traditional) = (GB18030.encode(words).0, "反映城東小區夜間施工噪聲擾民，希望儘快處理，謝謝。");
        assert_eq!(decode(&gb, Some("gb2312")), words);
        assert_eq!(decode(&gb, None), words);
        assert_eq!(decode(&BIG5.encode(traditional).0, None), traditional);
        assert_eq!(decode(words.as_bytes(), None), words);
        assert_eq!(decode(format!("\u{feff}{words}").as_bytes(), Some("gbk")), words, "a mark goes before all");
        let wide =
            |order: fn(u16) -> [u8; 2]| format!("id,{words}").encode_utf16().flat_map(order).collect::<Vec<u8>>();
        assert_eq!(
            guessed(&"id,phone,content".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            UTF_16LE
        );
        assert_eq!(
            guessed(&"id,phone,content".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()),
            UTF_16BE
        );
        assert_eq!(decode(&wide(u16::to_le_bytes), Some("utf-16le")), format!("id,{words}"));
    }
}
