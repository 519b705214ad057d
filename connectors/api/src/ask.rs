//! What a citizen may ask of the gateway in a word: progress (进度), haste (催办), taking it back (撤回).
//!
//! A keyword counts where it is the whole message, or where a ticket's number follows; after a word for haste further
//! words may follow, set off by a mark or a space. Everything else is an appeal: "撤销他的执照" must never take anything
//! back, and "催办理由不清" is no request for haste.

use crate::{Intent, Words};

/// What a message asks of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// How far is it?
    Progress {
        /// The ticket, if one was named.
        number: Option<String>,
    },
    /// [`Intent::Urge`] or [`Intent::Withdraw`].
    Act {
        /// Which.
        intent: Intent,
        /// The ticket, if one was named.
        number: Option<String>,
    },
}

/// What `text` asks, if it is no appeal.
pub fn recognise(text: &str, words: &Words) -> Option<Ask> {
    let text = text.trim_matches(is_mark);
    if let Some((number, "")) = leading_number(text) {
        return Some(Ask::Progress { number: Some(number) });
    }
    let after = |name: &str| {
        let rests = words.keywords(name).iter().filter_map(|word| text.strip_prefix(word.as_str()));
        // The shortest rest: of 撤回 and 撤回诉求, the longer keyword is meant.
        rests.min_by_key(|rest| rest.len())
    };
    let act = |intent, rest: &str, words_follow: bool| {
        let set_off = rest.starts_with(is_mark);
        match leading_number(rest.trim_start_matches(is_mark)) {
            Some((number, _)) => Some(Ask::Act { intent, number: Some(number) }),
            None => (rest.is_empty() || (words_follow && set_off)).then_some(Ask::Act { intent, number: None }),
        }
    };
    let progress = after("keywords.progress").and_then(|rest| match leading_number(rest.trim_start_matches(is_mark)) {
        Some((number, "")) => Some(Ask::Progress { number: Some(number) }),
        _ => rest.is_empty().then_some(Ask::Progress { number: None }),
    });
    progress
        .or_else(|| after("keywords.urge").and_then(|rest| act(Intent::Urge, rest, true)))
        .or_else(|| after("keywords.withdraw").and_then(|rest| act(Intent::Withdraw, rest, false)))
}

/// The score in `text`, if that is all that it is: a digit from 1 to 5, with 分 after it or without.
pub fn rating(text: &str) -> Option<u8> {
    let text = text.trim_matches(is_mark);
    let mut characters = text.strip_suffix('分').unwrap_or(text).trim().chars();
    let score = match characters.next()? {
        digit @ '1'..='5' => digit as u8 - b'0',
        digit @ '１'..='５' => (u32::from(digit) - u32::from('０')) as u8,
        _ => return None,
    };
    characters.next().is_none().then_some(score)
}

/// Whether `text` speaks of something that must not wait (`keywords.urgent`), wherever in it.
pub fn is_urgent(text: &str, words: &Words) -> bool {
    words.keywords("keywords.urgent").iter().any(|word| text.contains(word.as_str()))
}

/// Whether `text` only says that nothing more follows (`keywords.end`).
pub fn is_end(text: &str, words: &Words) -> bool {
    let text = text.trim_matches(is_mark);
    words.keywords("keywords.end").iter().any(|word| word == text)
}

fn is_mark(character: char) -> bool {
    character.is_whitespace()
        || character.is_ascii_punctuation()
        || "，。！？：；、～…“”‘’（）【】《》－—".contains(character)
}

