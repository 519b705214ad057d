//! The words of plain text, tidied.

/// One kind of line end, no controls.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // A server that ends lines anew may leave two of them.
            '\r' if matches!(characters.peek(), Some('\n' | '\r')) => {}
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(character),
            '\u{feff}' => {}
            other if other.is_control() => {}
            other => clean.push(other),
        }
    }
    clean
}

/// Without white space at the ends of lines, and empty lines around.
pub fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// `format=flowed` (RFC 3676): a line that ends in a space goes on in the next.
pub fn unfold(text: &str, delete_space: bool) -> String {
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

/// What programs write where the words would be, for readers that know no HTML.
const STUBS: [&str; 12] = [
    "不支持html",
    "支持html",
    "html格式",
    "html邮件",
    "不支援html",
    "html格式的郵件",
    "notsupporthtml",
    "supporthtml",
    "htmlemail",
    "htmlmessage",
    "inhtmlformat",
    "htmlversion",
];
/// Letters of such a text, at most.
const STUB: usize = 200;

/// Whether a plain version is no version at all: it sends the reader to the other, or its letters were lost.
pub fn is_stub(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let count = letters.chars().count();
    let lost = letters.chars().filter(|c| matches!(*c, '?' | char::REPLACEMENT_CHARACTER)).count();
    let refers = count <= STUB && STUBS.iter().any(|stub| letters.contains(stub));
    // Made of the page by taking the tags away, and nothing else.
    let raw = letters.contains("&nbsp;") || letters.contains("&#");
    refers || raw || (count > 3 && lost * 2 > count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_none_is_told() {
        for stub in [
            "您的邮件客户端不支持 HTML 格式",
            "This is an HTML email.",
            "??????",
            "坏了&nbsp;",
            "请使用支持HTML的客户端查看",
        ] {
            assert!(is_stub(stub), "{stub}");
        }
        for words in ["路灯坏了", "什么时候修好？？？", "为什么???", "", "?"] {
            assert!(!is_stub(words), "{words}");
        }
        assert_eq!(clean("a\r\r\nb\rc\u{0}"), "a\nb\nc");
    }

    #[test]
    fn flowing_lines_are_joined() {
        assert_eq!(unfold("one \ntwo\n> a \n> b\n-- \nx", false), "one two\n> a b\n--\nx");
        assert_eq!(unfold("路灯 \n坏了", true), "路灯坏了");
    }
}
