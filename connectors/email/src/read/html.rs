//! HTML as people read it: words and line breaks. One pass, no tree, so that no depth and no size is too much.

mod scope;

use super::entities;
use memchr::{memchr, memmem};
use scope::{Effect, Scopes};

/// Links that are kept.
const MAX_LINKS: usize = 20;
/// Where providers put files that are too large for a mail (超大附件): the mail has only a link.
const BIG_FILES: [&str; 8] = [
    "mail.qq.com/cgi-bin/ftnexs",
    "mail.qq.com/ftn/download",
    "mail.qq.com/cgi-bin/ftndownload",
    "mail.163.com/large-attachment",
    "dashi.163.com",
    "fs.163.com",
    "mail.126.com/large-attachment",
    "mail.10086.cn/disk",
];

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The words.
    pub text: String,
    /// Where in them an earlier mail is quoted, as far as the marks of mail programs tell.
    pub quoted_at: Option<usize>,
    /// Links to files too large for a mail.
    pub links: Vec<String>,
}

/// The charset that the page itself names.
pub fn charset(html: &[u8]) -> Option<&[u8]> {
    let head = html.get(..html.len().min(4096))?;
    let lower = head.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = memmem::find(&lower[from..], b"<meta").map(|at| from + at) {
        let end = memchr(b'>', &lower[at..]).map_or(lower.len(), |end| at + end);
        if let Some(found) = memmem::find(&lower[at..end], b"charset") {
            let value = &head[at + found + 7..end];
            let skip = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'');
            let value = &value[value.iter().position(|byte| !skip(byte)).unwrap_or(value.len())..];
            let length = value.iter().position(|byte| skip(byte) || matches!(byte, b';' | b'/' | b'>'));
            return Some(&value[..length.unwrap_or(value.len())]).filter(|value| !value.is_empty());
        }
        from = end;
    }
    None
}

/// Whether it is a page, whatever it is called.
pub fn is_page(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = start[..start.len().min(14)].to_ascii_lowercase();
    let ends = |at: usize| start.get(at).is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'>');
    start.starts_with(b"<!doctype html") || (start.starts_with(b"<html") && ends(5))
}

/// Reads a page, without what it hides, unless that is everything.
pub fn read(html: &str) -> Page {
    let read = |hides| {
        let mut reader = Reader { rest: html, hides, ..Reader::default() };
        reader.run();
        reader.page.text.truncate(reader.page.text.trim_end().len());
        (reader.page, reader.hidden)
    };
    match read(true) {
        (page, true) if page.text.is_empty() => read(false).0,
        (page, _) => page,
    }
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    page: Page,
    /// White space that is said only if words follow on the same line.
    space: bool,
    /// Line breaks that are said only if words follow.
    breaks: usize,
    /// Within elements that show their words otherwise.
    scopes: Scopes,
    /// Whether hidden words are left out, and whether there were any.
    hides: bool,
    hidden: bool,
    /// Once one of these marks is not found, it is not looked for again: else it would be looked for at every tag.
    no_comment_end: bool,
    no_quote: [bool; 2],
    no_end: bool,
}

struct Tag<'a> {
    name: String,
    closing: bool,
    attributes: Vec<(String, &'a str)>,
}

impl<'a> Reader<'a> {
    fn run(&mut self) {
        while let Some(at) = memchr(b'<', self.rest.as_bytes()) {
            let (words, rest) = self.rest.split_at(at);
            self.words(words);
            self.rest = rest;
            if let Some(comment) = rest.strip_prefix("<!--") {
                match comment.find("-->").filter(|_| !self.no_comment_end) {
                    Some(end) => self.rest = &comment[end + 3..],
                    None => {
                        self.no_comment_end = true;
                        self.skip_to_bracket();
                    }
                }
            } else if rest[1..].starts_with(['!', '?']) {
                self.skip_to_bracket();
            } else if let Some(tag) = self.tag() {
                self.obey(&tag);
                // The end of a page that is no tag, but a comparison.
                if self.rest.is_empty() && rest.len() < 100 && !rest.contains('>') {
                    self.words(rest);
                }
            } else {
                self.words("<");
                self.rest = &rest[1..];
            }
        }
        let rest = self.rest;
        self.words(rest);
    }

    fn skip_to_bracket(&mut self) {
        self.rest = memchr(b'>', self.rest.as_bytes()).map_or("", |end| &self.rest[end + 1..]);
    }

