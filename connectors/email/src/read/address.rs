//! Addresses (RFC 5322, section 3.4), as leniently as mail programs read them.

use super::{charset::Charset, words};

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
    if found.is_empty() && words::is_encoded(value) {
        // Some programs encode name and address together.
        return read(words::decode(value, near).as_bytes(), near);
    }
    found
}

fn read(value: &[u8], near: Option<Charset>) -> Vec<Mailbox> {
    split(value).into_iter().take(MAX_MAILBOXES).filter_map(|one| mailbox(one, near)).collect()
}

/// At the commas outside quotes, comments and angle brackets.
fn split(value: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let (mut quoted, mut comment, mut angle, mut from) = (false, 0_u32, false, 0);
    let mut escaped = false;
    for (at, byte) in value.iter().enumerate() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match byte {
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
            let name = name(&one[..open], near).filter(|name| *name != address);
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
    let bare = bare.iter().position(|byte| *byte == b':').map_or(bare, |group| &bare[group + 1..]);
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
    let text = text.trim_matches(|character: char| matches!(character, '"' | '\'' | '<' | '>'));
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
    fn lists_are_split_and_junk_is_nobody() {
        let found = mailboxes(b"a@b.cn, \"x, y\" <c@d.cn>; e@f.cn", None);
        assert_eq!(found.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["a@b.cn", "c@d.cn", "e@f.cn"]);
        assert_eq!(mailboxes(b"", None), []);
        assert_eq!(mailboxes(b"undisclosed-recipients:;", None), []);
    }
}
