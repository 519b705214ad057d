//! The `Host` of a request.

use http::{HeaderMap, StatusCode, Version, header, uri::Authority};
use jiesu_connector::Problem;

/// What is wrong with a request's `Host`, if anything. A server must refuse what has none, several, or one that is no
/// name (RFC 9112, 3.2): who stands between may read another name out of it. Before HTTP/1.1 there may be none.
pub(super) fn fault(version: Version, headers: &HeaderMap) -> Option<Problem> {
    let mut given = headers.get_all(header::HOST).iter();
    let detail = match (given.next(), given.next()) {
        (None, _) if version < Version::HTTP_11 => return None,
        (None, _) => "the request has no Host: HTTP/1.1 wants one, as in Host: gateway.example:8080",
        (Some(_), Some(_)) => "the request has several Host fields: give one",
        (Some(host), None) if is_name(host.as_bytes()) => return None,
        (Some(_), None) => "Host is no name or address with or without a port, as in Host: gateway.example:8080",
    };
    Some(Problem::new(StatusCode::BAD_REQUEST, detail))
}

/// `uri-host [ ":" port ]` (RFC 9110, 7.2). It may be empty: the address then has no name in it.
fn is_name(host: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(host) else { return host.is_empty() };
    if authority.host().is_empty() {
        return false;
    }
    // Who is in front of an @ is no part of a name.
    let Some(rest) = authority.as_str().strip_prefix(authority.host()) else { return false };
    match rest.strip_prefix(':') {
        Some(port) => port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in ["", "x", "gateway.example:8080", "127.0.0.1:1", "[::1]", "[::1]:8080", "a_b-c", "x:"] {
            assert!(is_name(good.as_bytes()), "{good}");
        }
        for bad in
            ["a b", "a@b", "x:y", "x:65536", "x:+1", "x/y", "http://x", "[::1", "::1", "热线", "x?y", "x#y", ":80"]
        {
            assert!(!is_name(bad.as_bytes()), "{bad}");
        }
    }
}
