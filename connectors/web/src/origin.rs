//! Did this form come from our own page?

use http::{HeaderMap, header};

/// Whether a browser says that the form was posted by a page of another origin. Clients that say nothing are no
/// browsers, or old ones; there is no session that a foreign page could abuse.
///
/// `Sec-Fetch-Site` (W3C Fetch Metadata) decides where it is sent; else `Origin` is compared with the host that was
/// asked for and with our public address.
pub(crate) fn is_foreign(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or_default());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return false };
    let authority = |url: &str| {
        let rest = url.split_once("://").map(|(_, rest)| rest)?;
        Some(rest.split('/').next().unwrap_or_default().to_ascii_lowercase())
    };
    let Some(ours) = authority(origin) else { return true };
    let asked = text(header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(&ours));
    !asked && authority(public_url).as_deref() != Some(ours.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_foreign(&headers.collect(), "https://12345.example.org/front")
    }

    #[test]
    fn a_form_of_another_site_is_told_from_ours() {
        assert!(!foreign(&[]));
        assert!(!foreign(&[("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy")]));
        assert!(!foreign(&[("sec-fetch-site", "none")]));
        assert!(foreign(&[("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("sec-fetch-site", "same-site")]));
        assert!(!foreign(&[("origin", "https://12345.EXAMPLE.org")]));
        assert!(!foreign(&[("origin", "http://localhost:8080"), ("host", "localhost:8080")]));
        assert!(foreign(&[("origin", "https://evil.example"), ("host", "12345.example.org")]));
        assert!(foreign(&[("origin", "null"), ("host", "12345.example.org")]));
    }
}
