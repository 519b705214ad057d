//! Where others are, written as text: URLs, networks, patterns.

use super::values::{clip, text_value};
use ipnet::IpNet;
use std::{fmt, net::IpAddr, str::FromStr};

/// An `http://` or `https://` address without a user, a password or a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl(reqwest::Url);

impl HttpUrl {
    /// As the HTTP client wants it.
    pub fn url(&self) -> &reqwest::Url {
        &self.0
    }

    /// As text without a trailing slash, so that a path can follow.
    pub fn base(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl FromStr for HttpUrl {
    type Err = String;

    /// Says nothing of the text itself in an error: it may carry a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = reqwest::Url::parse(text)
            .map_err(|error| format!("no URL ({error}); write for example \"https://core.example.cn/events\""))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("a URL of scheme `{}`; only http:// and https:// can be used", clip(url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user or password; leave out what stands before the `@`".into());
        }
        if url.fragment().is_some() {
            return Err("a URL with a fragment; leave out the `#` and what follows".into());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Without its query, which may carry a key.
impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        f.write_str(shown.as_str())
    }
}
text_value!(HttpUrl, "HttpUrl");

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether `address` is in it; an IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(|net| Self(net.trunc()))
            .map_err(|_| format!("`{}` is no network; write for example \"10.0.0.0/8\" or \"192.0.2.7\"", clip(text)))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
text_value!(Cidr, "Cidr");

/// Where media may be fetched from although the address filter would refuse: a host's name, or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchRule {
    /// A host, by the name that stands in the URL, in lower case.
    Host(String),
    /// Every address in a network.
    Network(Cidr),
}

impl FromStr for FetchRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        let label = |label: &str| {
            !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // A last label of digits is a mistyped address, never a host.
        let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if text.len() <= 253 && !numeric && text.split('.').all(label) {
            return Ok(Self::Host(text.to_ascii_lowercase()));
        }
        Err(format!(
            "`{}` is neither a host nor a network; write for example \"media.example.cn\" or \"10.0.0.0/8\"",
            clip(text)
        ))
    }
}

impl fmt::Display for FetchRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Network(network) => network.fmt(f),
        }
    }
}
text_value!(FetchRule, "FetchRule");

/// A pattern for codes: `*` stands for any run of characters, `?` for one; all others for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Whether the whole of `text` fits. Takes at most pattern times text steps.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut p, mut t) = (0, 0);
        // Where to go on when a character does not fit: after the last star, which then takes one more.
        let mut retry = None;
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match retry {
                    Some((after, taken)) => {
                        retry = Some((after, taken + 1));
                        p = after;
                        t = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_alphanumeric() || "*?-_.".contains(c);
        if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
            return Err(format!("`{}` is no pattern; write a code, or for example \"05*\" or \"5111??\"", clip(text)));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
text_value!(Glob, "Glob");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_codes() {
        for (pattern, text, fits) in [
            ("05*", "0503", true),
            ("05*", "05", true),
            ("05*", "1053", false),
            ("511102", "511102", true),
            ("511102", "5111021", false),
            ("5111??", "511102", true),
            ("*01*3", "0101033", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(pattern.parse::<Glob>().unwrap().matches(text), fits, "{pattern} {text}");
        }
        for pattern in ["", "05[1-3]", "{a,b}", "a b", "05\n"] {
            assert!(pattern.parse::<Glob>().is_err(), "{pattern}");
        }
    }

    #[test]
    fn urls_are_http_and_carry_no_password() {
        let url: HttpUrl = "https://core.example.cn/events?key=hidden".parse().unwrap();
        assert_eq!(format!("{url:?}"), "https://core.example.cn/events");
        assert_eq!("http://127.0.0.1:8080/".parse::<HttpUrl>().unwrap().base(), "http://127.0.0.1:8080");
        for text in ["", "core", "ftp://core/", "http://", "https://a:hidden@core/", "https://core/#x"] {
            let error = text.parse::<HttpUrl>().unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "::/129", "host", "10.0.0/8"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.1.2.3".parse().unwrap()) && all.contains("::ffff:1.2.3.4".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn fetch_rules_are_hosts_or_networks() {
        assert_eq!("Media.Example.cn".parse(), Ok(FetchRule::Host("media.example.cn".into())));
        let FetchRule::Network(network) = "10.1.2.3/8".parse().unwrap() else { panic!("a network") };
        assert!(network.contains("10.9.9.9".parse().unwrap()) && network.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        for text in ["", "10.0.0.0/33", "10.0.0", "http://host", "a b", "host:80"] {
            assert!(text.parse::<FetchRule>().is_err(), "{text}");
        }
    }
}
