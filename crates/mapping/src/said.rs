//! What Chinese systems write where Jiesu has a form of its own: times without an offset, kinds in words.

use jiesu_connector::Kind;
use jiff::{
    SignedDuration, Timestamp, civil,
    fmt::temporal::Pieces,
    tz::{Offset, TimeZone},
};

/// China's, where a time has none (GB/T 7408 calls it 北京时间).
const BEIJING: Offset = Offset::constant(8);
/// A spreadsheet's day 0, with its leap year 1900 that never was: days after 1900-02-28 count from here.
const SERIAL_ZERO: civil::Date = civil::date(1899, 12, 30);
/// The patterns that are tried, on digits with marks put in order.
const PATTERNS: &[&str] = &["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H", "%Y-%m-%d"];

/// A time as RFC 3339 with offset; 北京时间 where it has none. Reads RFC 3339, `2026-11-22 08:00[:00]`, `2026/11/22 8:00`,
/// `2026年11月22日 8时0分`, `20261122[080000]`, and seconds or milliseconds since 1970 (10 or 13 digits).
pub fn time(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        // As given: the offset says where the sender is.
        let offset = Pieces::parse(text).ok().and_then(|pieces| pieces.to_numeric_offset());
        return Some(shown(at, offset.unwrap_or(BEIJING)));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            8 => local(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])),
            10 => Some(shown(Timestamp::from_second(number).ok()?, BEIJING)),
            13 => Some(shown(Timestamp::from_millisecond(number).ok()?, BEIJING)),
            12 | 14 => {
                let date = format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8]);
                local(&format!(
                    "{date} {}:{}:{}",
                    &text[8..10],
                    &text[10..12],
                    text.get(12..).filter(|s| !s.is_empty()).unwrap_or("00")
                ))
            }
            _ => None,
        };
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        plain.push(match character {
            '/' | '.' | '年' | '月' if !plain.contains(':') => '-',
            '日' | 'T' | '\u{3000}' => ' ',
            '时' | '点' | '分' | '：' => ':',
            '秒' => continue,
            other => other,
        });
    }
    local(plain.trim().trim_end_matches([':', '-']))
}

fn local(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let text = format!("{} {}", words.next()?, words.next().unwrap_or_default());
    if words.next().is_some() {
        return None;
    }
    let text = text.trim();
    let read = |pattern: &&str| {
        civil::DateTime::strptime(pattern, text).or_else(|_| civil::Date::strptime(pattern, text).map(Into::into)).ok()
    };
    zoned(PATTERNS.iter().find_map(read)?)
}

/// A spreadsheet's serial day (ECMA-376, part 1, 18.17.4.1), as 北京时间 in RFC 3339.
pub fn serial_day(days: f64, epoch_1904: bool) -> Option<String> {
    if !(0.0..3_000_000.0).contains(&days) {
        return None;
    }
    let days = if epoch_1904 { days + 1462.0 } else { days };
    // Rounded to seconds: a serial is a fraction of a day in binary.
    let seconds = (days * 86_400.0).round() as i64;
    zoned(SERIAL_ZERO.at(0, 0, 0, 0).checked_add(SignedDuration::from_secs(seconds)).ok()?)
}

fn zoned(at: civil::DateTime) -> Option<String> {
    let at = TimeZone::fixed(BEIJING).to_timestamp(at).ok()?;
    Some(shown(at, BEIJING))
}

fn shown(at: Timestamp, offset: Offset) -> String {
    at.display_with_offset(offset).to_string()
}

/// A telephone's digits where a program has written them as a number: `1.3800138E10` (the shortest that is exact, as Java does)
/// is 13800138000. Whatever is no such number is as it was.
///
/// # Errors
/// The digits are gone: `1.38E+10`, as a spreadsheet shows them in a narrow column.
pub fn phone(text: &str) -> Result<String, LostDigits> {
    let scientific = || {
        let (number, power) = text.trim().split_once(['e', 'E'])?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let count: usize = power.trim_start_matches('+').parse().ok()?;
        let all = whole.len() == 1 && digits(whole) && digits(fraction) && (5..20).contains(&count);
        all.then(|| (format!("{whole}{fraction:0<count$}"), fraction.len(), power.starts_with('+'), count))
    };
    match scientific() {
        None => Ok(text.to_owned()),
        // Rounded for the eye, unless there are more digits than anybody shows.
        Some((_, shown, true, all)) if shown < 6.min(all) => Err(LostDigits),
        Some((.., shown, _, all)) if shown > all => Ok(text.to_owned()),
        Some((number, ..)) => Ok(number),
    }
}

