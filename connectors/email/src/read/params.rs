//! Values with parameters (`Content-Type`, `Content-Disposition`): RFC 2045 and RFC 2231, and what programs write instead.

use super::{
    charset::{self, Charset},
    entities, likely, words,
};

/// Parameters of one value that are looked at.
const MAX_PARAMETERS: usize = 100;

/// A value and its parameters.
#[derive(Debug, Default)]
pub struct Parameterised {
    /// The value before the first parameter, in lower case: `text/plain`, `attachment`.
    pub value: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    /// Which piece it is of a value in several.
    place: u32,
    /// Percent-encoded, the first with its charset.
    extended: bool,
    bytes: Vec<u8>,
}

impl Parameterised {
    /// Reads a raw header value.
    pub fn read(raw: &[u8]) -> Self {
        let (value, parameters) = head(raw);
        let mut pieces = Pieces { rest: parameters };
        let mut parameters = Vec::new();
        while let Some(name) = pieces.next(true) {
            if parameters.len() == MAX_PARAMETERS {
                break;
            }
            let bytes = if pieces.rest.first() == Some(&b'=') {
                pieces.rest = &pieces.rest[1..];
                pieces.next(false).unwrap_or_default()
            } else {
                continue;
            };
            let name = String::from_utf8_lossy(&name).trim().to_ascii_lowercase();
            let extended = name.ends_with('*');
            let bare = name.trim_end_matches('*');
            let (bare, place) = match bare.rsplit_once('*') {
                Some((bare, place)) => (bare, place.parse().unwrap_or(u32::MAX)),
                None => (bare, 0),
            };
            parameters.push(Parameter { name: bare.to_owned(), place, extended, bytes });
        }
        Self { value, parameters }
    }

    /// The raw bytes of a plain parameter.
    pub fn plain(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|known| known.name == name).map(|known| known.bytes.as_slice())
    }

    /// A parameter that people read, decoded.
    pub fn words(&self, name: &str, near: Option<Charset>) -> Option<String> {
        let of = |extended: bool| {
            let mut pieces: Vec<&Parameter> = self.parameters.iter().filter(|known| known.name == name).collect();
            // `name*0` and `name*1*` belong together; `name` and `name*` are two spellings of the same.
            let split = pieces.iter().any(|piece| piece.place > 0);
            if !split {
                pieces.retain(|piece| piece.extended == extended);
            }
            pieces.sort_by_key(|piece| piece.place);
            pieces.dedup_by_key(|piece| piece.place);
            (!pieces.is_empty()).then(|| join(&pieces, near))
        };
        let (extended, plain) = (of(true), of(false));
        let whole = |text: &String| !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER);
        extended.clone().filter(whole).or_else(|| plain.clone().filter(whole)).or(extended).or(plain)
    }
}

/// The value in lower case, and the parameters; programs forget the semicolon between them, or the value.
fn head(raw: &[u8]) -> (String, &[u8]) {
    let end = raw.iter().position(|byte| *byte == b';').unwrap_or(raw.len());
    let (first, rest) = raw.split_at(end);
    let named = |part: &[u8]| part.iter().position(|byte| *byte == b'=');
    let (value, rest) = match named(first) {
        None => (first, rest),
        // From the name before the equals sign on.
        Some(equals) => {
            let name = first[..equals].trim_ascii_end();
            let from = name.iter().rposition(|byte| byte.is_ascii_whitespace() || *byte == b',').map_or(0, |at| at + 1);
            (&first[..from], &raw[from..])
        }
    };
    let spaces = |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b'"');
    let value: Vec<u8> = value.iter().copied().filter(spaces).collect();
    (String::from_utf8_lossy(&value).to_ascii_lowercase(), rest)
}

fn join(pieces: &[&Parameter], near: Option<Charset>) -> String {
    let mut label: Option<Vec<u8>> = None;
    let (mut bytes, mut encoded) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut value = piece.bytes.as_slice();
        if !piece.extended {
            unpercent(&std::mem::take(&mut encoded), &mut bytes);
            bytes.extend_from_slice(value);
            continue;
        }
        if label.is_none() {
            let mut parts = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(charset), Some(_language), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                label = Some(charset.to_vec());
                value = rest;
            }
        }
        // Put together first: programs cut codes in two between pieces.
        encoded.extend_from_slice(value);
    }
    unpercent(&encoded, &mut bytes);
    // Some programs do both.
    if words::is_encoded(&bytes) {
        return words::decode(&bytes, near);
    }
    if label.is_none() {
        // Some programs percent-encode without saying so.
        if bytes.is_ascii() && bytes.contains(&b'%') {
            let (named, rest) = charset_of(&bytes).unwrap_or((b"", &bytes));
            let mut decoded = Vec::new();
            unpercent(rest, &mut decoded);
            let readable = std::str::from_utf8(&decoded).is_ok() || likely::reads_as_chinese(&decoded);
            if !named.is_empty() || (!decoded.is_ascii() && readable) {
                (label, bytes) = (Some(named.to_vec()), decoded);
            }
        }
    }
    words::one_line(&entities::wide(&charset::decode(&bytes, label.as_deref(), near)))
}

/// `utf-8''%E8%B7%AF` under a name without its star.
fn charset_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\'');
    let (charset, language, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let short = language.len() < 12 && language.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    (short && rest.first() == Some(&b'%') && Charset::named(charset).is_some()).then_some((charset, rest))
}

fn unpercent(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8);
        match (first, hex(tail.first()), hex(tail.get(1))) {
            (b'%', Some(one), Some(two)) => {
                into.push(one << 4 | two);
                rest = &tail[2..];
            }
            _ => {
                into.push(*first);
                rest = tail;
            }
        }
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
}

