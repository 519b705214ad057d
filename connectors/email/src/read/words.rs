//! The words in header values: encoded words (RFC 2047) and bytes that nobody encoded.

use super::{
    charset::{self, Charset},
    entities, transfer,
};
use memchr::memmem;

enum Piece<'a> {
    Raw(&'a [u8]),
    Encoded { charset: &'a [u8], bytes: Vec<u8> },
}

/// The words of an unstructured value, on one line. `near` is a charset that other parts of the mail are in.
pub fn decode(value: &[u8], near: Option<Charset>) -> String {
    let text = decode_once(value, near);
    // A program encoded what another had encoded.
    let again = text.starts_with("=?") && text.ends_with("?=") && value.starts_with(b"=?");
    let text = if again { decode_once(text.as_bytes(), near) } else { text };
    one_line(&entities::wide(&text))
}

fn decode_once(value: &[u8], near: Option<Charset>) -> String {
    let mut text = String::with_capacity(value.len());
    let mut run: Option<(&[u8], Vec<u8>)> = None;
    let mut gap: &[u8] = &[];
    let flush = |run: &mut Option<(&[u8], Vec<u8>)>, text: &mut String| {
        if let Some((label, bytes)) = run.take() {
            text.push_str(&charset::decode(&bytes, Some(label), near));
        }
    };
    for piece in pieces(value) {
        match piece {
            // White space between two encoded words is none.
            Piece::Raw(raw) if raw.iter().all(u8::is_ascii_whitespace) && run.is_some() => gap = raw,
            Piece::Raw(raw) => {
                flush(&mut run, &mut text);
                text.push_str(&charset::decode(gap, None, None));
                text.push_str(&charset::decode(raw, None, near));
                gap = &[];
            }
            // Programs cut characters in two between words: bytes of the same charset are put together first.
            Piece::Encoded { charset, bytes } => {
                gap = &[];
                match &mut run {
                    Some((label, before)) if Charset::named(label) == Charset::named(charset) => before.extend(bytes),
                    _ => {
                        flush(&mut run, &mut text);
                        run = Some((charset, bytes));
                    }
                }
            }
        }
    }
    flush(&mut run, &mut text);
    text
}

/// Whether there is an encoded word in it.
pub fn is_encoded(value: &[u8]) -> bool {
    pieces(value).iter().any(|piece| matches!(piece, Piece::Encoded { .. }))
}

/// On one line, without controls, white space once.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' | '\n' | '\t' | ' ' if line.ends_with(' ') => {}
            '\r' | '\n' | '\t' => line.push(' '),
            other if other.is_control() || is_direction(other) => {}
            other => line.push(other),
        }
    }
    line.trim().to_owned()
}

/// `text` without anybody's address: what servers say stands in tickets and logs.
pub fn without_addresses(text: &str) -> String {
    let apart = |character: char| character.is_whitespace() || "<>()[]\"',;:".contains(character);
    let words = text.split_inclusive(apart).map(|word| {
        let bare = word.trim_end_matches(apart);
        if bare.contains('@') { format!("***{}", &word[bare.len()..]) } else { word.to_owned() }
    });
    words.collect()
}

/// Marks that turn the order of what is shown.
pub fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Where the encoded word that begins at `at` ends, if there is a whole one.
pub fn encoded_end(value: &[u8], at: usize) -> Option<usize> {
    let near = &value[..value.len().min(at + 1_000)];
    near.get(at..)?.starts_with(b"=?").then(|| encoded(near, at)).flatten().map(|(_, end)| end)
}

fn pieces(value: &[u8]) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let (mut raw_from, mut at) = (0, 0);
    let last = memmem::rfind(value, b"?=");
    let mut cut = false;
    while let Some(begin) = find(value, at, b"=?") {
        // Behind the last end mark only one word can be cut off: what is looked for to the end is looked for once.
        let ends = last.is_some_and(|last| last > begin + 2);
        if !ends && std::mem::replace(&mut cut, true) {
            break;
        }
        match encoded(value, begin) {
            Some((piece, end)) => {
                if begin > raw_from {
                    found.push(Piece::Raw(&value[raw_from..begin]));
                }
                found.push(piece);
                (raw_from, at) = (end, end);
            }
            None => at = begin + 2,
        }
    }
    if raw_from < value.len() {
        found.push(Piece::Raw(&value[raw_from..]));
    }
    found
}

fn find(value: &[u8], from: usize, what: &[u8; 2]) -> Option<usize> {
    memmem::find(value.get(from..)?, what).map(|at| from + at)
}

