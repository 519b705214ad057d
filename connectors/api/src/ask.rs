//! What a citizen may ask of the gateway in a word: progress (进度), haste (催办), taking it back (撤回), a score (满意).
//!
//! A keyword counts where it is the whole message but for small words around it (请, 我的投诉, 谢谢) and a ticket's number;
//! after a word for haste further words may follow, set off by a mark or a space. Everything else is an appeal: "撤销他的
//! 执照" must never take anything back, and "催办理由不清" is no request for haste. Traditional characters are as good as
//! simplified ones.

use crate::{Intent, Words};
use jiesu_folding::fold;
use std::borrow::Cow;

/// A word to the gateway is short: what is longer is an appeal, or what follows a word for haste.
const LONGEST: usize = 60;

/// A detail by itself, an address, is short; what is longer says what is the matter there, too.
const DETAIL: usize = 30;

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
    let (number, rest) = without_number(text);
    let said = plain(&rest);
    if said.is_empty() {
        return number.map(|number| Ask::Progress { number: Some(number) });
    }
    let lists = [
        ("keywords.progress", "keywords.asking", None),
        ("keywords.urge", "keywords.asking", Some(Intent::Urge)),
        // A question whether one could is not yet wish.
        ("keywords.withdraw", "", Some(Intent::Withdraw)),
    ];
    lists.into_iter().find_map(|(name, asking, intent)| {
        let around = [words.keywords("keywords.around"), words.keywords(asking)];
        let follow = name == "keywords.urge";
        is_only(&said, words.keywords(name), around, follow).then(|| match intent {
            Some(intent) => Ask::Act { intent, number: number.clone() },
            None => Ask::Progress { number: number.clone() },
        })
    })
}

/// Whether `text` by itself asks for haste, though beside other words it would be part of an appeal: 请尽快处理.
pub fn is_haste(text: &str, words: &Words) -> bool {
    let (_, rest) = without_number(text);
    let around = [words.keywords("keywords.around"), words.keywords("keywords.asking")];
    is_only(&plain(&rest), words.keywords("keywords.haste"), around, false)
}

/// Whether `text` says of itself that it adds to something said before: 补充：…, 具体地址是….
pub fn is_more(text: &str, words: &Words) -> bool {
    let (_, rest) = without_number(text);
    let (said, around) = (plain(&rest), [words.keywords("keywords.around"), &[]]);
    let short = said.chars().nth(DETAIL).is_none();
    let lists = ["keywords.supplement", "keywords.detail"].into_iter().take(1 + usize::from(short));
    lists.into_iter().map(|name| words.keywords(name)).any(|keywords| {
        // "…" behind a keyword: what follows need not be set off.
        let mut open = keywords.iter().filter_map(|word| word.strip_suffix("..."));
        open.any(|word| said.strip_prefix(word).is_some_and(|rest| !rest.is_empty()))
            || is_only(&said, keywords, around, true) && !is_only(&said, keywords, around, false)
    })
}

/// Whether `text` is nothing but a courtesy: 好的，谢谢.
pub fn is_courtesy(text: &str, words: &Words) -> bool {
    is_only(&plain(text), words.keywords("keywords.courtesy"), [words.keywords("keywords.courtesy"), &[]], false)
}

/// The first ticket's number that `text` names.
pub fn named(text: &str) -> Option<String> {
    without_number(text).0
}

/// Whether `said` is one of `keywords` with nothing but small words `around` it; with `follow` anything may follow that is
/// set off.
fn is_only(said: &str, keywords: &[String], around: [&[String]; 2], follow: bool) -> bool {
    let mut rest = said.trim_start();
    if !follow && said.chars().nth(LONGEST).is_some() {
        return false;
    }
    loop {
        let mut afters = keywords.iter().filter_map(|word| rest.strip_prefix(word.as_str()));
        if afters.any(|after| is_small(after, around) || (follow && after.starts_with(' '))) {
            return true;
        }
        match small(rest, around) {
            Some(after) => rest = after.trim_start(),
            None => return false,
        }
    }
}

fn is_small(said: &str, around: [&[String]; 2]) -> bool {
    let mut rest = said.trim_start();
    while let Some(after) = small(rest, around) {
        rest = after.trim_start();
    }
    rest.is_empty()
}

/// What follows the longest small word at the beginning.
fn small<'a>(said: &'a str, around: [&[String]; 2]) -> Option<&'a str> {
    around.into_iter().flatten().filter_map(|word| said.strip_prefix(word.as_str())).min_by_key(|after| after.len())
}

/// In folded form, with one space for any marks and spaces.
fn plain(text: &str) -> String {
    let pieces = text.split(is_mark).filter(|piece| !piece.is_empty()).map(fold);
    pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first ticket's number in `text`, and the text without it.
fn without_number(text: &str) -> (Option<String>, Cow<'_, str>) {
    let joins = |character: char| character.is_alphanumeric() && (character.is_ascii() || character.is_numeric());
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if !joins(before)
            && let Some((number, rest)) = leading_number(&text[at..])
        {
            return (Some(number), format!("{} {rest}", &text[..at]).into());
        }
        before = character;
    }
    (None, text.into())
}

/// The score in `text`, if that is all that it is: a digit from 1 to 5, with 分 after it or without, or one of the words for
/// a score (满意), after which further words may follow, set off by a mark or a space.
pub fn rating(text: &str, words: &Words) -> Option<u8> {
    let said = plain(text);
    let around = [words.keywords("keywords.around"), &[]];
    let number = said.trim_end_matches(['分', '星']);
    let digit = (1..=5).find(|score| number == score.to_string());
    digit.or_else(|| {
        (1..=5).find(|score| is_only(&said, words.keywords(&format!("keywords.rating.{score}")), around, true))
    })
}

