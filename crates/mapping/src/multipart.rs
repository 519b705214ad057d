//! Splits `multipart/form-data` (RFC 7578, RFC 2046 section 5.1) as it arrives.
//!
//! Not a library's: those give up on a whole form where a file's name holds bytes that no header may hold, and a citizen's
//! appeal must not be lost to that.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// The head of a part, in bytes, at most.
const MAX_HEAD: usize = 256 << 10;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(Head),
    /// A piece of its content.
    Data(Bytes),
    /// It is over.
    PartEnd,
    /// The form is over.
    End,
}

/// What a part says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The field's name.
    pub name: String,
    /// The file's name, as given; `None` if it is no file.
    pub file: Option<String>,
}

/// The body is no form of this boundary; says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no multipart/form-data: {0}")]
pub struct NoForm(&'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    AfterBoundary,
    Head,
    Content,
    End,
}

/// Splits a body, however it was cut on its way.
pub struct Splitter {
    /// Boxed: it is aligned for vectors, and so would be every future that holds it.
    delimiter: Box<Finder<'static>>,
    buffer: BytesMut,
    state: State,
}

impl Splitter {
    /// For the boundary in a `Content-Type`; `None` if that is no `multipart/form-data`, or has none.
    pub fn of(content_type: &str) -> Option<Self> {
        let (essence, parameters) = content_type.split_once(';')?;
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameter(parameters.as_bytes(), b"boundary")?;
        if boundary.is_empty() || boundary.len() > 200 {
            return None;
        }
        let delimiter = Box::new(Finder::new(&[b"\r\n--", boundary.as_slice()].concat()).into_owned());
        // The first delimiter has no line before it.
        Some(Self { delimiter, buffer: BytesMut::from(&b"\r\n"[..]), state: State::Preamble })
    }

    /// Takes a piece of the body.
    pub fn feed(&mut self, piece: &[u8]) {
        if self.state != State::End {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// What comes next; `None` if more of the body is needed.
    ///
    /// # Errors
    /// [`NoForm`]
    pub fn event(&mut self) -> Result<Option<Event>, NoForm> {
        loop {
            match self.state {
                State::Preamble => match self.delimiter.find(&self.buffer) {
                    Some(at) => self.pass(at + self.delimiter.needle().len(), State::AfterBoundary),
                    None => {
                        let sure = self.sure();
                        self.buffer.advance(sure);
                        return Ok(None);
                    }
                },
                State::AfterBoundary => match self.buffer.first_chunk::<2>() {
                    None => return Ok(None),
                    Some(b"--") => {
                        self.buffer.clear();
                        self.state = State::End;
                        return Ok(Some(Event::End));
                    }
                    Some(b"\r\n") => self.pass(0, State::Head),
                    Some([b' ' | b'\t', _]) => self.pass(1, State::AfterBoundary),
                    Some(_) => return Err(NoForm("a line follows the boundary")),
                },
                // From the end of the boundary's line, so that a part without a head has a blank line, too.
                State::Head => match memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                    Some(end) => {
                        let head = read_head(&self.buffer[..end]);
                        self.pass(end + 4, State::Content);
                        return Ok(Some(Event::Part(head)));
                    }
                    None if self.buffer.len() > MAX_HEAD => return Err(NoForm("the head of a part is too long")),
                    None => return Ok(None),
                },
                State::Content => {
                    let (length, over) = match self.delimiter.find(&self.buffer) {
                        Some(at) => (at, true),
                        None => (self.sure(), false),
                    };
                    if length > 0 {
                        return Ok(Some(Event::Data(self.buffer.split_to(length).freeze())));
                    }
                    if !over {
                        return Ok(None);
                    }
                    self.pass(self.delimiter.needle().len(), State::AfterBoundary);
                    return Ok(Some(Event::PartEnd));
                }
                State::End => return Ok(None),
            }
        }
    }

    /// Bytes in the buffer that cannot be the beginning of a delimiter.
    fn sure(&self) -> usize {
        self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1)
    }

    fn pass(&mut self, bytes: usize, state: State) {
        self.buffer.advance(bytes);
        self.state = state;
    }
}

fn read_head(head: &[u8]) -> Head {
    let mut read = Head::default();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let text = |name| parameter(value, name).map(|bytes| decode(&bytes));
            read.name = text(b"name").unwrap_or_default();
            read.file = text(b"filename").or_else(|| extended(value));
        }
    }
    read
}

/// `filename*`, which RFC 7578 forbids and some programs send all the same (RFC 8187).
fn extended(value: &[u8]) -> Option<String> {
    let text = decode(&parameter(value, b"filename*")?);
    let encoded = text.splitn(3, '\'').nth(2)?;
    Some(percent_encoding::percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}

/// Browsers write names in UTF-8 (HTML, section 4.10.21.8); old programs in China in GB 18030.
fn decode(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    };
    text.replace("%22", "\"").replace("%0D%0A", " ")
}

