//! What a mail says, and the files that come with it.

use super::{
    charset::{self, Charset},
    filename,
    header::Header,
    html,
    structure::{Node, Part},
    tnef, transfer, words,
};
use bytes::Bytes;
use jiesu_connector::{Attachment, Payload};
use std::borrow::Cow;

/// Files of one mail that are kept.
const MAX_FILES: usize = 100;
/// Bytes of a text part that are read as words; all of it is kept in the raw mail.
const MAX_TEXT: usize = 4 << 20;

/// What a mail says, and what came with it.
#[derive(Debug, Default)]
pub struct Content {
    /// The words, in order.
    pub words: Vec<Words>,
    /// The files.
    pub files: Vec<Attachment>,
}

/// The words of one part.
#[derive(Debug, Default, Clone)]
pub struct Words {
    /// The words.
    pub text: String,
    /// Where in them an earlier mail is quoted, as far as its marks tell.
    pub quoted_at: Option<usize>,
    /// Links to files too large for a mail.
    pub links: Vec<String>,
    /// From HTML.
    html: bool,
    /// Out of a `winmail.dat`, which repeats what the mail says beside it.
    packed: bool,
}

impl Content {
    /// Of a tree of parts; `near` is the charset that the mail's other words are in.
    pub fn of(node: &Node<'_>, near: Option<Charset>) -> Self {
        let mut content = collect(node, near);
        if content.words.iter().any(|words| !words.packed && !words.text.trim().is_empty()) {
            content.words.retain(|words| !words.packed);
        }
        content.files.truncate(MAX_FILES);
        content
    }

    /// All words.
    pub fn text(&self) -> String {
        let texts: Vec<&str> =
            self.words.iter().map(|words| words.text.as_str()).filter(|text| !text.trim().is_empty()).collect();
        texts.join("\n")
    }

    /// Where in [`Self::text`] an earlier mail is quoted, by its marks.
    pub fn quoted_at(&self) -> Option<usize> {
        match self.words.iter().find(|words| !words.text.trim().is_empty()) {
            Some(first) => first.quoted_at,
            None => None,
        }
    }

    fn is_silent(&self) -> bool {
        self.words.iter().all(|words| words.text.trim().is_empty())
    }

    fn letters(&self) -> usize {
        self.words.iter().flat_map(|words| words.text.chars()).filter(|character| !character.is_whitespace()).count()
    }

    fn is_html(&self) -> bool {
        self.words.iter().any(|words| words.html)
    }
}

/// The charset that the mail's text parts name, for what names none.
pub fn near(node: &Node<'_>) -> Option<Charset> {
    let leaves = node.leaves();
    let texts = leaves.iter().filter(|part| part.content_type.value.starts_with("text/"));
    texts.filter_map(|part| Charset::named(part.content_type.plain("charset")?)).next()
}

fn collect(node: &Node<'_>, near: Option<Charset>) -> Content {
    match node {
        Node::Leaf(part) => leaf(part, near),
        Node::Several { subtype, parts } if subtype == "alternative" => {
            let mut contents: Vec<Content> = parts.iter().map(|part| collect(part, near)).collect();
            let files = contents.iter_mut().flat_map(|content| std::mem::take(&mut content.files)).collect();
            Content { words: choose(contents), files }
        }
        Node::Several { parts, .. } => {
            let mut all = Content::default();
            for part in parts {
                let content = collect(part, near);
                all.words.extend(content.words);
                all.files.extend(content.files);
            }
            all
        }
    }
}

/// One of several versions of the same: the plain one, unless it says nothing or much less than the other.
fn choose(versions: Vec<Content>) -> Vec<Words> {
    let links: Vec<String> =
        versions.iter().flat_map(|version| &version.words).flat_map(|words| words.links.clone()).collect();
    let (rich, plain): (Vec<Content>, Vec<Content>) =
        versions.into_iter().filter(|version| !version.is_silent()).partition(Content::is_html);
    let (rich, plain) = (rich.into_iter().next_back(), plain.into_iter().next());
    let chosen = match (plain, rich) {
        (Some(plain), Some(rich)) if rich.letters() > plain.letters() * 4 + 40 => rich,
        (Some(plain), _) => plain,
        (None, Some(rich)) => rich,
        (None, None) => return Vec::new(),
    };
    let mut words = chosen.words;
    if let Some(first) = words.first_mut() {
        first.links.extend(links);
        first.links.dedup();
    }
    words
}

fn leaf(part: &Part<'_>, near: Option<Charset>) -> Content {
    let kind = part.content_type.value.as_str();
    let name = name_of(part, near);
    let readable = matches!(kind, "text/plain" | "text/html" | "text/enriched" | "text/richtext");
    let is_file = part.disposition.value == "attachment" || (name.is_some() && part.inner);
    let encoding = part.header.get("content-transfer-encoding").unwrap_or_default();
    let bytes = transfer::undo(part.body, encoding);
    if readable && !is_file {
        return Content { words: vec![text(part, &bytes, near)], files: Vec::new() };
    }
    let is_tnef =
        kind.ends_with("/ms-tnef") || kind.ends_with("/vnd.ms-tnef") || name.as_deref() == Some("winmail.dat");
    if let Some(unpacked) = is_tnef.then(|| unpack(&bytes)).flatten() {
        return unpacked;
    }
    let name = name.or_else(|| embedded_name(kind, &bytes));
    let file = Attachment { name, media_type: media_type(kind), payload: payload(bytes) };
    Content { words: Vec::new(), files: vec![file] }
}