impl Pieces<'_> {
    /// The bytes up to the next `;` (or `=`, for a name), quotes and comments taken off. `None` at the end.
    fn next(&mut self, name: bool) -> Option<Vec<u8>> {
        if name {
            let skip = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
            let from = self.rest.iter().position(|byte| !skip(byte))?;
            self.rest = &self.rest[from..];
        }
        let mut bytes = Vec::new();
        let (mut quoted, mut closed, mut comment) = (false, false, false);
        let mut at = 0;
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b';' if comment => break,
                _ if comment => {}
                b'"' if quoted => {
                    (quoted, closed) = (false, true);
                    // A quote within the name that nobody escaped: the value ends where a `;` or nothing follows.
                    let after = self.rest[at + 1..].trim_ascii_start();
                    if !after.is_empty()
                        && after[0] != b';'
                        && after[0] != b'('
                        && self.rest[at + 1..].contains(&b'"')
                        && !name
                    {
                        bytes.push(b'"');
                        (quoted, closed) = (true, false);
                    }
                }
                // A comment.
                b'(' if closed => comment = true,
                b'"' if bytes.trim_ascii().is_empty() => {
                    bytes.clear();
                    quoted = true;
                }
                // Half of many Chinese characters in GBK looks like a backslash.
                b'\\'
                    if quoted
                        && matches!(self.rest.get(at + 1), Some(b'"' | b'\\'))
                        && bytes.last().is_none_or(u8::is_ascii) =>
                {
                    at += 1;
                    bytes.push(self.rest[at]);
                }
                b'\r' | b'\n' => {}
                b'\t' if !quoted => bytes.push(b' '),
                b';' if !quoted => break,
                b'=' if name => break,
                // What was not closed ends with its line.
                other => bytes.push(*other),
            }
            at += 1;
        }
        self.rest = &self.rest[at.min(self.rest.len())..];
        let bytes = bytes.trim_ascii();
        let single =
            bytes.strip_prefix(b"'").and_then(|bytes| bytes.strip_suffix(b"'")).filter(|inner| !inner.contains(&b'\''));
        Some(single.unwrap_or(bytes).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &[u8]) -> Option<String> {
        Parameterised::read(raw).words("filename", None)
    }

    #[test]
    fn a_file_name_is_read_in_all_its_spellings() {
        let right = Some("路灯照片.jpg".to_owned());
        assert_eq!(name("attachment; filename=\"路灯照片.jpg\"".as_bytes()), right);
        assert_eq!(name(b"attachment; filename=\"\xc2\xb7\xb5\xc6\xd5\xd5\xc6\xac.jpg\""), right);
        assert_eq!(name(b"attachment; filename=\"=?UTF-8?B?6Lev54Gv54Wn54mHLmpwZw==?=\""), right);
        assert_eq!(name(b"attachment; filename==?UTF-8?B?6Lev54Gv54Wn54mHLmpwZw==?="), right);
        assert_eq!(name(b"attachment; filename*=gb18030''%C2%B7%B5%C6%D5%D5%C6%AC.jpg; filename=\"???.jpg\""), right);
        assert_eq!(
            name(b"attachment;\r\n filename*1*=%81%AF%E7%85%A7%E7%89;\r\n filename*0*=UTF-8'zh'%E8%B7%AF%E7;\r\n filename*2*=%87.jpg"),
            right
        );
        assert_eq!(name(b"attachment; filename=%E8%B7%AF%E7%81%AF%E7%85%A7%E7%89%87.jpg"), right);
        assert_eq!(name(b"attachment; filename*0=\"=?UTF-8?B?6Lev54Gv54\"; filename*1=\"Wn54mHLmpwZw==?=\""), right);
        assert_eq!(name("filename='路灯照片.jpg'".as_bytes()), right);
        assert_eq!(name("attachment filename=\"路灯照片.jpg\" (a picture)".as_bytes()), right);
        assert_eq!(name(b"attachment; filename=\"utf-8''%E8%B7%AF%E7%81%AF%E7%85%A7%E7%89%87.jpg\""), right);
        assert_eq!(name(b"attachment; filename*=utf-8''=?UTF-8?B?6Lev54Gv54Wn54mHLmpwZw==?="), right);
        assert_eq!(name(b"attachment; filename=%C2%B7%B5%C6%D5%D5%C6%AC.jpg"), right);
        assert_eq!(name(b"attachment; filename=\"&#36335;&#28783;&#29031;&#29255;.jpg\""), right);
        assert_eq!(name(b"attachment; filename=a b.txt"), Some("a b.txt".into()));
        assert_eq!(name(b"attachment; filename=\"a;b\\\"c.txt\"; size=3"), Some("a;b\"c.txt".into()));
    }

    #[test]
    fn types_are_read_in_any_case() {
        let read = Parameterised::read(b"TEXT/Plain ;\r\n\tCharset = \"GBK \"; format=flowed");
        assert_eq!(read.value, "text/plain");
        assert_eq!(read.plain("charset"), Some(&b"GBK"[..]));
        assert_eq!(read.plain("format"), Some(&b"flowed"[..]));
        assert_eq!(Parameterised::read(b"").value, "");
        for bare in [&b"text/plain charset=gbk"[..], b"text/plain, charset=gbk", b"text / plain; charset = gbk"] {
            let read = Parameterised::read(bare);
            assert_eq!((read.value.as_str(), read.plain("charset")), ("text/plain", Some(&b"gbk"[..])));
        }
    }
}