/// The parameter `wanted` among `; name=value` and `; name="value"`.
fn parameter(mut rest: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].rsplit(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let value = &rest[equals + 1..];
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted),
            None => {
                let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
                (value[..end].trim_ascii().to_vec(), &value[end..])
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// Up to the closing quote. A backslash stands for itself (`C:\photos\a.jpg`), but for one before a quote.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => return (value, &quoted[at + 1..]),
            (b'\\', Some(b'"')) if quoted[at + 2..].contains(&b'"') => {
                value.push(b'"');
                at += 1;
            }
            _ => value.push(*byte),
        }
        at += 1;
    }
    (value, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of `body`, given in pieces of `size`.
    fn split(body: &[u8], size: usize) -> Result<Vec<(Head, Vec<u8>)>, NoForm> {
        let mut splitter = Splitter::of("multipart/form-data; boundary=\"b\"").expect("a boundary");
        let mut parts = Vec::new();
        for piece in body.chunks(size) {
            splitter.feed(piece);
            while let Some(event) = splitter.event()? {
                match event {
                    Event::Part(head) => parts.push((head, Vec::new())),
                    Event::Data(data) => parts.last_mut().expect("a part").1.extend_from_slice(&data),
                    Event::PartEnd => {}
                    Event::End => return Ok(parts),
                }
            }
        }
        Err(NoForm("it has no end"))
    }

    fn part(disposition: &[u8], content: &[u8]) -> Vec<u8> {
        [b"--b\r\nContent-Disposition: form-data; ", disposition, b"\r\n\r\n", content, b"\r\n"].concat()
    }

    #[test]
    fn a_form_is_the_same_however_it_was_cut_on_its_way() {
        let content = b"\r\n--\r\n--a--b\r--b \r\n-";
        let body = [part(b"name=\"a\"", b""), part(b"name=f; filename=\"x\"", content), b"--b--\r\n".to_vec()].concat();
        let whole = split(&body, body.len()).expect("a form");
        assert_eq!((whole.len(), whole[0].1.len(), whole[1].1.as_slice()), (2, 0, &content[..]));
        for size in 1..body.len() {
            assert_eq!(split(&body, size), Ok(whole.clone()), "in pieces of {size}");
        }
    }

    #[test]
    fn no_file_name_breaks_the_form() {
        let name = |disposition: &[u8]| {
            let body = [part(&[b"name=\"f\"; ", disposition].concat(), b"x"), b"--b--".to_vec()].concat();
            split(&body, 7).map(|parts| parts[0].0.file.clone().unwrap_or_else(|| "(none)".into()))
        };
        let said = |name: &str| Ok(name.to_owned());
        assert_eq!(name(b"x=y"), said("(none)"));
        assert_eq!(name("filename=\"路灯 \\\"新\\\".jpg\"".as_bytes()), said("路灯 \"新\".jpg"));
        assert_eq!(name(br#"filename="C:\a\b.jpg""#), said(r"C:\a\b.jpg"));
        assert_eq!(name(br#"filename="C:\a\""#), said(r"C:\a\"));
        assert_eq!(name(b"filename=\"\xc2\xb7\xb5\xc6.jpg\""), said("路灯.jpg"), "GB 18030");
        assert_eq!(name(b"filename=\"a\0b\""), said("a\0b"));
        assert_eq!(name(b"filename=\"a;name=g\""), said("a;name=g"));
        assert_eq!(name(b"filename=\"never closed"), said("never closed"));
        assert_eq!(name(b"filename*=UTF-8''%e8%b7%af.jpg"), said("路.jpg"));
        assert_eq!(
            name(format!("filename=\"{}\"", "x".repeat(200_000)).as_bytes()).map(|name| name.len()),
            Ok(200_000)
        );
        assert!(name(format!("filename=\"{}\"", "x".repeat(300_000)).as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_form_is_no_form() {
        let boundary = |content_type: &str| Splitter::of(content_type).is_some();
        assert!(boundary("Multipart/Form-Data; charset=utf-8; boundary=----x"));
        assert!(!boundary("multipart/form-data") && !boundary("multipart/mixed; boundary=b"));
        assert!(!boundary("multipart/form-data; boundary=") && !boundary(""));
        assert!(split(b"", 1).is_err() && split(b"--b\r\nA: b\r\n\r\nno end", 3).is_err());
        assert!(split(b"--bx\r\n\r\n\r\n--b--", 3).is_err());
        assert_eq!(split(b"preamble\r\n--b \r\n\r\nx\r\n--b--epilogue", 1), Ok(vec![(Head::default(), b"x".to_vec())]));
    }
}