fn payload(bytes: Cow<'_, [u8]>) -> Payload {
    Payload::Inline(Bytes::from(bytes.into_owned()))
}

/// A declared type that is one; else only bytes.
fn media_type(declared: &str) -> String {
    let token = |text: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
        text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(good)
    };
    let usable = declared.len() <= 100 && declared.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if usable { declared.to_owned() } else { "application/octet-stream".into() }
}

fn name_of(part: &Part<'_>, near: Option<Charset>) -> Option<String> {
    let given = [part.disposition.words("filename", near), part.content_type.words("name", near)];
    let given = given.into_iter().flatten().filter(|name| !name.trim().is_empty());
    // Of two spellings, the one that can be read.
    let mut given: Vec<String> = given.collect();
    given.sort_by_key(|name| name.contains(char::REPLACEMENT_CHARACTER));
    given.iter().find_map(|name| filename::safe(name))
}

/// A mail within a mail is named by its subject.
fn embedded_name(kind: &str, bytes: &[u8]) -> Option<String> {
    if kind != "message/rfc822" && kind != "message/global" {
        return None;
    }
    let (header, _) = Header::split(bytes);
    let subject = words::decode(header.get("subject").unwrap_or_default(), None);
    filename::safe(&format!("{}.eml", subject.replace(['/', '\\'], "_")))
        .filter(|name| name != ".eml")
        .or(Some("邮件.eml".into()))
}

fn text(part: &Part<'_>, bytes: &[u8], near: Option<Charset>) -> Words {
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let declared = part.content_type.plain("charset");
    if part.content_type.value == "text/html" {
        return page(bytes, declared, near);
    }
    let text = charset::decode(bytes, declared, near);
    let flowed = part.content_type.plain("format").is_some_and(|format| format.eq_ignore_ascii_case(b"flowed"));
    let joined = part.content_type.plain("delsp").is_some_and(|delete| delete.eq_ignore_ascii_case(b"yes"));
    let text = clean(&text);
    Words { text: if flowed { unfold(&text, joined) } else { trimmed(&text) }, ..Words::default() }
}

fn page(bytes: &[u8], declared: Option<&[u8]>, near: Option<Charset>) -> Words {
    let label = declared.filter(|label| Charset::named(label).is_some()).or_else(|| html::charset(bytes)).or(declared);
    let page = html::read(&charset::decode(bytes, label, near));
    Words { text: clean(&page.text), quoted_at: page.quoted_at, links: page.links, html: true, packed: false }
}

/// One kind of line end, no controls.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(character),
            '\u{feff}' => {}
            other if other.is_control() => {}
            other => clean.push(other),
        }
    }
    clean
}

fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// `format=flowed` (RFC 3676): a line that ends in a space goes on in the next.
fn unfold(text: &str, delete_space: bool) -> String {
    let mut unfolded = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let bare = &line[depth..];
        let bare = bare.strip_prefix(' ').unwrap_or(bare);
        // The mark before a signature is no open line.
        let flows = bare.ends_with(' ') && bare != "-- ";
        if open != Some(depth) {
            if !unfolded.is_empty() {
                unfolded.push('\n');
            }
            if depth > 0 {
                unfolded.push_str(&line[..depth]);
                unfolded.push(' ');
            }
        }
        unfolded.push_str(if flows && delete_space { &bare[..bare.len() - 1] } else { bare });
        if unfolded.is_empty() && !flows {
            unfolded.push('\n');
        }
        open = flows.then_some(depth);
    }
    trimmed(&unfolded)
}

fn unpack(bytes: &[u8]) -> Option<Content> {
    let packed = tnef::unpack(bytes)?;
    let files: Vec<Attachment> = packed
        .files
        .into_iter()
        .map(|file| Attachment {
            name: file.name.as_deref().and_then(filename::safe),
            media_type: media_type(&file.media_type.unwrap_or_default().to_ascii_lowercase()),
            payload: Payload::Inline(Bytes::copy_from_slice(&bytes[file.bytes])),
        })
        .collect();
    let mut words = match (packed.text, packed.html) {
        (Some(text), _) if !text.trim().is_empty() => vec![Words { text: trimmed(&clean(&text)), ..Words::default() }],
        (_, Some(range)) => vec![page(&bytes[range], None, None)],
        _ => Vec::new(),
    };
    words.iter_mut().for_each(|words| words.packed = true);
    // Nothing came out: the part itself is the file.
    (!files.is_empty() || !words.is_empty()).then_some(Content { words, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowing_lines_are_joined() {
        assert_eq!(unfold("one \ntwo\n> a \n> b\n-- \nx", false), "one two\n> a b\n--\nx");
        assert_eq!(unfold("路灯 \n坏了", true), "路灯坏了");
    }
}
