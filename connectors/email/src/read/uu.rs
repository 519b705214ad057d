//! Files that old programs put between the words: `begin 644 NAME`, lines of uuencode, `end` (POSIX, uuencode).

/// A file among words.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The words before it.
    pub before: &'a [u8],
    /// Its name, as it stands there.
    pub name: &'a [u8],
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The words behind it.
    pub after: &'a [u8],
}

/// The first file in `text`. One that was cut off goes up to the end; what only begins like one is none.
pub fn find(text: &[u8]) -> Option<Found<'_>> {
    let mut from = 0;
    while let Some(begin) = memchr::memmem::find(&text[from..], b"begin ").map(|at| from + at) {
        from = begin + 6;
        if begin > 0 && text[begin - 1] != b'\n' {
            continue;
        }
        let (line, rest) = line(&text[from..]);
        let Some(name) =
            line.iter().position(|byte| *byte == b' ').map(|space| (&line[..space], line[space..].trim_ascii()))
        else {
            continue;
        };
        let (mode, name) = name;
        let is_mode = matches!(mode.len(), 3 | 4) && mode.iter().all(|byte| (b'0'..=b'7').contains(byte));
        if let Some((bytes, after)) = is_mode.then(|| lines(rest)).flatten() {
            return Some(Found { before: &text[..begin], name, bytes, after });
        }
    }
    None
}

/// The first line without its end, and what follows it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    (text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]), &text[text.len().min(end + 1)..])
}

fn lines(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (now, after) = line(rest);
        if now == b"end" {
            return Some((bytes, after));
        }
        rest = after;
        let Some((length, letters)) = now.split_first() else { continue };
        let length = usize::from(length.wrapping_sub(32) & 63);
        // Spaces at the end of a line were lost on the way.
        let good = now.iter().all(|byte| (b' '..=b'`').contains(byte)) && letters.len() <= length.div_ceil(3) * 4 + 1;
        if !good {
            return None;
        }
        let start = bytes.len();
        for group in letters.chunks(4) {
            let value = group.iter().fold(0_u32, |value, letter| value << 6 | u32::from(letter.wrapping_sub(32) & 63));
            let value = value << (6 * (4 - group.len()));
            bytes.extend_from_slice(&value.to_be_bytes()[1..]);
        }
        bytes.resize(start + length, 0);
    }
    (!bytes.is_empty()).then_some((bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_between_words() {
        let found = find(b"begin the day\nwords\nbegin 644 a b.txt\n#0V%T\n`\nend\nmore").unwrap();
        assert_eq!(found.before, b"begin the day\nwords\n");
        assert_eq!((found.name, found.bytes.as_slice(), found.after), (&b"a b.txt"[..], &b"Cat"[..], &b"more"[..]));
        assert_eq!(find(b"begin 644 a\r\n#0V%T\r\n").unwrap().bytes, b"Cat");
        assert_eq!(find(b"begin 644 times\nand more words\n"), None);
        assert_eq!(find(b"begin 644 times"), None);
    }
}