    /// The tag that begins here; `None` if it is a less-than sign.
    fn tag(&mut self) -> Option<Tag<'a>> {
        let inner = &self.rest[1..];
        let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
        if !inner.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        let ends = |character: char| character.is_ascii_whitespace() || matches!(character, '/' | '>' | '<');
        let length = inner.find(ends).unwrap_or(inner.len());
        let mut tag = Tag { name: inner[..length].to_ascii_lowercase(), closing, attributes: Vec::new() };
        let mut rest = &inner[length..];
        loop {
            rest = rest.trim_start_matches(|character: char| character.is_ascii_whitespace() || character == '/');
            match rest.chars().next() {
                None | Some('>') => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Some(tag);
                }
                // The bracket was forgotten.
                Some('<') => {
                    self.rest = rest;
                    return Some(tag);
                }
                Some(first) => {
                    let ends =
                        |character: char| character.is_ascii_whitespace() || matches!(character, '=' | '>' | '/');
                    let length = rest[first.len_utf8()..].find(ends).map_or(rest.len(), |at| at + first.len_utf8());
                    let name = &rest[..length];
                    rest = rest[length..].trim_start();
                    let mut value = "";
                    if let Some(after) = rest.strip_prefix('=') {
                        (value, rest) = self.value(after.trim_start());
                    }
                    if tag.attributes.len() < 30 && name.len() < 40 {
                        tag.attributes.push((name.to_ascii_lowercase(), value));
                    }
                }
            }
        }
    }

    fn value(&mut self, text: &'a str) -> (&'a str, &'a str) {
        for (which, quote) in ['"', '\''].into_iter().enumerate() {
            let Some(inner) = text.strip_prefix(quote) else { continue };
            if self.no_quote[which] {
                break;
            }
            match memchr(quote as u8, inner.as_bytes()) {
                Some(end) => return (&inner[..end], &inner[end + 1..]),
                None => self.no_quote[which] = true,
            }
        }
        let end =
            text.find(|character: char| character.is_ascii_whitespace() || character == '>').unwrap_or(text.len());
        text.split_at(end)
    }

    fn obey(&mut self, tag: &Tag<'_>) {
        let closing = tag.closing;
        if closing {
            self.scopes.close(&tag.name);
        } else {
            let get = |wanted: &str| tag.attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
            self.scopes
                .open(&tag.name, Effect::of(&tag.name, get("style").unwrap_or_default(), get("hidden").is_some()));
        }
        match tag.name.as_str() {
            "script" | "style" | "title" | "template" if !closing => self.skip_element(&tag.name),
            "br" => self.breaks += 1,
            "td" | "th" if closing => self.space = true,
            "li" if !closing => {
                self.line();
                self.words("· ");
            }
            "pre" | "p" | "div" | "tr" | "table" | "ul" | "ol" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6"
            | "blockquote" | "hr" | "section" | "article" | "header" | "footer" | "center" | "address" | "dl"
            | "dt" | "dd" | "form" | "fieldset" | "caption" | "body" | "includetail" => self.line(),
            "a" if !closing => self.link(tag),
            _ => {}
        }
        if !closing && self.page.quoted_at.is_none() && begins_quote(tag) {
            self.page.quoted_at = Some(self.page.text.len());
        }
    }

    fn link(&mut self, tag: &Tag<'_>) {
        let target = tag.attributes.iter().find(|(name, _)| name == "href").map(|(_, value)| entities::decode(value));
        if let Some(target) =
            target.filter(|target| target.len() < 2_000 && BIG_FILES.iter().any(|place| target.contains(place)))
        {
            let target = target.trim().to_owned();
            if self.page.links.len() < MAX_LINKS && !self.page.links.contains(&target) {
                self.page.links.push(target);
            }
        }
    }

    /// The element's end is looked for without regard to case; without one, nothing is inside: better some lines of style
    /// than no words.
    fn skip_element(&mut self, name: &str) {
        let bytes = self.rest.as_bytes();
        let ends = |at: &usize| {
            let after = &bytes[at + 2..];
            after.len() >= name.len() && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        if self.no_end {
            return;
        }
        match memmem::find_iter(bytes, b"</").find(ends) {
            Some(end) => self.rest = &self.rest[end..],
            None => self.no_end = true,
        }
    }

    fn line(&mut self) {
        self.breaks = self.breaks.max(1);
    }

    fn words(&mut self, raw: &str) {
        if raw.is_empty() {
            return;
        }
        if self.hides && self.scopes.hidden() {
            self.hidden |= !raw.trim().is_empty();
            return;
        }
        let text = entities::decode(raw);
        if self.scopes.preformatted() {
            self.flush();
            self.page.text.push_str(&text.replace('\r', ""));
            return;
        }
        for character in text.chars() {
            match character {
                // A no-break space is a space to a reader.
                ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}' => self.space = true,
                '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
                other => {
                    self.flush();
                    self.page.text.push(other);
                }
            }
        }
    }

    fn flush(&mut self) {
        let breaks = std::mem::take(&mut self.breaks).min(2);
        let space = std::mem::take(&mut self.space);
        if self.page.text.is_empty() {
            return;
        }
        if breaks > 0 {
            self.page.text.extend(std::iter::repeat_n('\n', breaks));
        } else if space && !self.page.text.ends_with([' ', '\n']) {
            self.page.text.push(' ');
        }
    }
}

