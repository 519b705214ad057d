//! Text folding: one form for what is written in many, for comparing only. The original is never touched.

use unicode_normalization::UnicodeNormalization;

/// No text is read further than this, in characters: what matters is said by then.
pub const MOST: usize = 2_000;

/// Words of courtesy; they say nothing of the matter.
const COURTESY: [&str; 30] = [
    "尊敬的",
    "敬爱的",
    "书记",
    "市长",
    "县长",
    "区长",
    "领导们",
    "各位领导",
    "领导",
    "您好",
    "你好",
    "大家好",
    "恳请",
    "希望",
    "请问",
    "谢谢",
    "感谢",
    "望回复",
    "请回复",
    "盼复",
    "敬请",
    "相关部门",
    "有关部门",
    "政府",
    "百忙之中",
    "此致",
    "敬礼",
    "打扰",
    "反映",
    "投诉",
];

/// `text` in its folded form: compatibility forms and width undone, lower case, simplified characters, no pinyin in
/// brackets (「關(guān)于」), no space between characters. Punctuation stays.
pub fn fold(text: &str) -> String {
    let mut folded: Vec<char> = Vec::with_capacity(text.len().min(MOST * 3) / 2);
    let mut letters = runs(text).flat_map(normal).take(MOST * 2).peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if folded.len() >= MOST => break,
            '(' | '（' if folded.last().copied().is_some_and(is_han) => match pinyin(&mut letters.clone()) {
                Some(length) => drop(letters.by_ref().take(length).count()),
                None => folded.push('('),
            },
            letter if letter.is_whitespace() || is_invisible(letter) => {
                let between_words = folded.last().is_some_and(char::is_ascii_alphanumeric)
                    && letters.peek().is_some_and(char::is_ascii_alphanumeric);
                if between_words {
                    folded.push(' ');
                }
            }
            letter => folded.push(super::simplify::simplify(letter)),
        }
    }
    folded.into_iter().collect()
}

/// `text` cut where unified ideographs begin and end. They are as they should be, and never merge with what follows.
fn runs(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = is_unified(rest.chars().next()?);
        let end = rest.find(|letter| is_unified(letter) != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn is_unified(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}')
}

/// A run in its compatibility form, in lower case.
fn normal(run: &str) -> impl Iterator<Item = char> + Clone {
    let plain = run.starts_with(is_unified);
    let (as_it_is, other) = if plain { (run, "") } else { ("", run) };
    as_it_is.chars().chain(other.nfkc().flat_map(char::to_lowercase))
}

/// How many characters the pinyin and its closing bracket take, if that is what comes.
fn pinyin(letters: &mut impl Iterator<Item = char>) -> Option<usize> {
    let mut toned = false;
    for (index, letter) in letters.take(9).enumerate() {
        match letter {
            ')' | '）' => return (toned && index > 0).then_some(index + 1),
            'a'..='z' => {}
            letter if "āáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜü".contains(letter) => toned = true,
            _ => return None,
        }
    }
    None
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// A Chinese character.
pub fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Folded `text` without courtesies.
pub fn without_courtesy(folded: &str) -> String {
    let mut text = folded.to_owned();
    for word in COURTESY {
        if text.contains(word) {
            text = text.replace(word, "，");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ways_of_writing_become_one() {
        assert_eq!(fold("關(guān)于ＫＴＶ　噪聲 擾民"), "关于ktv噪声扰民");
        assert_eq!(fold("幸福（xìng fú）路"), "幸福(xìng fú)路", "no single syllable: kept");
        assert_eq!(fold("平台(app)退款"), "平台(app)退款", "no tone: no pinyin");
        assert_eq!(fold("A 7 县\u{200b}\n投诉 12345"), "a 7县投诉12345");
    }

    #[test]
    fn courtesies_are_no_part_of_the_matter() {
        assert_eq!(without_courtesy("尊敬的领导:您好!路灯坏了,谢谢"), "，，:，!路灯坏了,，");
    }

    #[test]
    fn a_text_without_end_is_read_for_a_while() {
        assert_eq!(fold(&"长".repeat(1_000_000)).chars().count(), MOST);
    }
}
