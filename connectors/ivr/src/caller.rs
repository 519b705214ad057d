//! Callers' numbers, as networks give them.

/// What stands for a withheld number: words, and the letters of such words as a keypad has them.
const WITHHELD: [&str; 22] = [
    "anonymous",
    "unknown",
    "unavailable",
    "restricted",
    "private",
    "withheld",
    "blocked",
    "asserted",
    "null",
    "none",
    "nil",
    "undefined",
    "匿名",
    "未知",
    "保密",
    "隐藏",
    "私人号码",
    "266696687",
    "7378742833",
    "2562533",
    "8656696",
    "86282452253",
];

/// The number as it was given, without what is no part of it; `None` where it is withheld.
pub(crate) fn shown(raw: &str) -> Option<String> {
    // `"Name" <sip:number@host;user=phone>`, `tel:number;ext=1`, `client:name`.
    let inner = raw.rsplit_once('<').map_or(raw, |(_, rest)| rest).trim_end_matches('>');
    let bare = inner.trim().split([';', '@']).next().unwrap_or_default();
    let bare = match bare.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips", "tel", "client"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => rest,
        _ => bare,
    };
    let bare: String = bare.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(40).collect();
    let digits = bare.trim_start_matches('+');
    let withheld = digits.is_empty()
        || WITHHELD.iter().any(|word| digits.eq_ignore_ascii_case(word))
        || digits.bytes().all(|byte| byte == b'0');
    (!withheld && digits.chars().filter(char::is_ascii_digit).count() >= 3).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_as_given_and_a_withheld_one_is_none() {
        for (raw, number) in [
            ("13900000000", "13900000000"),
            (" +86 139 0000 0000 ", "+8613900000000"),
            ("0833-2435678", "0833-2435678"),
            ("\"张\" <sip:13900000000@10.0.0.1;user=phone>", "13900000000"),
            ("tel:+8613900000000;ext=1", "+8613900000000"),
        ] {
            assert_eq!(shown(raw).as_deref(), Some(number), "{raw}");
        }
        for raw in [
            "",
            "anonymous",
            "Anonymous",
            "sip:anonymous@anonymous.invalid",
            "+266696687",
            "匿名",
            "0000",
            "**",
            "client:bob",
        ] {
            assert_eq!(shown(raw), None, "{raw}");
        }
    }
}
