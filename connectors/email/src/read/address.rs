//! Addresses (RFC 5322, section 3.4), as leniently as mail programs read them.

use super::{charset::Charset, header::Header, words};

/// Longer addresses are none (RFC 5321).
const MAX_ADDRESS: usize = 254;
/// Addresses in one field that are looked at.
const MAX_MAILBOXES: usize = 200;

/// A name and an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The name, if one is given and differs from the address.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// The mailboxes in a raw header value.
pub fn mailboxes(value: &[u8], near: Option<Charset>) -> Vec<Mailbox> {
    let found = read(value, near);
    // Some programs encode name and address together, and some people's signs are full-width.
    if found.is_empty() || found.iter().any(|mailbox| mailbox.address.contains(['＜', '＞', '＠'])) {
        let plain = words::decode(value, near).replace('＜', "<").replace('＞', ">").replace('＠', "@");
        return read(plain.as_bytes(), near);
    }
    found
}

/// Who sent a mail: the first mailbox in `From`; where it has none, its words and the address in the fields that stand in
/// for it.
pub fn sender(header: &Header<'_>, near: Option<Charset>) -> Mailbox {
    let first = |name: &'static str| header.all(name).find_map(|value| mailboxes(value, near).into_iter().next());
    if let Some(mailbox) = first("from") {
        return mailbox;
    }
    let words = header.get("from").and_then(|value| name(value.strip_suffix(b"<>").unwrap_or(value), near));
    let words = words.filter(|words| !words.ends_with([';', ':']) && !words.starts_with("undisclosed"));
    let instead = ["sender", "reply-to", "return-path"].into_iter().find_map(first).unwrap_or_default();
    Mailbox { name: words.or(instead.name), address: instead.address }
}

fn read(value: &[u8], near: Option<Charset>) -> Vec<Mailbox> {
    split(value).into_iter().take(MAX_MAILBOXES).filter_map(|one| mailbox(one, near)).collect()
}

/// At the commas outside quotes, comments and angle brackets.
fn split(value: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let (mut quoted, mut comment, mut angle, mut from) = (false, 0_u32, false, 0);
    let (mut escaped, mut encoded) = (false, 0);
    for (at, byte) in value.iter().enumerate() {
        if std::mem::take(&mut escaped) || at < encoded {
            continue;
        }
        match byte {
            b'=' if !quoted => encoded = words::encoded_end(value, at).unwrap_or(0),
            b'\\' if quoted => escaped = true,
            b'"' if comment == 0 => quoted = !quoted,
            b'(' if !quoted => comment += 1,
            b')' if !quoted => comment = comment.saturating_sub(1),
            b'<' if !quoted && comment == 0 => angle = true,
            b'>' if !quoted && comment == 0 => angle = false,
            b',' | b';' if !quoted && comment == 0 && !angle => {
                found.push(&value[from..at]);
                from = at + 1;
            }
            // A full-width comma or semicolon between two.
            0xef | 0xa3 if at > 0 && value[at - 1] == b'>' && !quoted => {
                let signs = ["，".as_bytes(), "；".as_bytes(), b"\xa3\xac", b"\xa3\xbb"];
                if let Some(sign) = signs.iter().find(|sign| value[at..].starts_with(sign)) {
                    found.push(&value[from..at]);
                    from = at + sign.len();
                }
            }
            _ => {}
        }
    }
    found.push(&value[from.min(value.len())..]);
    found
}

fn mailbox(one: &[u8], near: Option<Charset>) -> Option<Mailbox> {
    // The last angle bracket outside quotes, or simply the last: names may hold others.
    if let Some(open) = one.iter().rposition(|byte| *byte == b'<') {
        let inner = &one[open + 1..];
        let inner = &inner[..inner.iter().position(|byte| *byte == b'>').unwrap_or(inner.len())];
        if let Some(address) = address(inner) {
            let before = &one[..open];
            let before = before.trim_ascii_end().strip_suffix(b"<").unwrap_or(before);
            let name = name(before, near).filter(|name| *name != address);
            return Some(Mailbox { name, address });
        }
    }
    let (bare, comment) = match one.iter().position(|byte| *byte == b'(') {
        Some(open) => {
            let inner = &one[open + 1..];
            (&one[..open], Some(&inner[..inner.iter().rposition(|byte| *byte == b')').unwrap_or(inner.len())]))
        }
        None => (one, None),
    };
    let group =
        bare.iter().position(|byte| *byte == b':').filter(|at| !bare[..*at].to_ascii_lowercase().ends_with(b"mailto"));
    let bare = group.map_or(bare, |group| &bare[group + 1..]);
    if let Some(address) = address(bare) {
        return Some(Mailbox { name: comment.and_then(|comment| name(comment, near)), address });
    }
    // Words and an address without brackets.
    let word = bare.split(u8::is_ascii_whitespace).rev().find_map(|word| Some((word, address(word)?)))?;
    let at = word.0.as_ptr() as usize - bare.as_ptr() as usize;
    Some(Mailbox { name: name(&bare[..at], near), address: word.1 })
}

