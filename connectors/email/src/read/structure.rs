//! The tree of a mail's parts (RFC 2046): slices of the bytes, never copies; depth and number are capped.
//!
//! Each level is searched once, and its parts do not overlap, so the time is at most the depth times the size.

use super::{charset::Charset, header::Header, params::Parameterised};
use memchr::memmem;

/// Levels of parts within parts; what is deeper is a file.
pub const MAX_DEPTH: usize = 20;
/// Parts in all; what comes after them is not looked at.
pub const MAX_PARTS: usize = 300;
/// Lines before the first part in which a boundary is looked for that the header does not name.
const PREAMBLE: usize = 50;

/// One entity: a part, or parts.
#[derive(Debug)]
pub enum Node<'a> {
    /// A part without parts.
    Leaf(Part<'a>),
    /// Parts within a part.
    Several {
        /// `alternative`, `mixed`, `report`.
        subtype: String,
        /// The parts, in order.
        parts: Vec<Node<'a>>,
    },
}

/// A part without parts.
#[derive(Debug)]
pub struct Part<'a> {
    /// Its header; of a single-part mail, the mail's.
    pub header: Header<'a>,
    /// `Content-Type`; empty if it has none.
    pub content_type: Parameterised,
    /// `Content-Disposition`.
    pub disposition: Parameterised,
    /// Its body, still in its transfer encoding.
    pub body: &'a [u8],
    /// It stands beside others.
    pub inner: bool,
}

/// The tree of a mail whose header is split off already, and whether something was left out.
pub fn tree<'a>(header: &Header<'a>, body: &'a [u8]) -> (Node<'a>, bool) {
    let mut walk = Walk { parts: 0, cut: false };
    let header = Header::of(header);
    let node = walk.node(header, body, 0, "text/plain");
    (node, walk.cut)
}

struct Walk {
    parts: usize,
    cut: bool,
}

impl Walk {
    fn node<'a>(&mut self, header: Header<'a>, body: &'a [u8], depth: usize, default: &str) -> Node<'a> {
        let mut content_type = Parameterised::read(header.get("content-type").unwrap_or_default());
        match content_type.value.as_str() {
            "text/htm" | "html" | "html/text" | "application/xhtml+xml" => content_type.value = "text/html".into(),
            "plain/text" | "text/text" | "text/" => content_type.value = "text/plain".into(),
            value if !value.contains('/') => content_type.value = default.to_owned(),
            _ => {}
        }
        if let Some(subtype) = content_type.value.strip_prefix("multipart/").map(str::to_owned) {
            if depth < MAX_DEPTH {
                if let Some(parts) = self.several(&content_type, body, depth, &subtype) {
                    return Node::Several { subtype, parts };
                }
                // No boundary is found: what is there is for people to read.
                content_type.value = "text/plain".into();
            } else {
                self.cut = true;
                content_type.value = "application/octet-stream".into();
            }
        }
        let disposition = Parameterised::read(header.get("content-disposition").unwrap_or_default());
        Node::Leaf(Part { header, content_type, disposition, body, inner: depth > 0 })
    }

