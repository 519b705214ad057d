//! What a mail says, and the files that come with it.

use super::{
    calendar,
    charset::{self, Charset},
    leaf, likely,
    structure::Node,
    text,
};
use jiesu_connector::Attachment;

/// Files of one mail that are kept.
const MAX_FILES: usize = 100;
/// Lines that are read of parts that are none.
const MAX_LINES: usize = 10_000;

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
    pub html: bool,
    /// Out of a `winmail.dat`, which repeats what the mail says beside it.
    pub packed: bool,
}

impl Content {
    /// Of a tree of parts; `near` is the charset that the mail's other words are in.
    pub fn of(node: &Node<'_>, near: Option<Charset>) -> Self {
        let mut content = collect(node, near, At { wrapped: 0, body: true, version: false });
        if content.is_silent() {
            // An invitation and nothing else.
            content.words.extend(node.leaves().into_iter().find_map(|part| calendar::words(part, near)));
        }
        if content.words.iter().any(|words| !words.packed && !words.text.trim().is_empty()) {
            content.words.retain(|words| !words.packed);
        }
        content.files.truncate(MAX_FILES);
        content
    }

    /// Parts that are so broken that nothing is found in them still have words: what is neither boundary nor field.
    pub fn or_whatever_is_there(mut self, body: &[u8], near: Option<Charset>) -> Self {
        if self.is_silent() && self.files.is_empty() {
            let marks = |line: &[u8]| line.starts_with(b"--") || line.to_ascii_lowercase().starts_with(b"content-");
            let lines = body.split_inclusive(|byte| *byte == b'\n').filter(|line| !marks(line));
            let words: Vec<u8> = lines.take(MAX_LINES).flatten().copied().collect();
            let text = text::trimmed(&text::clean(&charset::decode_lines(&words, None, near)));
            self.words = vec![Words { text, ..Words::default() }];
        }
        self
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

/// The charset that the mail's text parts name, for what names none; or that they, or `subject`, are plainly in.
pub fn near(node: &Node<'_>, subject: &[u8]) -> Option<Charset> {
    let leaves = node.leaves();
    let texts = || leaves.iter().filter(|part| part.content_type.value.starts_with("text/"));
    texts().find_map(|part| part.charset()).or_else(|| {
        let traditional =
            likely::is_traditional(subject) || texts().take(2).any(|part| likely::is_traditional(part.body));
        traditional.then_some(Charset::Known(encoding_rs::BIG5))
    })
}

/// Where a part stands.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Within how many wrappings that had to be opened.
    pub wrapped: u8,
    /// Where the mail's own words are: the first part, or one of several versions of it.
    pub body: bool,
    /// It is one of several versions.
    pub version: bool,
}

/// What a tree of parts says.
pub fn collect(node: &Node<'_>, near: Option<Charset>, at: At) -> Content {
    match node {
        Node::Leaf(part) => leaf::read(part, near, at),
        Node::Several { subtype, parts } if subtype == "alternative" => {
            let mut contents: Vec<Content> =
                parts.iter().map(|part| collect(part, near, At { version: true, ..at })).collect();
            let files = contents.iter_mut().flat_map(|content| std::mem::take(&mut content.files)).collect();
            Content { words: choose(contents), files }
        }
        Node::Several { parts, .. } => {
            let mut all = Content::default();
            for (index, part) in parts.iter().enumerate() {
                let content = collect(part, near, At { body: at.body && index == 0, ..at });
                all.words.extend(content.words);
                all.files.extend(content.files);
            }
            all
        }
    }
}

/// One of several versions of the same: the plain one, unless it says nothing of its own or much less than the other.
fn choose(versions: Vec<Content>) -> Vec<Words> {
    let links: Vec<String> =
        versions.iter().flat_map(|version| &version.words).flat_map(|words| words.links.clone()).collect();
    let (rich, plain): (Vec<Content>, Vec<Content>) =
        versions.into_iter().filter(|version| !version.is_silent()).partition(Content::is_html);
    let (rich, plain) = (rich.into_iter().next_back(), plain.into_iter().next());
    let chosen = match (plain, rich) {
        (Some(plain), Some(rich)) if rich.letters() > plain.letters() * 4 + 40 || text::is_stub(&plain.text()) => rich,
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
