//! Numbers: one spelling for each citizen (E.164), and the codes that citizens write to.

use std::fmt;

/// Who wrote, in one spelling.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    /// E.164, with its plus sign.
    Subscriber(String),
    /// Of China Mobile's: stands for a subscriber whom the carrier does not show (伪码).
    Pseudo(String),
    /// A service or a short code: as given.
    Service(String),
}

/// Never the number itself.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscriber(_) => "Subscriber(****)",
            Self::Pseudo(_) => "Pseudo(****)",
            Self::Service(_) => "Service(****)",
        })
    }
}

impl Number {
    /// Of what a protocol gave; `international` where it said so itself (type of number 1).
    pub(crate) fn of(raw: &str, international: bool) -> Self {
        let plain: String = raw.chars().filter(|c| !c.is_whitespace() && !"-()".contains(*c)).collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let e164 = |digits: &str| Self::Subscriber(format!("+{digits}"));
        let foreign = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")).filter(|rest| digits(rest));
        let known = foreign.or_else(|| Some(plain.as_str()).filter(|all| international && digits(all)));
        match known {
            // Some links put the country's code before everything, service numbers too.
            Some(number) => match number.strip_prefix("86").filter(|rest| is_service(rest)) {
                Some(service) => Self::Service(service.to_owned()),
                None if number.len() >= 7 && number.len() <= 15 => e164(number),
                None => Self::Service(plain),
            },
            None if !digits(&plain) => Self::Service(plain),
            None if is_mobile(&plain) => e164(&format!("86{plain}")),
            None => match (plain.strip_prefix("86"), plain.strip_prefix('0')) {
                (Some(rest), _) if is_mobile(rest) => e164(&plain),
                (Some(rest), _) if is_service(rest) => Self::Service(rest.to_owned()),
                // A fixed line: area code and number.
                (_, Some(rest)) if (9..=11).contains(&rest.len()) => e164(&format!("86{rest}")),
                _ => Self::Service(plain),
            },
        }
    }

    /// It takes short messages, as far as can be told: of China's numbers only those of mobiles do.
    pub(crate) fn is_mobile(&self) -> bool {
        match self {
            Self::Subscriber(number) => number.strip_prefix("+86").is_none_or(is_mobile),
            Self::Pseudo(_) | Self::Service(_) => false,
        }
    }

    /// The number as it stands in tickets; a pseudo number is nobody's phone.
    pub(crate) fn phone(&self) -> Option<&str> {
        match self {
            Self::Subscriber(number) | Self::Service(number) => Some(number),
            Self::Pseudo(_) => None,
        }
    }
}

/// A mobile number of China without its country code.
fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// The short codes of China: 106… of service providers, 10086, 12345, 95xxx, 110.
fn is_service(digits: &str) -> bool {
    digits.starts_with("106") || (digits.starts_with(['1', '9']) && digits.len() <= 8)
}

/// The two ends of a message, as one name: who wrote, and the code that they wrote to. It is the `sender` of what comes
/// in and the `to` of what goes out, so that an answer leaves from the code that the citizen knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The citizen.
    pub citizen: Number,
    /// The code, in full.
    pub code: String,
}

impl Line {
    /// As one name. The channel's own code is left out.
    pub(crate) fn name(&self, service_code: &str) -> String {
        let citizen = match &self.citizen {
            Number::Subscriber(number) | Number::Service(number) => number.clone(),
            Number::Pseudo(number) => format!("~{number}"),
        };
        if self.code.is_empty() || self.code == service_code {
            return citizen;
        }
        format!("{citizen}>{}", self.code)
    }

    /// Of a name.
    pub(crate) fn of_name(name: &str, service_code: &str) -> Self {
        let (citizen, code) = name.split_once('>').unwrap_or((name, service_code));
        let citizen = match (citizen.strip_prefix('~'), citizen.starts_with('+')) {
            (Some(pseudo), _) => Number::Pseudo(pseudo.to_owned()),
            (None, true) => Number::Subscriber(citizen.to_owned()),
            (None, false) => Number::Service(citizen.to_owned()),
        };
        Self { citizen, code: code.to_owned() }
    }

