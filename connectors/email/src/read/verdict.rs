//! Whether the sender is who they say (RFC 8601), as the city's own border server found: noted, never a reason to refuse.

use super::header::Header;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The sender's domain answers for the mail.
    Verified,
    /// The sender's domain says that it is not theirs.
    Forged,
}

impl Verdict {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Forged => "forged",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Verified, Self::Forged].into_iter().find(|verdict| verdict.name() == name)
    }
}

/// The verdict of the server that calls itself `server`; others' words, which anybody can write, do not count. Only its
/// first field does: what stands below was there before.
pub fn of(header: &Header<'_>, server: &str, from: &str) -> Option<Verdict> {
    let value = header.all("authentication-results").map(String::from_utf8_lossy).find_map(|value| {
        let value = value.replace(['\r', '\n', '\t'], " ").to_ascii_lowercase();
        let (id, results) = value.split_once(';')?;
        let id = id.trim().split(' ').next().unwrap_or_default();
        id.eq_ignore_ascii_case(server).then(|| results.to_owned())
    })?;
    let domain = from.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let (mut verified, mut failed, mut dmarc_failed) = (false, false, false);
    for result in value.split(';').map(str::trim) {
        let Some((method, rest)) = result.split_once('=') else { continue };
        let outcome = rest.split([' ', '(']).next().unwrap_or_default();
        let property = |name: &str| {
            let found = result.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.map(|value| value.rsplit('@').next().unwrap_or_default().trim_matches(['"', '<', '>']).to_owned())
        };
        let aligned = |name: &str| property(name).is_some_and(|other| same_organisation(&other, &domain));
        match (method.trim(), outcome) {
            ("dmarc", "pass") => verified = true,
            ("dmarc", "fail") => dmarc_failed = true,
            ("dkim", "pass") if aligned("header.d") || aligned("header.i") => verified = true,
            ("spf", "pass") if aligned("smtp.mailfrom") => verified = true,
            ("spf", "fail") => failed = true,
            _ => {}
        }
    }
    match (dmarc_failed, verified, failed) {
        (true, ..) | (_, false, true) => Some(Verdict::Forged),
        (_, true, _) => Some(Verdict::Verified),
        _ => None,
    }
}

/// The verdict of signatures of `domains`, separated by spaces, that hold.
pub fn signed(domains: &str, from: &str) -> Option<Verdict> {
    let domain = from.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let mut domains = domains.split(' ').map(str::to_ascii_lowercase);
    domains.any(|other| same_organisation(&other, &domain)).then_some(Verdict::Verified)
}

/// One is the other, or below it (relaxed alignment, RFC 7489).
pub fn same_organisation(one: &str, other: &str) -> bool {
    let below = |long: &str, short: &str| {
        short.contains('.') && long.strip_suffix(short).is_some_and(|rest| rest.ends_with('.'))
    };
    !one.is_empty() && (one == other || below(one, other) || below(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(field: &str) -> Option<Verdict> {
        let mail = format!("Authentication-Results: {field}\nAuthentication-Results: mx.city.cn; dmarc=pass\n\n");
        of(&Header::split(mail.as_bytes()).0, "mx.city.cn", "w@qq.com")
    }

    #[test]
    fn only_the_first_word_of_our_own_server_counts() {
        assert_eq!(
            verdict("mx.city.cn; spf=pass smtp.mailfrom=w@qq.com;\r\n dkim=pass header.d=qq.com"),
            Some(Verdict::Verified)
        );
        assert_eq!(
            verdict("MX.city.cn 1; dmarc=fail header.from=qq.com; dkim=pass header.d=evil.cn"),
            Some(Verdict::Forged)
        );
        assert_eq!(verdict("mx.city.cn; dkim=pass header.d=evil.cn"), None);
        assert_eq!(verdict("mx.city.cn; dkim=pass header.d=mail.qq.com"), Some(Verdict::Verified));
        assert_eq!(verdict("mx.city.cn; spf=fail smtp.mailfrom=evil.cn"), Some(Verdict::Forged));
        assert_eq!(verdict("mx.city.cn; none"), None);
        assert_eq!(signed("evil.cn QQ.com", "w@qq.com"), Some(Verdict::Verified));
        assert_eq!(signed("evil.cn", "w@qq.com"), None);
        let foreign = Header::split(b"Authentication-Results: mx.evil.cn; dmarc=pass\n\n").0;
        assert_eq!(of(&foreign, "mx.city.cn", "w@qq.com"), None);
    }
}