/// A telephone number was shortened to what a spreadsheet shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has lost its digits in a spreadsheet: make the column one of text, and export it again")]
pub struct LostDigits;

/// The kind (诉求类型) that a word means.
pub fn kind(word: &str) -> Option<Kind> {
    let word = word.trim().trim_end_matches('类');
    Some(match word {
        "咨询" | "业务咨询" | "政策咨询" => Kind::Consultation,
        "求助" | "求决" | "帮助" => Kind::Help,
        "投诉" => Kind::Complaint,
        "举报" | "投诉举报" | "检举" => Kind::Report,
        "建议" | "意见" | "意见建议" | "意见和建议" => Kind::Suggestion,
        "表扬" | "感谢" => Kind::Praise,
        "其他" | "其它" => Kind::Other,
        english => return serde_json::from_value(english.to_lowercase().into()).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_chinese_systems_write_them() {
        for (text, expected) in [
            ("2026-11-22T08:00:00+08:00", "2026-11-22T08:00:00+08:00"),
            ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00+00:00"),
            ("2026-11-22 08:00:00", "2026-11-22T08:00:00+08:00"),
            ("2026-11-22T08:00", "2026-11-22T08:00:00+08:00"),
            ("2026/11/2 8:05", "2026-11-02T08:05:00+08:00"),
            ("2026.1.2", "2026-01-02T00:00:00+08:00"),
            ("2026年11月22日", "2026-11-22T00:00:00+08:00"),
            ("2026年11月22日 8时5分", "2026-11-22T08:05:00+08:00"),
            ("2026年11月22日 08时05分09秒", "2026-11-22T08:05:09+08:00"),
            ("2026-11-22 08:00:00.123", "2026-11-22T08:00:00.123+08:00"),
            ("20261122", "2026-11-22T00:00:00+08:00"),
            ("20261122080910", "2026-11-22T08:09:10+08:00"),
            ("1795305600", "2026-11-22T08:00:00+08:00"),
            ("1795305600123", "2026-11-22T08:00:00.123+08:00"),
        ] {
            assert_eq!(time(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "昨天", "2026-13-01", "123", "2026-11-22 25:00", "2026-11-22 08:00 下午"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!(serial_day(46_348.0, false).as_deref(), Some("2026-11-22T00:00:00+08:00"));
        assert_eq!(serial_day(46_348.333_333_333, false).as_deref(), Some("2026-11-22T08:00:00+08:00"));
    }

    #[test]
    fn telephones_are_digits_again_or_told_to_be_lost() {
        for (text, expected) in [
            ("13800138000", "13800138000"),
            ("0833-2435678", "0833-2435678"),
            ("008613800138000", "008613800138000"),
            ("1.3800138E10", "13800138000"),
            ("1.3800138E+10", "13800138000"),
            ("1.3912345678e10", "13912345678"),
            ("1.38E10", "13800000000"),
            ("2435678 ext 3", "2435678 ext 3"),
            ("E10", "E10"),
        ] {
            assert_eq!(phone(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["1.38E+10", "1.39123E+10", "1E+10", "8.3E+10"] {
            assert_eq!(phone(text), Err(LostDigits), "{text}");
        }
    }

    #[test]
    fn kinds_are_read_in_words() {
        assert_eq!(kind("投诉类"), Some(Kind::Complaint));
        assert_eq!(kind(" 意见建议 "), Some(Kind::Suggestion));
        assert_eq!(kind("Report"), Some(Kind::Report));
        assert_eq!(kind("噪声"), None);
    }
}
