//! Numbers that tell one place from another.

/// What is counted so says when and how often, not where.
const TIMES: &str = "年月日号点时分秒天周个次小回遍";

/// A hash of the numbers that may tell one place from another, part after part; 0 if there are none. 号 is a day's only
/// after a month.
pub(crate) fn numbers(parts: [&[char]; 2]) -> u32 {
    let mut hash = 0u32;
    for text in parts {
        let (mut at, mut date) = (0, false);
        while let Some(letter) = text.get(at) {
            if !letter.is_ascii_digit() {
                date &= *letter == '月';
                at += 1;
                continue;
            }
            let length = digits(text.get(at..).unwrap_or_default());
            let unit = text.get(at + length).copied().unwrap_or(' ');
            let tells = if unit == '号' { !date } else { !TIMES.contains(unit) };
            if tells {
                let run = text.iter().skip(at).take(length).chain(&[' ']);
                hash = run.fold(hash | 1, |hash, letter| (hash ^ *letter as u32).wrapping_mul(0x0100_0193));
            }
            date = unit == '月';
            at += length;
        }
    }
    hash
}

fn digits(text: &[char]) -> usize {
    text.iter().take_while(|letter| letter.is_ascii_digit()).count()
}

/// 滨河路 88 号: the number of an address.
pub(crate) fn door(text: &[char]) -> Option<u16> {
    const STREETS: &str = "路街巷道段弄";
    for (at, [letter, first]) in text.array_windows().enumerate() {
        if !first.is_ascii_digit() || !STREETS.contains(*letter) {
            continue;
        }
        let after = text.get(at + 1..)?;
        let digits = digits(after);
        let ends = after.get(digits) == Some(&'号') && after.get(digits + 1) != Some(&'线');
        if ends && digits <= 4 {
            let digits = after.get(..digits)?.iter().filter_map(|digit| digit.to_digit(10));
            return Some(digits.fold(0, |number, digit| number * 10 + digit as u16));
        }
    }
    None
}