/// Whether `text` speaks of something that must not wait (`keywords.urgent`), wherever in it.
pub fn is_urgent(text: &str, words: &Words) -> bool {
    let folded = fold(text);
    words.keywords("keywords.urgent").iter().any(|word| folded.contains(word.as_str()))
}

/// Whether `text` only says that nothing more follows (`keywords.end`).
pub fn is_end(text: &str, words: &Words) -> bool {
    let text = plain(text);
    words.keywords("keywords.end").contains(&text)
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
    fn small_words_around_it_a_number_before_it_and_traditional_characters_change_nothing() {
        let number = Some("20261122-000123-4");
        for text in [
            "请问我的投诉进度",
            "查詢進度",
            "麻烦查一下进度，谢谢",
            "请问处理得怎么样了？",
            "办到哪一步了",
            "有结果了吗",
        ] {
            assert_eq!(ask(text), progress(None), "{text}");
        }
        assert_eq!(ask("编号20261122-000123-4的进度"), progress(number));
        assert_eq!(ask("请问 20261122-000123-4 处理好了吗"), progress(number));
        for text in ["催辦", "我要催办", "請幫我催一下，謝謝", "再次催办！", "能不能催一下", "麻烦帮忙催办：都三天了"]
        {
            assert_eq!(ask(text), act(Intent::Urge, None), "{text}");
        }
        assert_eq!(ask("20261122-000123-4 催办"), act(Intent::Urge, number));
        for text in
            ["撤訴", "我要撤诉", "申请撤销投诉", "问题已解决，撤诉", "取消投诉，谢谢", "不投诉了", "把我的投诉撤回吧"]
        {
            assert_eq!(ask(text), act(Intent::Withdraw, None), "{text}");
        }
        assert_eq!(ask("请撤回编号20261122-000123-4的诉求"), act(Intent::Withdraw, number));
    }

    #[test]
    fn haste_in_other_words_is_asked_for_where_nothing_else_is_said() {
        let haste = |text| is_haste(text, &Words::default());
        assert!(["请尽快处理，谢谢！", "怎么還沒人來處理？", "麻烦加急"].into_iter().all(haste));
        assert!(!["请尽快处理路灯", "加急维修水管", "怎么还没人来修电梯", "谢谢", ""].into_iter().any(haste));
    }

    #[test]
    fn an_urgent_word_counts_anywhere_and_an_end_only_by_itself() {
        let words = Words::default();
        assert!(is_urgent("滨江花园三楼着火了，快来人", &words) && is_urgent("救命！", &words));
        assert!(!is_urgent("路灯坏了，请尽快维修", &words));
        assert!(is_urgent("樓上著火了，有人觸電", &words) && is_end("說完了", &words) && is_end("完畢！", &words));
        assert!(is_end("完毕。", &words) && is_end(" 没有了！", &words) && is_end("提交", &words));
        assert!(!is_end("材料提交", &words) && !is_end("我的押金没有了", &words) && !is_end("。", &words));
    }

    #[test]
    fn a_rating_is_a_digit_and_nothing_else() {
        let score = |text| rating(text, &Words::default());
        assert_eq!(["5", " 1。", "３", "4分", "5星"].map(score), [Some(5), Some(1), Some(3), Some(4), Some(5)]);
        assert_eq!(["0", "6", "55", "5楼", "5 4", "", "分"].map(score), [None; 7]);
    }

    #[test]
    fn a_rating_may_be_said_in_words() {
        let score = |text| rating(text, &Words::default());
        let scores = ["非常满意", "滿意，謝謝！", "一般", "不满意：没人来", "很不满意", "对处理结果满意"].map(score);
        assert_eq!(scores, [Some(5), Some(4), Some(3), Some(2), Some(1), Some(4)]);
        assert_eq!(["物业的答复我不满意", "满意度调查是谁做的", "一般几点下班"].map(score), [None; 3]);
    }

    #[test]
    fn what_adds_to_something_and_what_is_only_polite_says_so() {
        let words = Words::default();
        let more = [
            "补充：靠近东门的那盏",
            "補充一下是東門那盞",
            "再补充一点，晚上更吵",
            "具体地址是滨河路88号",
            "我的电话是13800138000",
        ];
        let not: Vec<_> = more.iter().filter(|text| !is_more(text, &words)).collect();
        assert!(not.is_empty(), "{not:?}");
        let other = [
            "补充养老保险怎么交",
            "补充",
            "小区垃圾没人收",
            "地址变更怎么办理",
            "地址：滨河路88号，路灯坏了",
            "",
            "具体位置滨河路88号，楼下施工噪声很大，已经持续三天，老人整夜无法入睡，请城管制止",
        ];
        assert!(!other.iter().any(|text| is_more(text, &words)));
        assert!(["谢谢！", "好的，謝謝", "收到", "OK", "嗯嗯"].iter().all(|text| is_courtesy(text, &words)));
        assert!(!["谢谢，可是还是没有修好", "好的事情", ""].iter().any(|text| is_courtesy(text, &words)));
        assert_eq!(named("还是不亮（20261122-000123-4）").as_deref(), Some("20261122-000123-4"));
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
            "撤销投诉物业的处罚",
            "我不想撤诉",
            "可以撤诉吗",
            "投诉怎么撤回",
            "物业逼我撤诉",
            "请催一下物业修电梯",
            "投诉老板欠薪，请问怎么处理",
            "申请低保进度太慢",
            "查询一下我的公积金",
            "取消高铁站的投诉",
            "20261122-000123-4 20261122-000124-2",
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
