//! Who the client is.

use http::HeaderMap;
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// The client's address, as an extension of every request. IPv4 addresses that came mapped into IPv6 are IPv4 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(
    /// The address.
    pub IpAddr,
);

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// Not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a range such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NoCidr;

impl FromStr for Cidr {
    type Err = NoCidr;

    fn from_str(text: &str) -> Result<Self, NoCidr> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoCidr)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `parse` would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| NoCidr)?,
            Some(_) => return Err(NoCidr),
            None => bits,
        };
        if prefix > bits { Err(NoCidr) } else { Ok(Self { address, prefix }) }
    }
}

impl Cidr {
    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => (range.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(range), IpAddr::V6(address)) => (range.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.prefix)
    }
}

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

    #[test]
    fn ranges_are_read_strictly() {
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "::/129", "host", "10.0.0/8"] {
            assert_eq!(wrong.parse::<Cidr>(), Err(NoCidr), "{wrong}");
        }
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.1.2.3".parse().unwrap()));
        assert!(all.contains("::ffff:1.2.3.4".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
    }
}
