//! Charsets that the Encoding Standard does not decode, most of them of seven bits.

use encoding_rs::GB18030;

/// Whether there is Chinese between `~{` and `~}`.
pub fn looks_like_hz(bytes: &[u8]) -> bool {
    let begins = bytes.windows(2).position(|pair| pair == b"~{");
    begins.is_some_and(|at| bytes[at..].windows(2).any(|pair| pair == b"~}"))
}

/// HZ-GB-2312 (RFC 1843): `~{` and `~}` around pairs of seven-bit bytes, `~~` for a tilde, `~` at a line's end for none.
pub fn hz(bytes: &[u8]) -> String {
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
            ([b'~', b'\r', b'\n', tail @ ..] | [b'~', b'\n', tail @ ..], _) => tail,
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
pub fn utf_7(bytes: &[u8]) -> String {
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

/// The bytes that announce GB 2312 in ISO-2022-CN.
const ANNOUNCED: &[u8] = b"\x1b$)A";

/// Whether it announces GB 2312 as ISO-2022-CN does.
pub fn looks_like_iso_2022_cn(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, ANNOUNCED).is_some()
}

/// ISO-2022-CN (RFC 1922), of its sets GB 2312 only: between shift out and shift in, or the line's end.
pub fn iso_2022_cn(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut chinese = false;
    let mut rest = bytes;
    loop {
        rest = match rest {
            [0x1b, b'$', b')' | b'*' | b'+', _, tail @ ..] => tail,
            [0x0e, tail @ ..] => {
                chinese = true;
                tail
            }
            [0x0f, tail @ ..] => {
                chinese = false;
                tail
            }
            [one @ 0x21..=0x7e, two @ 0x21..=0x7e, tail @ ..] if chinese => {
                plain.extend([one | 0x80, two | 0x80]);
                tail
            }
            [byte, tail @ ..] => {
                chinese &= *byte != b'\n';
                plain.push(*byte);
                tail
            }
            [] => return GB18030.decode_without_bom_handling(&plain).0.into_owned(),
        };
    }
}

/// UTF-8 in which each half of a character beyond the first plane is written on its own, as Java does (CESU-8); `None` if
/// there is no such.
pub fn joined_surrogates(bytes: &[u8]) -> Option<String> {
    let mut joined = Vec::with_capacity(bytes.len());
    let (mut rest, mut found) = (bytes, false);
    while let [first, tail @ ..] = rest {
        if let [0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d @ 0x80..=0xbf, tail @ ..] = rest {
            let half = |high: u8, low: u8| u32::from(high & 0x0f) << 6 | u32::from(low & 0x3f);
            let code = 0x1_0000 + (half(*a, *b) << 10) + (half(*c, *d) & 0x3ff);
            let mut buffer = [0; 4];
            joined.extend(char::from_u32(code)?.encode_utf8(&mut buffer).bytes());
            (rest, found) = (tail, true);
        } else {
            joined.push(*first);
            rest = tail;
        }
    }
    found.then(|| String::from_utf8_lossy(&joined).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_bits_are_enough() {
        assert_eq!(hz(b"~{VPND~} ~~ ok"), "中文 ~ ok");
        assert_eq!(hz(b"~{VP~\r\nND~}"), "中文", "a line that goes on");
        assert_eq!(utf_7(b"Fr+APY-sche +- +W1c-"), "Frösche + 字");
        assert_eq!(iso_2022_cn(b"\x1b$)A\x0eVPND\x0f ok\n\x0eVP\n~ok"), "中文 ok\n中\n~ok");
        assert!(looks_like_hz(b"~{VPND~}") && !looks_like_hz(b"~} ~{"));
    }

    #[test]
    fn halves_of_a_face_are_joined() {
        assert_eq!(joined_surrogates(b"a\xed\xa0\xbd\xed\xb8\xa1").as_deref(), Some("a😡"));
        assert_eq!(joined_surrogates(b"a\xed\xa0\xbd"), None);
    }
}
