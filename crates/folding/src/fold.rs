//! Text folding: one form for what is written in many, for comparing only. The original is never touched.

use crate::{
    simplify::{simplifier, simplify},
    wordlist::Wordlist,
    words::in_words,
};
use std::sync::LazyLock;
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
    folded(text).into_iter().collect()
}

/// As [`fold`], in characters.
pub fn folded(text: &str) -> Vec<char> {
    let mut folded: Vec<char> = Vec::with_capacity((text.len() / 3 + 16).min(MOST));
    let (mut left, mut other, mut rest) = (MOST * 2, Vec::new(), text);
    while !rest.is_empty() && folded.len() < MOST && left > 0 {
        // Unified ideographs are as they should be, and never merge with what follows.
        let before = folded.len();
        rest = ideographs(rest, (MOST - before).min(left), &mut folded);
        left -= folded.len() - before;
        let run;
        (run, rest) = rest.split_at(rest.find(is_unified).unwrap_or(rest.len()));
        if !compatible(run, left, &mut other) {
            other.clear();
            other.extend(run.nfkc().flat_map(char::to_lowercase).take(left));
        }
        left -= other.len();
        add(&mut folded, &other);
    }
    in_words(&mut folded);
    folded
}

/// Adds the unified ideographs that `text` begins with, `most` of them; tells what follows.
fn ideographs<'a>(text: &'a str, most: usize, folded: &mut Vec<char>) -> &'a str {
    // Each is three bytes long, and their bytes are in their order.
    let (letters, _) = text.as_bytes().as_chunks::<3>();
    let is_unified = |[a, b, c]: &&[u8; 3]| (0xe4_b8_80..=0xe9_bf_bf).contains(&u32::from_be_bytes([0, *a, *b, *c]));
    let count = letters.iter().take(most).take_while(is_unified).count();
    let letter = |[a, b, c]: &[u8; 3]| u32::from(a & 0xf) << 12 | u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f);
    let letters = letters.get(..count).unwrap_or_default();
    let simplify = simplifier();
    folded.extend(letters.iter().map(|bytes| simplify(char::from_u32(letter(bytes)).unwrap_or_default())));
    text.get(count * 3..).unwrap_or_default()
}

/// Puts the compatibility form of `run` into `other`, `most` characters of it, if it is what is written most.
fn compatible(run: &str, most: usize, other: &mut Vec<char>) -> bool {
    other.clear();
    for letter in run.chars() {
        match quick(letter) {
            Some(letter) if other.len() < most => other.push(letter),
            Some(_) => {}
            None => return false,
        }
    }
    true
}

/// The compatibility form in lower case of what is written most, beside Chinese characters.
fn quick(letter: char) -> Option<char> {
    match letter {
        '\0'..='\u{7f}' => Some(letter.to_ascii_lowercase()),
        '。' | '、' | '“' | '”' | '《' | '》' => Some(letter),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).map(|letter| letter.to_ascii_lowercase()),
        _ => None,
    }
}

/// Adds a run that has no unified ideograph in it.
fn add(folded: &mut Vec<char>, run: &[char]) {
    let mut at = 0;
    while let Some(letter) = run.get(at).copied().filter(|_| folded.len() < MOST) {
        at += 1;
        let rest = run.get(at..).unwrap_or_default();
        match letter {
            '(' | '（' if folded.last().copied().is_some_and(is_han) => match pinyin(rest) {
                Some(length) => at += length,
                None => folded.push('('),
            },
            letter if letter.is_whitespace() || is_invisible(letter) => {
                let between_words = folded.last().is_some_and(char::is_ascii_alphanumeric)
                    && rest.first().is_some_and(char::is_ascii_alphanumeric);
                if between_words {
                    folded.push(' ');
                }
            }
            letter => folded.push(simplify(letter)),
        }
    }
}

/// A Chinese character of those that are written most.
pub fn is_unified(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}')
}

/// How many characters the pinyin and its closing bracket take, if that is what comes.
fn pinyin(letters: &[char]) -> Option<usize> {
    let mut toned = false;
    for (index, letter) in letters.iter().copied().take(9).enumerate() {
        match letter {
            ')' | '）' => return (toned && index > 0).then_some(index + 1),
            'a'..='z' => {}
            letter if "āáǎàōóǒòēéěèīíǐìūúǔùǖǘǚǜü".contains(letter) => toned = true,
            _ => return None,
        }
    }
    None
}

/// As [`char::is_alphanumeric`], told quickly of what is written most.
pub fn is_letter(letter: char) -> bool {
    match letter {
        '\u{4e00}'..='\u{9fff}' => true,
        '\0'..='\u{7f}' => letter.is_ascii_alphanumeric(),
        '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{3004}' | '\u{ff01}'..='\u{ff0f}' => false,
        letter => letter.is_alphanumeric(),
    }
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// A Chinese character.
pub fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

static COURTESIES: LazyLock<Wordlist> = LazyLock::new(|| COURTESY.into_iter().collect());

/// Folded text without courtesies: a comma in the place of each.
pub fn without_courtesy(folded: &[char]) -> Vec<char> {
    let courtesies = &*COURTESIES;
    let mut text = Vec::with_capacity(folded.len());
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = folded.get(at..).filter(|rest| !rest.is_empty()) {
        match courtesies.here(rest).next() {
            Some((_, length)) => {
                text.extend_from_slice(folded.get(from..at).unwrap_or_default());
                text.push('，');
                at += length;
                from = at;
            }
            None => at += 1,
        }
    }
    text.extend_from_slice(folded.get(from..).unwrap_or_default());
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
        let text: Vec<char> = "尊敬的领导:您好!路灯坏了,谢谢".chars().collect();
        assert_eq!(without_courtesy(&text).iter().collect::<String>(), "，，:，!路灯坏了,，");
    }

    #[test]
    fn letters_are_what_the_standard_says() {
        assert!(('\0'..=char::MAX).all(|letter| is_letter(letter) == letter.is_alphanumeric()));
    }

    #[test]
    fn every_ideograph_is_read_as_what_it_is_among_others() {
        for letter in '\u{4dfe}'..='\u{a001}' {
            let plain = simplify(letter);
            assert_eq!(fold(&format!("路{letter}，{letter}A")), format!("路{plain},{plain}a"));
        }
    }

    #[test]
    fn a_text_without_end_is_read_for_a_while() {
        assert_eq!(fold(&"长".repeat(1_000_000)).chars().count(), MOST);
    }
}
