//! Undoing the transfer encoding of bodies (RFC 2045, section 6), as far as it can be undone.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::borrow::Cow;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of a body whose `Content-Transfer-Encoding` is `encoding`.
pub fn undo<'a>(body: &'a [u8], encoding: &[u8]) -> Cow<'a, [u8]> {
    let name: Vec<u8> =
        encoding.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    match name.as_slice() {
        b"base64" => base64(body).into(),
        b"quotedprintable" => quoted_printable(body).into(),
        b"xuuencode" | b"uuencode" | b"xuue" | b"uue" => uuencoded(body).map_or(body.into(), Cow::from),
        _ => body.into(),
    }
}

/// Base64 up to where it breaks off: what is no letter of it is left out, and a lone last letter is dropped. Behind the
/// padding it goes on only with a line that is base64 and nothing else, not with the words that lists add.
pub fn base64(text: &[u8]) -> Vec<u8> {
    if is_plain(text) {
        return text.to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut letters = Vec::with_capacity(4096);
    let mut flush = |letters: &mut Vec<u8>| {
        if letters.len() % 4 == 1 {
            letters.pop();
        }
        // Only letters are left, so that it always can.
        let _ = LENIENT.decode_vec(&letters, &mut bytes);
        letters.clear();
    };
    let mut padded = false;
    for line in text.split(|byte| *byte == b'\n') {
        if padded && !line.iter().all(|byte| is_letter(*byte) || matches!(byte, b'=' | b'\r')) {
            break;
        }
        let mut before = b'\n';
        for byte in line {
            // Words in the same line, behind the padding.
            if before == b'=' && matches!(byte, b' ' | b'\t') {
                break;
            }
            before = *byte;
            match *byte {
                b'=' => {
                    flush(&mut letters);
                    padded = true;
                }
                byte if is_letter(byte) => letters.push(byte),
                _ => {}
            }
            if letters.len() == 4096 {
                flush(&mut letters);
            }
        }
    }
    flush(&mut letters);
    bytes
}

/// Programs say base64 and write plain text: too much of it is no letter of base64.
fn is_plain(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(2048)];
    // Padding at the end of a line: what is behind it is another matter.
    let padding = sample.windows(2).position(|pair| pair[0] == b'=' && matches!(pair[1], b'\r' | b'\n' | b' '));
    let sample = &sample[..padding.unwrap_or(sample.len())];
    let lines = sample.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let foreign: usize =
        lines.map(|line| line.iter().filter(|byte| !is_letter(**byte) && **byte != b'=').count()).sum();
    foreign * 10 > sample.len()
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Quoted-printable; what is no code stays as it is.
pub fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'=' | b' ' | b'\t')) {
        bytes.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if rest[0] != b'=' {
            // White space at the end of a line was added on the way.
            let white = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
            if !matches!(rest.get(white..), Some([b'\n', ..] | [b'\r', b'\n', ..])) {
                bytes.extend_from_slice(&rest[..white]);
            }
            rest = &rest[white..];
            continue;
        }
        let hex = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
        let white = rest[1..].iter().position(|byte| !matches!(byte, b' ' | b'\t')).map_or(rest.len(), |at| at + 1);
        rest = match rest {
            [_, one, two, tail @ ..] if hex(one).is_some() && hex(two).is_some() => {
                bytes.push(hex(one).unwrap_or(0) << 4 | hex(two).unwrap_or(0));
                tail
            }
            // A soft line break.
            _ => match &rest[white..] {
                [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => tail,
                [] => &[],
                _ => {
                    bytes.push(b'=');
                    &rest[1..]
                }
            },
        };
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// The file between `begin` and `end`; `None` if there is none.
fn uuencoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.find(|line| line.starts_with(b"begin "))?;
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for line in lines.take_while(|line| *line != b"end") {
        let Some((length, letters)) = line.split_first() else { continue };
        let length = usize::from(length.wrapping_sub(32) & 63);
        let start = bytes.len();
        for group in letters.chunks(4) {
            let value = group.iter().fold(0_u32, |value, letter| value << 6 | u32::from(letter.wrapping_sub(32) & 63));
            let value = value << (6 * (4 - group.len()));
            bytes.extend_from_slice(&value.to_be_bytes()[1..]);
        }
        bytes.truncate(bytes.len().min(start + length));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_up_to_where_it_breaks_off() {
        assert_eq!(base64(b"6Lev54Gv5Z2P5LqG"), "路灯坏了".as_bytes());
        assert_eq!(base64(b"6Lev54Gv5Z2P5Lq"), &"路灯坏了".as_bytes()[..11]);
        assert_eq!(base64(b"6Lev54Gv5Z2P5"), "路灯坏".as_bytes());
        assert_eq!(base64(b"YQ==\r\nYg=="), b"ab");
        assert_eq!(base64(b"YQ==\r\n\r\n-- \r\nthe list"), b"a");
        assert_eq!(base64(b"YQ== ignored"), b"a");
        assert_eq!(base64("路灯坏了 in plain words".as_bytes()), "路灯坏了 in plain words".as_bytes());
    }

    #[test]
    fn quoted_printable_is_read_whatever_the_line_ends() {
        assert_eq!(quoted_printable(b"a=3D=\r\nb=\nc \r\nd=4"), b"a=bc\r\nd=4");
        assert_eq!(quoted_printable(b"=E8=B7=AF= \r\n=zz="), "路=zz".as_bytes());
    }

    #[test]
    fn a_uuencoded_file_is_read() {
        assert_eq!(undo(b"begin 644 a\n#0V%T\n`\nend\n", b"x-uuencode").as_ref(), b"Cat");
    }
}