    /// A person may be written to: never a short code, never a 106 number, which would only answer by itself.
    pub(crate) fn may_be_answered(&self) -> bool {
        match &self.citizen {
            Number::Subscriber(number) => !number.strip_prefix("+86").is_some_and(is_service),
            Number::Pseudo(_) => true,
            Number::Service(_) => false,
        }
    }
}

/// The hotline of an extension: the longest prefix of `extensions` that `code` has after `service_code`, with the country's
/// code before it or without; or has itself, where a carrier names the extension alone.
pub(crate) fn route<'a>(code: &str, service_code: &str, extensions: &'a [(String, String)]) -> Option<&'a str> {
    let spellings = ["", "86", "+86", "0086"].iter().filter_map(|country| code.strip_prefix(country));
    let below = spellings.filter_map(|code| code.strip_prefix(service_code)).next();
    let below = below.filter(|_| !service_code.is_empty()).unwrap_or(code);
    let found = extensions.iter().filter(|(prefix, _)| !prefix.is_empty() && below.starts_with(prefix.as_str()));
    found.max_by_key(|(prefix, _)| prefix.len()).map(|(_, hotline)| hotline.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(raw: &str) -> String {
        match Number::of(raw, false) {
            Number::Subscriber(number) => number,
            Number::Pseudo(number) => format!("~{number}"),
            Number::Service(number) => format!("={number}"),
        }
    }

    #[test]
    fn a_number_in_many_spellings_is_one() {
        for raw in ["13800138000", "8613800138000", "+8613800138000", "008613800138000", "+86 138-0013-8000"] {
            assert_eq!(number(raw), "+8613800138000", "{raw}");
        }
        assert_eq!(number("08332435678"), "+868332435678");
        assert_eq!(number("+447700900123"), "+447700900123");
        assert_eq!(Number::of("447700900123", true), Number::Subscriber("+447700900123".into()));
    }

    #[test]
    fn services_are_never_answered() {
        for raw in
            ["10086", "12345", "95588", "1065712345", "10690000123456", "861065712345", "+861065712345", "BANK", ""]
        {
            assert!(number(raw).starts_with('='), "{raw}");
            assert!(!Line { citizen: Number::of(raw, false), code: String::new() }.may_be_answered(), "{raw}");
        }
        assert!(Line { citizen: Number::of("13800138000", false), code: String::new() }.may_be_answered());
    }

    #[test]
    fn a_line_has_one_name_and_it_leads_back() {
        for (raw, code) in [("13800138000", "106571234501"), ("13800138000", "1065712345"), ("10086", "")] {
            let line = Line { citizen: Number::of(raw, false), code: code.into() };
            let back = Line::of_name(&line.name("1065712345"), "1065712345");
            assert_eq!(back.citizen, line.citizen);
            assert!(back.code == line.code || code.is_empty());
        }
        let pseudo = Line { citizen: Number::Pseudo("ZQX0001".into()), code: "9".into() };
        assert_eq!(Line::of_name(&pseudo.name(""), ""), pseudo);
    }

    #[test]
    fn extensions_go_by_the_longest_prefix() {
        let extensions: Vec<(String, String)> =
            [("0", "12345"), ("01", "12319"), ("0123", "12315")].map(|(a, b)| (a.into(), b.into())).into();
        let to = |code: &str| route(code, "1065712345", &extensions);
        assert_eq!((to("106571234501"), to("10657123450124")), (Some("12319"), Some("12319")));
        assert_eq!((to("106571234501239"), to("10657123450"), to("1065712345")), (Some("12315"), Some("12345"), None));
        assert_eq!((to("1065712345"), to("19")), (None, None));
        assert_eq!(
            (to("86106571234501"), to("+86106571234501"), to("0123")),
            (Some("12319"), Some("12319"), Some("12315"))
        );
        // An extension that the code itself begins with.
        let extensions = [("1".to_owned(), "12319".to_owned()), ("106".to_owned(), "12315".to_owned())];
        let to = |code: &str| route(code, "1065712345", &extensions);
        assert_eq!((to("1065712345"), to("10657123451"), to("106571234599")), (None, Some("12319"), None));
    }
}