    fn several<'a>(
        &mut self,
        content_type: &Parameterised,
        body: &'a [u8],
        depth: usize,
        subtype: &str,
    ) -> Option<Vec<Node<'a>>> {
        let declared = content_type.plain("boundary").filter(|boundary| !boundary.is_empty());
        let slices = declared
            .and_then(|boundary| self.split(body, boundary))
            .or_else(|| self.split(body, looks_like_boundary(body)?))?;
        let default = if subtype == "digest" { "message/rfc822" } else { "text/plain" };
        let mut parts = Vec::with_capacity(slices.len());
        for slice in slices {
            if self.parts >= MAX_PARTS {
                self.cut = true;
                break;
            }
            self.parts += 1;
            let (header, body) = Header::split(slice);
            parts.push(self.node(header, body, depth + 1, default));
        }
        Some(parts)
    }

    /// The parts between the delimiters; `None` if there is no delimiter. At most as many as are still allowed.
    fn split<'a>(&self, body: &'a [u8], boundary: &[u8]) -> Option<Vec<&'a [u8]>> {
        let delimiter = [b"--", boundary].concat();
        let (mut slices, mut from) = (Vec::new(), None);
        for at in memmem::find_iter(body, &delimiter) {
            let after = &body[at + delimiter.len()..];
            let line = &after[..memchr::memchr(b'\n', after).unwrap_or(after.len())];
            let last = line.starts_with(b"--");
            let alone = at == 0 || body[at - 1] == b'\n';
            // A longer boundary that begins with this one is another.
            if !alone || !(last || line.trim_ascii().is_empty()) {
                continue;
            }
            if let Some(from) = from {
                let slice = &body[from..at.max(from)];
                let slice = slice.strip_suffix(b"\n").unwrap_or(slice);
                slices.push(slice.strip_suffix(b"\r").unwrap_or(slice));
            }
            from = Some((body.len() - after.len() + line.len() + 1).min(body.len()));
            if last || slices.len() > MAX_PARTS - self.parts.min(MAX_PARTS) {
                return Some(slices);
            }
        }
        // The last part was not closed.
        slices.push(&body[from?..]);
        Some(slices)
    }
}

/// Where the boundary is missing or misspelt: the first line that begins as one, and is at the top or before a field of a
/// part.
fn looks_like_boundary(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii_start();
    let mut lines = body.split(|byte| *byte == b'\n').take(PREAMBLE).map(<[u8]>::trim_ascii_end).peekable();
    let mut top = true;
    while let Some(line) = lines.next() {
        let begins = lines.peek().is_some_and(|next| next.len() > 8 && next[..8].eq_ignore_ascii_case(b"content-"));
        let boundary = line.strip_prefix(b"--").filter(|boundary| boundary.len() > 5 && (top || begins));
        if boundary.is_some() {
            return boundary;
        }
        top = false;
    }
    None
}

impl Part<'_> {
    /// The charset that it names, if it says something.
    pub fn charset(&self) -> Option<Charset> {
        Charset::named(self.content_type.plain("charset")?)
    }
}

impl<'a> Node<'a> {
    /// The parts without parts, in order.
    pub fn leaves(&self) -> Vec<&Part<'a>> {
        match self {
            Self::Leaf(part) => vec![part],
            Self::Several { parts, .. } => parts.iter().flat_map(Self::leaves).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(mail: &[u8]) -> (Vec<String>, bool) {
        let (header, body) = Header::split(mail);
        let (node, cut) = tree(&header, body);
        (node.leaves().iter().map(|part| part.content_type.value.clone()).collect(), cut)
    }

    #[test]
    fn parts_are_found_whatever_the_line_ends_and_missing_ends() {
        let mail = "Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\none\n--bb\n--b \nContent-Type: image/png\n\nx\n--b--\nepilogue";
        assert_eq!(types(mail.as_bytes()).0, ["text/plain", "image/png"]);
        assert_eq!(types(mail.replace('\n', "\r\n").as_bytes()).0, ["text/plain", "image/png"]);
        assert_eq!(types(mail.replace("--b--", "").as_bytes()).0, ["text/plain", "image/png"]);
        assert_eq!(types(b"Content-Type: multipart/mixed\n\n--secret\n\na\n--secret\n\nb\n--secret--\n").0.len(), 2);
        assert_eq!(types(b"Content-Type: multipart/mixed; boundary=b\n\nonly words").0, ["text/plain"]);
        let other = b"Content-Type: multipart/mixed; boundary=other\n\nsome words\n\n--secret\nContent-Type: a/b\n\n\n--secret--\n";
        assert_eq!(types(other).0, ["a/b"]);
    }

    #[test]
    fn deep_and_many_parts_end_somewhere() {
        let deep: String =
            (0..100_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
        let (found, cut) = types(deep.as_bytes());
        assert!(cut && found.len() == 1, "{found:?}");
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(100_000));
        let (found, cut) = types(many.as_bytes());
        assert!(cut && found.len() == MAX_PARTS);
    }
}
