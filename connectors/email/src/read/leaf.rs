//! One part: words, or a file.

use super::{
    body::{self, At, Content, Words},
    charset::{self, Charset},
    filename,
    header::Header,
    html, smime,
    structure::{self, Part},
    text, tnef, transfer, uu, words,
};
use bytes::Bytes;
use jiesu_connector::{Attachment, Payload};

/// Bytes of a text part that are read as words; all of it is kept in the raw mail.
const MAX_TEXT: usize = 4 << 20;
/// Wrappings within wrappings that are opened.
const MAX_WRAPPED: u8 = 3;
/// Files among the words of one part.
const MAX_AMONG: usize = 20;

/// Reads a part.
pub fn read(part: &Part<'_>, near: Option<Charset>, at: At) -> Content {
    let kind = part.content_type.value.as_str();
    // Another version of words that stand beside it, for one provider's readers.
    if kind == "text/x-amp-html" {
        return Content::default();
    }
    let named = named(part, near);
    let encoding = part.header.get("content-transfer-encoding").unwrap_or_default();
    let bytes = transfer::undo(part.body, encoding);
    if is_readable(kind) && part.disposition.value != "attachment" && (named.is_none() || !part.inner || at.body) {
        let mut content = among(part, &bytes, near);
        // A file that is shown among the words.
        if part.inner && named.is_some() && !at.version {
            content.files.push(file(named, kind, &bytes));
        }
        return content;
    }
    if let Some(opened) = open(part, named.as_deref(), &bytes, near, at) {
        return opened;
    }
    let named = named.or_else(|| filename::safe(&among_name(part)?));
    Content { words: Vec::new(), files: vec![file(named, kind, &bytes)] }
}

/// Text that is for people.
fn is_readable(kind: &str) -> bool {
    let files =
        ["calendar", "csv", "vcard", "x-vcard", "directory", "xml", "rtf", "css", "javascript", "rfc822-headers"];
    kind.strip_prefix("text/").is_some_and(|subtype| !files.contains(&subtype))
}

/// The words of a part, and the files that stand among them in uuencode.
fn among(part: &Part<'_>, bytes: &[u8], near: Option<Charset>) -> Content {
    if let Some(whole) = wrapped(part, bytes, near) {
        return whole;
    }
    let (mut said, mut files) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some(found) = uu::find(rest).filter(|_| files.len() < MAX_AMONG) {
        let name = filename::safe(&words::decode(found.name, near.or(part.charset())));
        files.push(file(name, "application/octet-stream", &found.bytes));
        said.extend_from_slice(found.before);
        rest = found.after;
    }
    said.extend_from_slice(rest);
    Content { words: vec![self::said(part, &said, near)], files }
}

/// Parts that were encoded as a whole, which is not allowed.
fn wrapped(part: &Part<'_>, bytes: &[u8], near: Option<Charset>) -> Option<Content> {
    let boundary = part.content_type.plain("boundary").filter(|_| part.body.len() != bytes.len())?;
    memchr::memmem::find(bytes, &[b"--", boundary].concat())?;
    let (node, _) = structure::tree(&part.header, bytes);
    matches!(node, structure::Node::Several { .. })
        .then(|| body::collect(&node, near, At { wrapped: MAX_WRAPPED, body: true, version: false }))
}

