//! Who the client is.

use crate::config::Cidr;
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// The client's address, as an extension of every request. IPv4 addresses that came mapped into IPv6 are IPv4 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(
    /// The address.
    pub IpAddr,
);

/// The client behind `address`: itself, or if it is one of our `proxies`, the last hop in `X-Forwarded-For` that is
/// not. What stands left of that hop was written by the client and is not looked at.
pub(super) fn client(address: IpAddr, headers: &HeaderMap, proxies: &[Cidr]) -> IpAddr {
    let ours = |address| proxies.iter().any(|proxy| proxy.contains(address));
    let mut client = address;
    if proxies.is_empty() || !ours(client) {
        return client;
    }
    let lines = headers.get_all("x-forwarded-for");
    for line in lines.iter().rev() {
        // A line that is no text is no list of addresses: what the last proxy said stands.
        let Ok(line) = line.to_str() else { return client };
        for hop in line.rsplit(',') {
            let Some(address) = hop_address(hop.trim()) else { return client };
            client = address;
            if !ours(client) {
                return client;
            }
        }
    }
    client
}

/// An address, with or without a port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client_of(address: &str, lines: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let proxies: Vec<Cidr> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        client(address.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed_about_its_address() {
        assert_eq!(client_of("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client_of("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_a_proxy_of_ours() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.2.2.2"], &proxies), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1", "203.0.113.9", "10.2.2.2"], &proxies), "203.0.113.9");
        assert_eq!(client_of("fd00::1", &["203.0.113.9:4711"], &proxies), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["[2001:db8::7]:4711"], &proxies), "2001:db8::7");
        assert_eq!(client_of("10.0.0.1", &["::ffff:203.0.113.9"], &proxies), "203.0.113.9");
    }

    #[test]
    fn a_hop_that_is_no_address_ends_the_search() {
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1, unknown, 10.2.2.2"], &["10.0.0.0/8"]), "10.2.2.2");
        assert_eq!(client_of("10.0.0.1", &[""], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }
}