/// A ticket's number at the beginning of `text`, as `YYYYMMDD-NNNNNN-C`, and what follows it. Without hyphens its
/// check digit must be right, because an account or a case of another office could look the same.
fn leading_number(text: &str) -> Option<(String, &str)> {
    let (mut digits, mut hyphens, mut end) = (String::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '0'..='9' => digits.push(character),
            '０'..='９' => digits.push(char::from_digit(u32::from(character) - u32::from('０'), 10)?),
            '-' | '－' | '—' | '–' | '−' | '‐'
                if (hyphens == 0 && digits.len() == 8) || (hyphens == 1 && digits.len() >= 14) =>
            {
                hyphens += 1;
            }
            _ => break,
        }
        end = at + character.len_utf8();
    }
    let (date, check) = (digits.get(..8)?, digits.len().checked_sub(1)?);
    let plausible = (15..=19).contains(&digits.len())
        && date.starts_with("20")
        && matches!(date[4..6].parse(), Ok(1..=12u8))
        && matches!(date[6..8].parse(), Ok(1..=31u8));
    let whole = match hyphens {
        2 => true,
        0 => luhn(&digits),
        _ => false,
    };
    let rest = text[end..].trim_start_matches(is_mark);
    (plausible && whole).then(|| (format!("{date}-{}-{}", &digits[8..check], &digits[check..]), rest))
}

/// The last digit is the Luhn check digit (ISO/IEC 7812-1, annex B) of those before it.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (u32::from(digit - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Option<Ask> {
        recognise(text, &Words::default())
    }

    fn progress(number: Option<&str>) -> Option<Ask> {
        Some(Ask::Progress { number: number.map(str::to_owned) })
    }

    fn act(intent: Intent, number: Option<&str>) -> Option<Ask> {
        Some(Ask::Act { intent, number: number.map(str::to_owned) })
    }

    #[test]
    fn a_keyword_alone_or_with_a_number_asks() {
        let number = Some("20261122-000123-4");
        assert_eq!(ask(" 进度？"), progress(None));
        assert_eq!(ask("查询进度 20261122-000123-4"), progress(number));
        assert_eq!(ask("进度：２０２６１１２２－０００１２３－４。"), progress(number));
        assert_eq!(ask("20261122-000123-4"), progress(number));
        assert_eq!(ask("催办！"), act(Intent::Urge, None));
        assert_eq!(ask("催办20261122-000123-4 三天了"), act(Intent::Urge, number));
        assert_eq!(ask("催办：三天了没人来"), act(Intent::Urge, None));
        assert_eq!(ask("撤回"), act(Intent::Withdraw, None));
        assert_eq!(ask("撤回诉求 20261122-000123-4"), act(Intent::Withdraw, number));
    }

    #[test]
    fn an_urgent_word_counts_anywhere_and_an_end_only_by_itself() {
        let words = Words::default();
        assert!(is_urgent("滨江花园三楼着火了，快来人", &words) && is_urgent("救命！", &words));
        assert!(!is_urgent("路灯坏了，请尽快维修", &words));
        assert!(is_end("完毕。", &words) && is_end(" 没有了！", &words) && is_end("提交", &words));
        assert!(!is_end("材料提交", &words) && !is_end("我的押金没有了", &words) && !is_end("。", &words));
    }

    #[test]
    fn a_rating_is_a_digit_and_nothing_else() {
        assert_eq!(["5", " 1。", "３", "4分", "2 分"].map(rating), [Some(5), Some(1), Some(3), Some(4), Some(2)]);
        assert_eq!(["0", "6", "55", "5楼", "5 4", "", "分"].map(rating), [None; 7]);
    }

    #[test]
    fn everything_else_is_an_appeal() {
        let appeals = [
            "",
            "路灯坏了",
            "进度太慢了，我要投诉",
            "查询社保",
            "撤销他的执照",
            "撤回 那个公告",
            "加急维修水管",
            "催办理由不清",
            "13800138000",
            "12345",
            "20261122",
            "20261122-000123",
            "2026-11-22",
            "20269922-000123-4",
            "511102199001011234",
            "20261122-000123-4 路灯坏了",
        ];
        for text in appeals {
            assert_eq!(ask(text), None, "{text}");
        }
    }

    #[test]
    fn without_hyphens_the_check_digit_decides() {
        let right: Vec<_> = (0..10).filter(|check| ask(&format!("20261122000123{check}")).is_some()).collect();
        assert_eq!(right.len(), 1);
    }
}
