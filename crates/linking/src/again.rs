//! Words by which citizens come back to what they have said before: 再次, 上次, 至今, 还没.

use jiesu_folding::Wordlist;
use std::sync::LazyLock;

/// They say it again; it is not done yet; they speak of an answer.
const WORDS: [&str; 3] = [
    "再次 再一次 又一次 第二次 第三次 第四次 再问 上次 上回 上一次 原帖 工单 举报过 追问 补充 催 \
     多次 屡次 反复 数次 几次",
    "至今 还没 还未 怎么还 仍未 仍然 依然 依旧 迟迟 石沉 下文 不了了之 没有结果 没有解决 未解决",
    "回复 答复 回访 办结",
];

static LIST: LazyLock<Wordlist> = LazyLock::new(|| words().collect());

fn words() -> impl Iterator<Item = &'static str> {
    WORDS.into_iter().flat_map(str::split_whitespace)
}

/// Which of the words a folded text has, a bit each.
pub(crate) fn said_again(text: &[char]) -> u64 {
    let (list, mut found, mut rest) = (&*LIST, 0, text);
    while let Some((_, after)) = rest.split_first() {
        list.here(rest).for_each(|(bit, _)| found |= 1 << bit.min(63));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_counts_once() {
        let count = |text: &str| said_again(&text.chars().collect::<Vec<_>>()).count_ones();
        assert_eq!(count("路灯坏了，请派人来修"), 0);
        assert_eq!(count("再次反映：上次说的路灯至今还没修，还没有人来，再次请求"), 4);
        assert!(words().count() <= 64, "a bit each");
    }
}