/// `=?charset?B?…?=` or `=?charset?Q?…?=` at `begin`, and where it ends.
fn encoded(value: &[u8], begin: usize) -> Option<(Piece<'_>, usize)> {
    let rest = value.get(begin + 2..)?;
    let mark = rest.iter().take(60).position(|byte| *byte == b'?')?;
    let charset = rest[..mark].trim_ascii();
    if charset.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let (method, question) = (rest.get(mark + 1)?, rest.get(mark + 2)?);
    if *question != b'?' || !matches!(method, b'B' | b'b' | b'Q' | b'q') {
        return None;
    }
    let from = begin + 2 + mark + 3;
    let (payload, end) = match end_mark(value, from) {
        Some(end) => (&value[from..end], end + 2),
        // Cut off, as where a program keeps so many letters of a subject.
        None => {
            let payload = value[from..].strip_suffix(b"?").unwrap_or(&value[from..]);
            let code =
                |at: usize| payload[at..].iter().skip(1).take(2).filter(|byte| byte.is_ascii_hexdigit()).count() == 2;
            let begun = match method {
                b'Q' | b'q' => memchr::memchr_iter(b'=', payload).any(code),
                _ => !transfer::base64(payload).is_ascii(),
            };
            let whole = payload.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"');
            if !begun || !whole {
                return None;
            }
            (payload, value.len())
        }
    };
    let bytes = match method {
        b'B' | b'b' => transfer::base64(payload),
        _ => quoted(payload),
    };
    Some((Piece::Encoded { charset, bytes }, end))
}

/// Where the word that begins at `from` ends. Behind a question mark that nobody encoded a code may follow: `?=E5=90=97?=`.
fn end_mark(value: &[u8], from: usize) -> Option<usize> {
    let mut end = find(value, from, b"?=")?;
    loop {
        let code = value.get(end + 2..end + 4).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
        if !code {
            return Some(end);
        }
        let between = value[end + 2..].iter().take(200).take_while(|byte| !byte.is_ascii_whitespace()).count();
        let between = &value[end + 2..end + 2 + between];
        match memmem::find(between, b"?=").filter(|next| memmem::find(&between[..*next], b"=?").is_none()) {
            Some(next) => end += 2 + next,
            None => return Some(end),
        }
    }
}

fn quoted(payload: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::with_capacity(payload.len());
    let mut folded = false;
    for byte in payload {
        match byte {
            b'\r' | b'\n' => {
                // Folded inside, which is wrong, and done; even with a soft line break.
                if !folded && unfolded.last() == Some(&b'=') {
                    unfolded.pop();
                }
                folded = true;
            }
            b' ' | b'\t' if folded => {}
            b'_' => unfolded.push(b' '),
            other => {
                folded = false;
                unfolded.push(*other);
            }
        }
    }
    // What looks like the end of a line is none in here.
    unfolded.push(b'.');
    let mut bytes = transfer::quoted_printable(&unfolded);
    bytes.pop();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: &[u8]) -> String {
        decode(value, None)
    }

    #[test]
    fn a_character_cut_in_two_between_words_is_whole() {
        assert_eq!(words(b"=?UTF-8?B?6Lev54Gv5Z2P5Lo=?=\r\n =?utf-8?B?hg==?="), "路灯坏了");
        assert_eq!(words(b"=?gb2312?Q?=C2=B7=B5?=\r\n =?gb2312?Q?=C6?="), "路灯");
    }

    #[test]
    fn white_space_counts_between_words_only_if_one_is_plain() {
        assert_eq!(words(b"=?utf-8?Q?a?= =?utf-8?Q?b?= c =?utf-8?Q?d_e?="), "ab c d e");
        assert_eq!(words(b"Re:=?utf-8?Q?a?==?utf-8?Q?b?="), "Re:ab");
    }

    #[test]
    fn bytes_that_nobody_encoded_are_read() {
        assert_eq!(words(b"\xc2\xb7\xb5\xc6\xbb\xb5\xc1\xcb\xa3\xac\xc7\xeb\xd0\xde\xc0\xed"), "路灯坏了，请修理");
        assert_eq!(words("路灯 ok".as_bytes()), "路灯 ok");
    }

    #[test]
    fn addresses_are_left_out_of_what_servers_say() {
        let said = "550 5.1.1 <wang@example.cn>: no such user wang@example.cn, sorry";
        assert_eq!(without_addresses(said), "550 5.1.1 <***>: no such user ***, sorry");
        assert_eq!(without_addresses(""), "");
    }

    #[test]
    fn what_programs_do_to_encoded_words_is_undone() {
        assert_eq!(words(b"=?gb2312?B?wre1xru1wcs"), "路灯坏了", "cut off");
        assert_eq!(words(b"=??B?wre1xru1wcs=?="), "路灯坏了", "without a charset");
        assert_eq!(words(b"=?utf-8?Q?=E5=A5=BD?=E5=90=97?="), "好?吗");
        assert_eq!(words(b"=?gb2312?Q?=C2=\r\n =B7=B5=C6?="), "路灯");
        assert_eq!(words(b"=?utf-8?B?PT9nYjIzMTI/Qj93cmUxeHJ1MXdjcz0/PQ==?="), "路灯坏了", "encoded twice");
        assert_eq!(words(b"&#36335;&#28783; &#39; &amp;"), "路灯 &#39; &amp;");
    }

    #[test]
    fn what_only_looks_encoded_stays() {
        assert_eq!(words(b"=?x?z?a?= =? =?utf-8?Q?open"), "=?x?z?a?= =? =?utf-8?Q?open");
        assert_eq!(words(b"a\x1b\x00b\r\n c"), "ab c");
    }
}
