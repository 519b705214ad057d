//! Contact data within what citizens wrote: their own, wherever it stands, and whatever else reads as a telephone, the
//! number of an identity card (GB 11643) or an address of e-mail. What a complaint is about (a car's plate, a company, a
//! place) stays.

use super::destination::Contact;
use jiesu_connector::{mask_email, mask_name, mask_phone};
use memchr::{memchr, memchr2};
use serde_json::Value;
use std::ops::Range;

/// The fields of an event that hold words, at whatever depth; `old` and `new` are the sides of a change.
const WORDS: [&str; 8] = ["title", "content", "demand", "text", "name", "reason", "old", "new"];
/// Letters of a name, at least, that is looked for in words: a single one is a word of its own too often.
const NAME: usize = 2;
/// Letters of anything else of theirs, at least.
const LEAST: usize = 5;

/// What is shown of a text.
type Mask = fn(&str) -> String;

/// What is to be hidden.
pub(super) struct Veil {
    contact: Contact,
    /// The citizen's own, and what is put in its place; the longest first.
    own: Vec<(String, String)>,
}

impl Veil {
    pub fn new(contact: Contact) -> Self {
        Self { contact, own: Vec::new() }
    }

    /// What this appellant goes by is hidden wherever it stands.
    pub fn hide(&mut self, appellant: &Value) {
        let masks: [(&str, Mask); 4] =
            [("name", mask_name), ("phone", mask_phone), ("email", mask_email), ("wechat_openid", |_| "***".into())];
        for (field, mask) in masks {
            let text = appellant[field].as_str().map(str::trim).unwrap_or_default();
            if text.chars().count() >= if field == "name" { NAME } else { LEAST } {
                self.own.push((text.to_owned(), mask(text)));
            }
        }
        self.own.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// JSON with its words covered; every other byte stays. `None` if there is nothing to hide in it.
    pub fn cover_json(&self, json: &str) -> Option<String> {
        let bytes = json.as_bytes();
        let (mut covered, mut at, mut copied, mut is_words) = (None::<String>, 0, 0, false);
        while let Some(open) = memchr(b'"', &bytes[at..]).map(|found| at + found) {
            let literal = open..end_of_string(bytes, open + 1);
            at = literal.end;
            if bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':') {
                is_words = WORDS.iter().any(|name| json.get(open + 1..at - 1) == Some(name));
                continue;
            }
            let words = || json.get(literal.clone()).and_then(|literal| serde_json::from_str::<String>(literal).ok());
            let Some(shown) = is_words.then(words).flatten().and_then(|words| self.cover(&words)) else { continue };
            let covered = covered.get_or_insert_with(|| String::with_capacity(json.len()));
            covered.push_str(&json[copied..open]);
            covered.push_str(&Value::String(shown).to_string());
            copied = at;
        }
        covered.map(|covered| covered + &json[copied..])
    }

    /// `None` if there is nothing to hide.
    fn cover(&self, words: &str) -> Option<String> {
        let mut covered = None::<String>;
        for (own, mask) in &self.own {
            let text = covered.as_deref().unwrap_or(words);
            if text.contains(own.as_str()) {
                covered = Some(text.replace(own, self.instead(mask)));
            }
        }
        let text = covered.as_deref().unwrap_or(words);
        let mut found = [numbers(text), mails(text)].concat();
        if found.is_empty() {
            return covered;
        }
        found.sort_unstable_by_key(|span| span.start);
        let (mut shown, mut copied) = (String::with_capacity(text.len()), 0);
        for span in found.into_iter() {
            if span.start < copied {
                continue;
            }
            let hidden = &text[span.clone()];
            let mask = if hidden.contains('@') { mask_email(hidden) } else { mask_phone(hidden) };
            shown.push_str(&text[copied..span.start]);
            shown.push_str(self.instead(&mask));
            copied = span.end;
        }
        Some(shown + &text[copied..])
    }

    fn instead<'a>(&self, mask: &'a str) -> &'a str {
        if self.contact == Contact::None { "***" } else { mask }
    }
}

/// Behind the closing quote of the string whose text begins at `from`.
fn end_of_string(json: &[u8], mut from: usize) -> usize {
    while let Some(found) = memchr2(b'"', b'\\', &json[from..]) {
        let at = from + found;
        if json[at] == b'"' {
            return at + 1;
        }
        from = (at + 2).min(json.len());
    }
    json.len()
}

/// In the width that Latin letters have, or Chinese ones.
fn digit(letter: char) -> Option<u32> {
    match letter {
        '０'..='９' => Some(u32::from(letter) - u32::from('０')),
        other => other.to_digit(10),
    }
}

/// The telephones and identity cards in `text`.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut before = None;
    for (at, letter) in text.char_indices() {
        let begins = letter == '+' || digit(letter).is_some() && before.is_none_or(|before| digit(before).is_none());
        before = Some(letter);
        if !begins || found.last().is_some_and(|last| last.end > at) {
            continue;
        }
        let rest = &text[at..];
        let number = mobile(rest).or_else(|| fixed(rest)).or_else(|| card(rest));
        found.extend(number.map(|number| at + number.start..at + number.end));
    }
    found
}