/// The marks that mail programs put around what they quote.
fn begins_quote(tag: &Tag<'_>) -> bool {
    let get = |wanted: &str| tag.attributes.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| *value);
    let (class, id) = (get("class"), get("id"));
    match tag.name.as_str() {
        "includetail" => true,
        "blockquote" if get("type").eq_ignore_ascii_case("cite") => true,
        _ => {
            [
                "gmail_quote",
                "gmail_extra",
                "yahoo_quoted",
                "moz-cite-prefix",
                "protonmail_quote",
                "ntes-mailmaster-quote",
            ]
            .iter()
            .any(|mark| class.contains(mark))
                || [
                    "isReplyContent",
                    "divRplyFwdMsg",
                    "appendonsend",
                    "ntes-pcmail-quote",
                    "mail-editor-reference-message-container",
                ]
                .contains(&id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_people_read_it() {
        let html = "<html><head><title>t</title><STYLE>p{}</STYLE></head><body><!-- c --><p>您好，&nbsp;路灯<b>坏</b>了 &lt;三天&gt;</p>\
                    <div>地址：<br>嘉州大道&#32;1 号</div><table><tr><td>a</td><td>b</td></tr></table><script>x</script>3 < 4</body>";
        assert_eq!(read(html).text, "您好， 路灯坏了 <三天>\n地址：\n嘉州大道 1 号\na b\n3 < 4");
        assert_eq!(read("<pre>a\n  b</pre>c").text, "a\n  b\nc");
        assert_eq!(read("<ul><li>一<li>二</ul>").text, "· 一\n· 二");
    }

    #[test]
    fn what_is_hidden_is_not_read_unless_it_is_all() {
        assert_eq!(read("<div style='display:none'>a<div>b</div></div>路灯").text, "路灯");
        assert_eq!(read("<p style='font-size:0'>a<p>路灯").text, "路灯");
        assert_eq!(read("<div style='display:none'>路灯").text, "路灯");
        assert_eq!(read("<img style='display:none'>路灯<b hidden>x</b>").text, "路灯");
        assert_eq!(read("<div style='white-space: pre-wrap'>a\n b</div>c\nd").text, "a\n b\nc d");
        assert_eq!(read("路灯<style>p{}").text, "路灯p{}");
        assert_eq!(read("长度 a<b").text, "长度 a<b");
        assert!(is_page(b" <!DOCTYPE html><p>") && is_page(b"<HTML>") && !is_page(b"<htmlx>") && !is_page(b"p <html>"));
    }

    #[test]
    fn the_charset_of_a_page_is_found() {
        assert_eq!(charset(b"<meta charset='gbk'>"), Some(&b"gbk"[..]));
        let old = b"<META http-equiv=Content-Type content=\"text/html; charset=gb2312\">";
        assert_eq!(charset(old), Some(&b"gb2312"[..]));
        assert_eq!(charset(b"<p>charset=x"), None);
    }

    #[test]
    fn a_quoted_mail_and_links_to_large_files_are_noticed() {
        let page = read(
            "新的<div class=\"gmail_quote\">旧的</div><a href='https://wx.mail.qq.com/ftn/download?a=1&amp;b=2'>附件</a>",
        );
        assert_eq!(page.quoted_at, Some("新的".len()));
        assert_eq!(page.links, ["https://wx.mail.qq.com/ftn/download?a=1&b=2"]);
    }

    #[test]
    fn broken_and_hostile_pages_end_in_time() {
        for piece in [
            "<",
            "<a ",
            "<!--",
            "<a b=\"",
            "<p a='",
            "<div>",
            "</",
            "&",
            "<style>",
            "<x a=b c d ",
            "&#x",
            "<b hidden>",
            "</b>",
        ] {
            let start = std::time::Instant::now();
            read(&piece.repeat(500_000 / piece.len()));
            assert!(start.elapsed().as_secs() < 5, "{piece}");
        }
    }
}
