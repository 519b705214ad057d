//! Undoing the transfer encoding of bodies (RFC 2045, section 6), as far as it can be undone.

use super::{likely, uu};
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

/// Lines of base64 with something else in them, behind which it may end.
const MAX_LOOKS: usize = 200;

/// A mail with line feeds, if its lines end in carriage returns only.
pub fn line_ends(mail: &[u8]) -> Cow<'_, [u8]> {
    let first = memchr::memchr2(b'\r', b'\n', mail);
    let bare = first.is_some_and(|at| mail[at] == b'\r' && !matches!(mail.get(at + 1), Some(b'\r' | b'\n') | None));
    if !bare {
        return mail.into();
    }
    mail.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect::<Vec<u8>>().into()
}

/// The bytes of a body whose `Content-Transfer-Encoding` is `encoding`.
pub fn undo<'a>(body: &'a [u8], encoding: &[u8]) -> Cow<'a, [u8]> {
    let name: Vec<u8> =
        encoding.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    match name.as_slice() {
        // Comments and parameters may follow.
        [b'b', b'a', b's', b'e', b'6', b'4', ..] => base64(body).into(),
        name if name.starts_with(b"quotedprintable") => quoted_printable(body).into(),
        b"xuuencode" | b"uuencode" | b"xuue" | b"uue" => {
            uu::find(body).map_or(body.into(), |found| Cow::from(found.bytes))
        }
        _ => body.into(),
    }
}

/// The bytes of a text whose encoding nobody named, if it plainly is one, and Chinese comes out.
pub fn undo_unnamed(body: &[u8]) -> Option<Vec<u8>> {
    if !body.is_ascii() {
        return None;
    }
    let is_chinese = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => likely::chinese(text) > 1,
        Err(_) => likely::reads_as_chinese(bytes),
    };
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let signs = memchr::memchr_iter(b'=', body);
    let (codes, others) = signs.fold((0, 0), |(codes, others), at| match body.get(at + 1) {
        Some(b'\r' | b'\n') | None => (codes, others),
        next if hex(next) && hex(body.get(at + 2)) => (codes + 1, others),
        _ => (codes, others + 1),
    });
    if codes >= 6 && others * 10 <= codes {
        return Some(quoted_printable(body)).filter(|bytes| is_chinese(bytes));
    }
    let letters = body.iter().filter(|byte| is_letter(**byte) || **byte == b'=').count();
    let others = body.iter().any(|byte| !is_letter(*byte) && !matches!(byte, b'=' | b'\r' | b'\n'));
    (letters >= 24 && letters % 4 == 0 && !others).then(|| base64(body)).filter(|bytes| is_chinese(bytes))
}

/// Base64 up to where it breaks off: what is no letter of it is left out, and a lone last letter is dropped. Behind the
/// padding it goes on only with a line that is base64 and nothing else, not with the words that lists add.
pub fn base64(text: &[u8]) -> Vec<u8> {
    if is_plain(text) {
        return text.to_vec();
    }
    let url = is_for_urls(text);
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
    let (mut at, mut looks) = (0, MAX_LOOKS);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if padded && !line.iter().all(|byte| is_letter(*byte) || matches!(byte, b'=' | b'\r' | b'\n')) {
            break;
        }
        // Words that were added behind the last whole group.
        let whole = at > 0 && letters.len().is_multiple_of(4);
        if whole && foreign(line) > 2 && looks > 0 {
            looks -= 1;
            if is_words(&text[at..]) {
                break;
            }
        }
        at += line.len();
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
                b'-' if url => letters.push(b'+'),
                b'_' if url => letters.push(b'/'),
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

/// Programs say base64 and write plain text: too much of it is no letter of base64, and it does not begin so.
fn is_plain(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(2048)];
    // Padding at the end of a line: what is behind it is another matter.
    let padding = sample.windows(2).position(|pair| pair[0] == b'=' && matches!(pair[1], b'\r' | b'\n' | b' '));
    let sample = &sample[..padding.unwrap_or(sample.len())];
    let first = sample.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let begins = first.is_some_and(|line| {
        let tells = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'/');
        line.len() >= 8
            && line.len().is_multiple_of(4)
            && line.iter().all(|byte| is_letter(*byte))
            && line.iter().any(tells)
    });
    !begins && is_words(sample)
}

