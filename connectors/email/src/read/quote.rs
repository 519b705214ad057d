//! What of a mail's text is new, and what quotes an earlier mail.

/// Lines that are looked at after one that may begin a quoted header.
const HEADER_LINES: usize = 6;

/// The new words, and the quoted ones if there are any. `known` is where the page's own marks begin a quote.
pub fn split(text: &str, known: Option<usize>) -> (String, Option<String>) {
    let (head, tail) = match known.filter(|at| text.is_char_boundary(*at)) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (mut new, mut quoted) = lines(head);
    if !tail.trim().is_empty() {
        // Words under a quote that a program marked as a whole are part of it.
        if !quoted.is_empty() {
            quoted.push('\n');
        }
        quoted.push_str(tail);
    }
    new.truncate(new.trim_end().len());
    let quoted = quoted.trim().to_owned();
    (new.trim_start_matches('\n').to_owned(), (!quoted.is_empty()).then_some(quoted))
}

fn lines(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.split('\n').collect();
    let (mut new, mut quoted) = (String::new(), String::new());
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        let following = &lines[at + 1..];
        if line.starts_with('>') || line.starts_with("＞") {
            push(&mut quoted, lines[at]);
        } else if let Some(length) = attribution(line, following) {
            lines[at..at + length].iter().for_each(|line| push(&mut quoted, line));
            at += length;
            // Lines with marks follow: only they are quoted, and what stands among or below them is new.
            let marked = lines[at..]
                .iter()
                .find(|line| !line.trim().is_empty())
                .is_some_and(|line| line.trim().starts_with('>'));
            if !marked {
                lines[at..].iter().for_each(|line| push(&mut quoted, line));
                break;
            }
            continue;
        } else if begins_original(line, following) {
            lines[at..].iter().for_each(|line| push(&mut quoted, line));
            break;
        } else {
            push(&mut new, lines[at]);
        }
        at += 1;
    }
    (new, quoted)
}

fn push(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// `在 … 写道：`, `On … wrote:`, on up to three lines; how many.
fn attribution(line: &str, following: &[&str]) -> Option<usize> {
    let begins = ["在", "于", "On ", "on ", "Am ", "Le "].iter().any(|start| line.starts_with(start));
    let ends = |line: &str| {
        let line = line.trim_end();
        ["写道：", "写道:", "写到：", "写到:", "wrote:", "wrote："].iter().any(|end| line.ends_with(end))
    };
    // A person who writes 写道 has no date or address in the same line.
    let told = |text: &str| text.contains('@') || text.bytes().filter(u8::is_ascii_digit).count() >= 4;
    if ends(line) && told(line) {
        return Some(1);
    }
    // Or the one who wrote it goes before the time.
    let named = line.contains('@') && [" 于", " 在", ">于", ">在"].iter().any(|word| line.contains(word));
    if !(begins || named) || line.chars().count() > 200 {
        return None;
    }
    let mut joined = line.to_owned();
    for (more, line) in following.iter().take(2).enumerate() {
        joined.push_str(line.trim());
        if ends(line) && told(&joined) {
            return Some(more + 2);
        }
    }
    None
}

/// `----- 原始邮件 -----` and the like, or the header of a mail.
fn begins_original(line: &str, following: &[&str]) -> bool {
    let dash = |c: char| matches!(c, '-' | '_' | '*' | '=' | '－' | '—' | '─' | '━' | '＿');
    let dashes = line.chars().take_while(|c| dash(*c)).count() >= 3 && line.trim_end().ends_with(dash);
    let words = [
        "原始邮件",
        "原邮件",
        "邮件原件",
        "邮件原文",
        "原始信件",
        "原始消息",
        "Original Message",
        "Original message",
        "原文",
        "原始郵件",
        "---- Original ----",
    ];
    if dashes && words.iter().any(|word| line.contains(word)) {
        return true;
    }
    if line.trim_matches(['_', '-']).is_empty() && line.len() >= 5 {
        let next = following.iter().position(|line| !line.trim().is_empty());
        return next.is_some_and(|next| is_header(following[next].trim(), &following[next + 1..]));
    }
    is_header(line, following)
}

/// `发件人:` or `From:`, and another field of a header soon after.
fn is_header(line: &str, following: &[&str]) -> bool {
    let bare = |line: &str| {
        line.trim().trim_start_matches(['*', '>', ' ']).replace(['*', '\u{a0}', ' '], "").replace('：', ":")
    };
    let starts = |line: &str, names: &[&str]| {
        let line = bare(line);
        names.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
    };
    starts(line, &["发件人", "寄件者", "寄件人", "From", "发信人"])
        && following.iter().take(HEADER_LINES).any(|line| {
            starts(
                line,
                &[
                    "收件人",
                    "发送时间",
                    "发送日期",
                    "日期",
                    "主题",
                    "收件者",
                    "主旨",
                    "To",
                    "Sent",
                    "Date",
                    "Subject",
                    "抄送",
                    "收信人",
                ],
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(text: &str) -> String {
        split(text, None).0
    }

    #[test]
    fn new_words_are_told_from_quoted_ones() {
        for quoted in [
            "------------------ 原始邮件 ------------------\n发件人: \"12345\" <a@b.cn>;\n您的诉求已收到",
            "---- 回复的原邮件 ----\n| 发件人 | a@b.cn |\n旧的",
            "-----Original Message-----\nFrom: a\nold",
            "------------------ Original ------------------\nFrom: a\nold",
            "-----邮件原件-----\n发件人: 12345\n旧的",
            "－－－－ 原始邮件 －－－－\n旧的",
            "12345 <a@b.cn> 于2026年11月22日周日\n08:00写道：\n> 旧的",
            "在 2026-11-22 08:00:00，\"12345\" <a@b.cn> 写道：\n> 旧的\n> 旧的",
            "在 2026年11月22日，12345 写道：\n\n旧的一行",
            "On Sun, Nov 22, 2026 at 8:00 AM 12345\n<a@b.cn> wrote:\n> old",
            "________________________________\nFrom: a@b.cn\nSent: Sunday\nTo: c\nSubject: d\n\nold",
            "发件人： 12345\n发送时间： 2026年11月22日\n收件人： a\n主题： b\n\n旧的",
            "> 旧的",
        ] {
            let (new, rest) = split(&format!("还没有修好。\n\n{quoted}"), None);
            assert_eq!(new, "还没有修好。", "{quoted}");
            assert_eq!(rest.as_deref(), Some(quoted));
        }
    }

    #[test]
    fn words_below_and_between_quotes_are_new() {
        assert_eq!(new("在 2026-11-22，a@b.cn 写道：\n> 问题一\n回答一\n> 问题二\n回答二"), "回答一\n回答二");
    }

    #[test]
    fn what_people_write_themselves_is_not_quoted() {
        for words in [
            "他在信中写道：路灯坏了",
            "发件人：我\n我叫王明",
            "----\n分割线以下还是我的话",
            "On the road a lamp is broken.",
        ] {
            assert_eq!(split(words, None), (words.to_owned(), None));
        }
    }
}
