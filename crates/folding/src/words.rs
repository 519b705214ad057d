//! Characters that are another one in some words, and themselves in others.

/// Behind these, 覆 is 复 (an answer, again): 回覆, 反覆.
const BEFORE: [char; 6] = ['回', '答', '批', '函', '反', '盼'];
/// Before these it is, too: 覆核, 覆查.
const BEHIND: [char; 9] = ['核', '查', '议', '审', '检', '验', '试', '函', '信'];
/// With one of these it is what covers or overturns, whatever stands on its other side: 收回覆土, 颠覆信任.
const OVERTURNED: [char; 4] = ['颠', '倾', '翻', '被'];
const COVERED: [char; 5] = ['盖', '没', '灭', '膜', '土'];

/// Puts right, in a text whose characters are simplified, what a character by itself does not tell: 甚么 is 什么, and 覆 is 复
/// in the words that modern writing has it in.
pub(crate) fn in_words(text: &mut [char]) {
    if !text.iter().any(|letter| matches!(letter, '覆' | '甚')) {
        return;
    }
    let mut before = None;
    for at in 0..text.len() {
        let behind = text.get(at + 1).copied();
        let is = |letters: &[char], letter: Option<char>| letter.is_some_and(|letter| letters.contains(&letter));
        let Some(letter) = text.get_mut(at) else { break };
        match *letter {
            '甚' if behind == Some('么') => *letter = '什',
            '覆' if is(&OVERTURNED, before) || is(&COVERED, behind) => {}
            '覆' if is(&BEFORE, before) || is(&BEHIND, behind) => *letter = '复',
            _ => {}
        }
        before = Some(*letter);
    }
}

#[cfg(test)]
mod tests {
    use crate::fold;

    #[test]
    fn what_is_meant_by_a_traditional_character_is_told_by_its_word() {
        for (written, meant) in [
            ("為甚麼還沒有答覆", "为什么还没有答复"),
            ("甚麽時候回覆", "什么时候回复"),
            ("甚至反覆要求覆核。盼覆", "甚至反复要求复核。盼复"),
            ("不服批覆、申請覆議、覆查", "不服批复、申请复议、复查"),
            ("怎麼答 覆", "怎么答复"),
        ] {
            assert_eq!(fold(written), meant);
        }
    }

    #[test]
    fn what_covers_or_overturns_stays() {
        for words in [
            "信号覆盖率",
            "颠覆信任",
            "翻天覆地",
            "翻来覆去",
            "重蹈覆辙",
            "船倾覆检修",
            "挖回覆土",
            "反覆盖",
            "全军覆没",
            "甚至",
        ] {
            assert_eq!(fold(words), words);
        }
        assert_eq!(fold("收回覆蓋物、顛覆信任"), "收回覆盖物、颠覆信任");
    }
}