/// `text` as an address, if it is one.
pub fn address(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let text = text.trim_matches(|character: char| matches!(character, '"' | '\'' | '<' | '>' | '[' | ']'));
    let text = text.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:")).map_or(text, |_| &text[7..]);
    // A route before the address (RFC 5322, section 4.4).
    let text = if text.starts_with('@') { text.split_once(':')?.1 } else { text };
    let (local, domain) = text.rsplit_once('@')?;
    let bad = |character: char| character.is_whitespace() || character.is_control() || "<>,;()\"".contains(character);
    let good = !local.is_empty() && !domain.is_empty() && text.len() <= MAX_ADDRESS && !text.contains(bad);
    good.then(|| text.to_owned())
}

fn name(raw: &[u8], near: Option<Charset>) -> Option<String> {
    let raw = raw.trim_ascii();
    let inner = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(byte) = bytes.next() {
        // As in parameters: half of a Chinese character is no escape.
        if *byte == b'\\'
            && plain.last().is_none_or(u8::is_ascii)
            && matches!(bytes.peek(), Some(b'"' | b'\\' | b'(' | b')'))
        {
            plain.extend(bytes.next());
        } else {
            plain.push(*byte);
        }
    }
    let name = words::decode(&plain, near);
    let name = name.trim().trim_matches(|character| matches!(character, '"' | '\'')).trim();
    (!name.is_empty()).then(|| name.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &[u8]) -> (Option<String>, String) {
        let found = mailboxes(value, None);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].name.clone(), found[0].address.clone())
    }

    #[test]
    fn a_sender_is_read_in_all_spellings() {
        let wang = (Some("王小明".to_owned()), "wang@example.cn".to_owned());
        assert_eq!(one("王小明 <wang@example.cn>".as_bytes()), wang);
        assert_eq!(one(b"\"\xcd\xf5\xd0\xa1\xc3\xf7\" <wang@example.cn>"), wang);
        assert_eq!(one(b"=?gb2312?B?zfXQocP3?= <wang@example.cn>"), wang);
        assert_eq!(one(b"\"=?gb2312?B?zfXQocP3?=\"<wang@example.cn>"), wang);
        assert_eq!(one(b"=?utf-8?B?546L5bCP5piOIDx3YW5nQGV4YW1wbGUuY24+?="), wang);
        assert_eq!(one(b"wang@example.cn (=?gb2312?B?zfXQocP3?=)"), wang);
        assert_eq!(one(b"<wang@example.cn>"), (None, wang.1.clone()));
        assert_eq!(one(b"wang@example.cn"), (None, wang.1.clone()));
        assert_eq!(one(b"\"wang@example.cn\" <wang@example.cn>"), (None, wang.1));
        assert_eq!(one(b"\"Wang, Ming\" <w@example.cn>"), (Some("Wang, Ming".into()), "w@example.cn".into()));
    }

    #[test]
    fn a_sender_is_read_in_spellings_that_are_none() {
        let wang = (Some("王小明".to_owned()), "wang@example.cn".to_owned());
        for odd in [
            "王小明＜wang@example.cn＞",
            "王小明 <wang＠example.cn>",
            "王小明 <<wang@example.cn>>",
            "王小明 [mailto:wang@example.cn]",
            "王小明 <MAILTO:wang@example.cn>",
            "\"王小明 <wang@example.cn>",
        ] {
            assert_eq!(one(odd.as_bytes()), wang, "{odd}");
        }
        assert_eq!(one(b"=?utf-8?Q?Wang,_Ming?= <w@x.cn>"), (Some("Wang, Ming".into()), "w@x.cn".into()));
        let two = mailboxes("王 <a@b.cn>；李 <c@d.cn>".as_bytes(), None);
        assert_eq!((two[0].name.as_deref(), two[1].address.as_str()), (Some("王"), "c@d.cn"));
        let sender = |mail: &str| {
            let found = sender(&Header::split(mail.as_bytes()).0, None);
            (found.name.unwrap_or_default(), found.address)
        };
        assert_eq!(sender("From:\nFrom: 王 <a@b.cn>\n\n"), ("王".into(), "a@b.cn".into()));
        assert_eq!(sender("From: 王\nReturn-Path: <a@b.cn>\n\n"), ("王".into(), "a@b.cn".into()));
        assert_eq!(sender("Reply-To: 李 <c@d.cn>\n\n"), ("李".into(), "c@d.cn".into()));
        assert_eq!(sender("From: \"王\" <>\n\n"), ("王".into(), String::new()));
    }

    #[test]
    fn lists_are_split_and_junk_is_nobody() {
        let found = mailboxes(b"a@b.cn, \"x, y\" <c@d.cn>; e@f.cn", None);
        assert_eq!(found.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["a@b.cn", "c@d.cn", "e@f.cn"]);
        assert_eq!(mailboxes(b"", None), []);
        assert_eq!(mailboxes(b"undisclosed-recipients:;", None), []);
    }
}