/// The digits in groups of so many, with nothing or one mark between groups, and no digit behind: they and their length in
/// bytes.
fn grouped(text: &str, groups: &[usize]) -> Option<(Vec<u32>, usize)> {
    let mut letters = text.char_indices().peekable();
    let mut digits = Vec::with_capacity(18);
    for (place, size) in groups.iter().enumerate() {
        if place > 0 {
            letters.next_if(|(_, letter)| matches!(letter, ' ' | '-' | '－' | '—' | '\u{3000}' | ')' | '）'));
        }
        for _ in 0..*size {
            digits.push(digit(letters.next()?.1)?);
        }
    }
    match letters.peek() {
        None => Some((digits, text.len())),
        Some((_, letter)) if digit(*letter).is_some() => None,
        Some((end, _)) => Some((digits, *end)),
    }
}

/// `13800138000`, `138 0013 8000`; what is China's code before it stays.
fn mobile(text: &str) -> Option<Range<usize>> {
    let is_mobile = |(digits, _): &(Vec<u32>, usize)| digits[0] == 1 && digits[1] >= 3;
    ["", "+86", "0086", "86"].into_iter().find_map(|country| {
        let rest = text.strip_prefix(country)?;
        let rest = if country.is_empty() { rest } else { rest.trim_start_matches([' ', '-']) };
        let (_, length) = grouped(rest, &[3, 4, 4]).filter(is_mobile)?;
        let start = text.len() - rest.len();
        Some(start..start + length)
    })
}

/// `0833-2435678`, `028 12345678`: an area's code and seven or eight digits.
fn fixed(text: &str) -> Option<Range<usize>> {
    [[4, 7], [3, 8], [4, 8], [3, 7]].iter().find_map(|groups| {
        let (digits, length) = grouped(text, groups)?;
        (digits[0] == 0 && digits[1] != 0).then_some(0..length)
    })
}

/// Eighteen characters with a day of birth in them, the last one perhaps an X.
fn card(text: &str) -> Option<Range<usize>> {
    let (digits, length) = grouped(text, &[18]).or_else(|| {
        let (digits, length) = grouped(text, &[17])?;
        text[length..].starts_with(['X', 'x']).then_some((digits, length + 1))
    })?;
    let number = |range: Range<usize>| digits[range].iter().fold(0, |number, digit| number * 10 + digit);
    let day = (1..=12).contains(&number(10..12)) && (1..=31).contains(&number(12..14));
    (digits[0] != 0 && (1900..2100).contains(&number(6..10)) && day).then_some(0..length)
}

/// The addresses of e-mail in `text`.
fn mails(text: &str) -> Vec<Range<usize>> {
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "._%+-".contains(letter);
    let of_host = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    let found = text.match_indices('@').filter_map(|(at, _)| {
        let name = text[..at]
            .rfind(|letter| !of_name(letter))
            .map_or(0, |end| end + text[end..].chars().next().map_or(0, char::len_utf8));
        let host = &text[at + 1..];
        let host = &host[..host.find(|letter| !of_host(letter)).unwrap_or(host.len())];
        let host = host.trim_end_matches(['.', '-']);
        (name < at && host.contains('.')).then(|| name..at + 1 + host.len())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn covered(words: &str) -> String {
        Veil::new(Contact::Masked).cover(words).unwrap_or_else(|| words.to_owned())
    }

    #[test]
    fn what_reads_as_contact_data_is_covered_and_nothing_else() {
        for (words, expected) in [
            ("请打13800138000。", "请打138****8000。"),
            ("138-0013-8000 或 +86 139 0013 9000", "138****8000 或 +86 139****9000"),
            ("8613800138000", "86138****8000"),
            ("１３８００１３８０００", "１３８****８０００"),
            ("座机0833-2435678，02812345678", "座机083****5678，028****5678"),
            ("身份证51110219900101123x，", "身份证511****123x，"),
            ("发到 wang.er@mail.example.cn。", "发到 w***@mail.example.cn。"),
        ] {
            assert_eq!(covered(words), expected);
        }
        for words in [
            "工单20261122-000123-4",
            "订单号202611221380013800",
            "2026-11-22 08:00 川L12345",
            "统一社会信用代码91511100MA6XXXXX1A",
            "12345、12319、110，第 13800 号",
            "编号00123456789012345678",
            "@物业 a@b",
        ] {
            assert_eq!(Veil::new(Contact::Masked).cover(words), None, "{words}");
        }
    }

    #[test]
    fn a_citizens_own_is_covered_wherever_words_stand_and_other_bytes_stay() {
        let mut veil = Veil::new(Contact::Masked);
        veil.hide(&json!({ "name": "王小明", "phone": "2435678", "email": null, "wechat_openid": "oABCDE" }));
        let body = r#"{ "id":"13800138000", "data":{"ticket":{"content":"我是\"王小明\"\n电话2435678", "appellant":{"phone":"x"},
            "transcript":[{"id":"2435678","text":"oABCDE"}], "lat":29.550, "attachments":[{"name":"王小明.jpg","url":"2435678"}]},
            "change":{"title":{"old":null,"new":"13800138000"}}} }"#;
        let expected = body
            .replace("王小明\\", "王**\\")
            .replace("电话2435678", "电话2****78")
            .replace("\"text\":\"oABCDE\"", "\"text\":\"***\"")
            .replace("王小明.jpg", "王**.jpg")
            .replace("\"new\":\"13800138000\"", "\"new\":\"138****8000\"");
        assert_eq!(veil.cover_json(body).as_deref(), Some(expected.as_str()));
        veil.contact = Contact::None;
        assert!(!veil.cover_json(body).unwrap().contains("王"));
        for torn in ["", "{\"content\":\"1", "{\"content\":\"\\", "\"content\":"] {
            assert_eq!(veil.cover_json(torn), None, "{torn}");
        }
    }
}
