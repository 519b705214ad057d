//! What is told in public never tells how to reach anybody, whatever citizens and offices wrote into it.

/// Digits in a row (separators between them do not count) that may be somebody's number.
const DIGITS: usize = 7;

/// `text` without telephone, identity and account numbers, mail addresses, and `name`.
pub(super) fn redacted(text: &str, name: Option<&str>) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (length, secret) = match () {
            () if is_digit(letter) => number(rest),
            () if is_address(letter) && told.chars().next_back().is_none_or(|before| !is_address(before)) => mail(rest),
            () => (letter.len_utf8(), false),
        };
        told.push_str(if secret { "***" } else { &rest[..length] });
        rest = &rest[length..];
    }
    match name.map(str::trim).filter(|name| name.chars().count() > 1) {
        // As it is written, run together, and in its parts.
        Some(name) => {
            let whole: String = name.split_whitespace().collect();
            let parts = name.split_whitespace().filter(|part| part.chars().count() > 1);
            let names = [name, whole.as_str()].into_iter().chain(parts);
            names.fold(told, |told, name| told.replace(name, "***"))
        }
        None => told,
    }
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit() || ('０'..='９').contains(&letter)
}

fn is_address(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '%' | '+' | '-')
}

/// Bytes of the number at the beginning of `text`, and whether it is long enough to be somebody's.
fn number(text: &str) -> (usize, bool) {
    let (mut digits, mut end, mut gap) = (0, 0, 0);
    for (at, letter) in text.char_indices() {
        if is_digit(letter) || (digits == 17 && matches!(letter, 'X' | 'x')) {
            digits += 1;
            gap = 0;
            end = at + letter.len_utf8();
        } else if matches!(letter, '-' | ' ' | '－' | '—' | '\u{3000}') && gap == 0 {
            gap += 1;
        } else {
            break;
        }
    }
    // A number of ours, or a day, is nobody's.
    let ours = text[..end].parse::<crate::number::Number>().is_ok();
    (end, digits >= DIGITS && !ours && !is_day(&text[..end]))
}

/// `2026-11-22`
fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// Bytes of the word at the beginning of `text`, and whether it is a mail address.
fn mail(text: &str) -> (usize, bool) {
    let local = text.find(|letter| !is_address(letter)).unwrap_or(text.len());
    let host = text[local..].strip_prefix('@').unwrap_or_default();
    let length = host.find(|letter: char| !is_address(letter)).unwrap_or(host.len());
    if host[..length].contains('.') {
        return (local + 1 + length, true);
    }
    // A word may end in a number that is somebody's: `tel13800138000`.
    let digits = text[..local].find(|letter: char| letter.is_ascii_digit());
    (digits.filter(|at| *at > 0).unwrap_or(local), false)
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn numbers_addresses_and_the_name_are_told_to_nobody() {
        for (text, told) in [
            ("打我手机13800138000或138-0013-8000", "打我手机***或***"),
            ("座机 0833-2435678。", "座机 ***。"),
            ("身份证 51110219900101123X", "身份证 ***"),
            ("１３８００１３８０００", "***"),
            ("邮箱wang.xm@example.org.cn，微信wxm", "邮箱***，微信wxm"),
            ("我是王小明，住 3 栋 1502", "我是***，住 3 栋 1502"),
            ("2026-11-22 在 123 号，12345 没人接", "2026-11-22 在 123 号，12345 没人接"),
            ("工单 20261122-000001-2", "工单 20261122-000001-2"),
            ("tel13800138000 a1@b.cn.", "tel*** ***"),
        ] {
            assert_eq!(redacted(text, Some("王小明")), told);
        }
        assert_eq!(redacted("王小明，小明，王 小明", Some("王 小明")), "***，***，***");
        assert_eq!(redacted("王家湾", Some("王")), "王家湾", "one character is no name");
    }
}