/// More than one in ten is no letter of base64.
fn is_words(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(2048)];
    foreign(sample) * 10 > sample.len()
}

/// How many are no letters of base64, white space at the ends of lines left out.
fn foreign(text: &[u8]) -> usize {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.map(|line| line.iter().filter(|byte| !is_letter(**byte) && **byte != b'=').count()).sum()
}

/// In the alphabet for addresses (RFC 4648, section 5).
fn is_for_urls(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(4096)];
    let whole = |line: &[u8]| {
        let line = line.trim_ascii();
        let plain = |byte: &u8| is_letter(*byte) || matches!(byte, b'-' | b'_' | b'=');
        line.len() >= 8 && !line.starts_with(b"--") && !line.starts_with(b"__") && line.iter().all(plain)
    };
    let mut lines = sample.split(|byte| *byte == b'\n').filter(|line| whole(line));
    !sample.iter().any(|byte| matches!(byte, b'+' | b'/'))
        && lines.any(|line| line.iter().any(|byte| matches!(byte, b'-' | b'_')))
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
        let white = rest[1..].iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        let white = white.map_or(rest.len(), |at| at + 1);
        rest = match rest {
            [_, one, two, tail @ ..] if hex(one).is_some() && hex(two).is_some() => {
                bytes.push(hex(one).unwrap_or(0) << 4 | hex(two).unwrap_or(0));
                tail
            }
            // A code that was cut in two by a soft line break.
            [_, one, b'=', b'\r', b'\n', two, tail @ ..] | [_, one, b'=', b'\n', two, tail @ ..]
                if hex(one).is_some() && hex(two).is_some() =>
            {
                bytes.push(hex(one).unwrap_or(0) << 4 | hex(two).unwrap_or(0));
                tail
            }
            // A soft line break.
            _ => match &rest[white..] {
                [b'\n', tail @ ..] => tail,
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
        assert_eq!(base64(b"6Lev54Gv\n\n-- \nthe list, again"), "路灯".as_bytes());
        assert_eq!(base64(b"5Zit5Y-j55qE6Lev54Gv5Z2P5LqG_w"), base64(b"5Zit5Y+j55qE6Lev54Gv5Z2P5LqG/w"));
        assert_eq!(base64("路灯坏了 in plain words".as_bytes()), "路灯坏了 in plain words".as_bytes());
    }

    #[test]
    fn lines_that_end_in_carriage_returns_only_are_lines() {
        assert_eq!(line_ends(b"a: b\rc: d\r\re").as_ref(), b"a: b\nc: d\n\ne");
        for other in [&b"a: b\r\nc\rd"[..], b"a\nb\rc", b"a\r\r\nb", b""] {
            assert_eq!(line_ends(other).as_ref(), other);
        }
    }

    #[test]
    fn quoted_printable_is_read_whatever_the_line_ends() {
        assert_eq!(quoted_printable(b"a=3D=\r\nb=\nc \r\nd=4"), b"a=bc\r\nd=4");
        assert_eq!(quoted_printable(b"=E8=B7=AF= \r\n=zz="), "路=zz".as_bytes());
        assert_eq!(quoted_printable(b"=E8=B=\r\n7=AF=\r\r\na"), "路a".as_bytes());
    }

    #[test]
    fn an_encoding_that_nobody_named_is_undone_only_if_chinese_comes_out() {
        assert_eq!(
            undo_unnamed(b"=C2=B7=B5=C6=BB=B5=C1=CB").as_deref(),
            Some(&b"\xc2\xb7\xb5\xc6\xbb\xb5\xc1\xcb"[..])
        );
        let words = "路灯坏了，请修理".as_bytes();
        assert_eq!(undo_unnamed(b"6Lev54Gv5Z2P5LqG77yM6K+35L+u55CG\r\n").as_deref(), Some(words));
        for plain in
            [&b"a=3D b=3D c=3D d=3D e=3D f=3D"[..], b"abcdefghijklmnopqrstuvwx", b"x = 1\ny == 2", "路=20".as_bytes()]
        {
            assert_eq!(undo_unnamed(plain), None);
        }
    }

    #[test]
    fn a_uuencoded_file_is_read() {
        assert_eq!(undo(b"begin 644 a\n#0V%T\n`\nend\n", b"x-uuencode").as_ref(), b"Cat");
    }
}