fn said(part: &Part<'_>, bytes: &[u8], near: Option<Charset>) -> Words {
    let encoding = part.header.get("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    let plain = matches!(encoding.as_slice(), b"" | b"7bit" | b"8bit" | b"binary");
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let unnamed = plain.then(|| transfer::undo_unnamed(bytes)).flatten();
    let bytes = unnamed.as_deref().unwrap_or(bytes);
    let declared = part.content_type.plain("charset");
    if part.content_type.value == "text/html" || html::is_page(bytes) {
        return page(bytes, declared, near);
    }
    let said = text::clean(&charset::decode_lines(bytes, declared, near));
    let flowed = part.content_type.plain("format").is_some_and(|format| format.eq_ignore_ascii_case(b"flowed"));
    let joined = part.content_type.plain("delsp").is_some_and(|delete| delete.eq_ignore_ascii_case(b"yes"));
    Words { text: if flowed { text::unfold(&said, joined) } else { text::trimmed(&said) }, ..Words::default() }
}

fn page(bytes: &[u8], declared: Option<&[u8]>, near: Option<Charset>) -> Words {
    let own = html::charset(bytes);
    let label = declared.filter(|label| Charset::named(label).is_some()).or(own).or(declared);
    let page = html::read(&charset::decode_lines(bytes, label, own.and_then(Charset::named).or(near)));
    Words { text: text::clean(&page.text), quoted_at: page.quoted_at, links: page.links, html: true, packed: false }
}

/// What is wrapped in a part: a signed mail, or what Outlook packs.
fn open(part: &Part<'_>, name: Option<&str>, bytes: &[u8], near: Option<Charset>, at: At) -> Option<Content> {
    let kind = part.content_type.value.as_str();
    if matches!(kind, "application/ms-tnef" | "application/vnd.ms-tnef") || name == Some("winmail.dat") {
        return unpack(bytes);
    }
    let signed = matches!(kind, "application/pkcs7-mime" | "application/x-pkcs7-mime") || name == Some("smime.p7m");
    let inner = smime::content(bytes).filter(|_| signed && at.wrapped < MAX_WRAPPED)?;
    let (header, body) = Header::split(&inner);
    let (node, _) = structure::tree(&header, body);
    Some(body::collect(&node, near, At { wrapped: at.wrapped + 1, ..at }))
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
        (Some(text), _) if !text.trim().is_empty() => {
            vec![Words { text: text::trimmed(&text::clean(&text)), ..Words::default() }]
        }
        (_, Some(range)) => vec![page(&bytes[range], None, None)],
        _ => Vec::new(),
    };
    words.iter_mut().for_each(|words| words.packed = true);
    // Nothing came out: the part itself is the file.
    (!files.is_empty() || !words.is_empty()).then_some(Content { words, files })
}

fn file(name: Option<String>, kind: &str, bytes: &[u8]) -> Attachment {
    let name = name.or_else(|| embedded_name(kind, bytes));
    Attachment { name, media_type: media_type(kind), payload: Payload::Inline(Bytes::copy_from_slice(bytes)) }
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

/// The name that a part is given.
fn named(part: &Part<'_>, near: Option<Charset>) -> Option<String> {
    let given = [part.disposition.words("filename", near), part.content_type.words("name", near)];
    let given = given.into_iter().flatten().filter(|name| !name.trim().is_empty());
    // Of two spellings, the one that can be read.
    let mut given: Vec<String> = given.collect();
    given.sort_by_key(|name| {
        name.contains(char::REPLACEMENT_CHARACTER) || name.contains("??") || name.starts_with("__")
    });
    given.iter().find_map(|name| filename::safe(name)).or_else(|| described(part, near))
}

/// Where it has no name, what describes it may be one.
fn described(part: &Part<'_>, near: Option<Charset>) -> Option<String> {
    let said = ["content-description", "content-location"].iter().find_map(|name| part.header.get(name))?;
    let name = filename::safe(&words::decode(said, near))?;
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ((1..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

/// The name within uuencode.
fn among_name(part: &Part<'_>) -> Option<String> {
    let encoding = part.header.get("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    encoding
        .windows(2)
        .any(|pair| pair == b"uu")
        .then(|| uu::find(part.body))
        .flatten()
        .map(|found| words::decode(found.name, None))
}

/// A mail within a mail is named by its subject.
fn embedded_name(kind: &str, bytes: &[u8]) -> Option<String> {
    if kind == "text/calendar" {
        return Some("invite.ics".into());
    }
    if kind != "message/rfc822" && kind != "message/global" {
        return None;
    }
    let (header, _) = Header::split(bytes);
    let subject = words::decode(header.get("subject").unwrap_or_default(), None);
    filename::safe(&format!("{}.eml", subject.replace(['/', '\\'], "_")))
        .filter(|name| name != ".eml")
        .or(Some("邮件.eml".into()))
}
