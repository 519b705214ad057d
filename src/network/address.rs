//! Which addresses are public: where a message from outside may send us.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(address: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = address;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// What is not public of IPv4 (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
const NOT_PUBLIC: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this host, RFC 1122
    v4(10, 0, 0, 0, 8),       // private, RFC 1918
    v4(100, 64, 0, 0, 10),    // carriers' NAT, RFC 6598; some clouds keep their metadata here
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // the host of an Azure machine, which looks public
    v4(169, 254, 0, 0, 16),   // link-local, RFC 3927; most clouds keep their metadata here
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),     // documentation, RFC 5737
    v4(192, 88, 99, 0, 24),   // relays of 6to4, RFC 7526
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
];

/// All that is public of IPv6 lies in here: not loopback, not unique local, not link-local, not multicast.
const GLOBAL: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Inside of that, what is not public all the same
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const NOT_GLOBAL: [Ipv6Net; 3] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation, RFC 9637
];
/// An IPv4 address in the last 32 bits, RFC 6052. The local form, `64:ff9b:1::/48`, is never public.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// An IPv4 address in the bits 16 to 47, RFC 3056.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

/// Whether everybody on the internet reaches `address`, and it is nobody's inner network. IPv4 in the clothes of IPv6
/// (mapped, NAT64, 6to4) is judged as IPv4.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => match inner(address) {
            Some(inner) => is_public(inner.into()),
            None => GLOBAL.contains(&address) && !NOT_GLOBAL.iter().any(|network| network.contains(&address)),
        },
    }
}

/// The IPv4 address that packets to `address` really go to. The compatible form (`::10.0.0.1`) lies outside of what is
/// public anyway.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    if let Some(mapped) = address.to_ipv4_mapped() {
        Some(mapped)
    } else if NAT64.contains(&address) {
        Some(Ipv4Addr::new(a, b, c, d))
    } else if SIX_TO_FOUR.contains(&address) {
        let [_, _, a, b, c, d, ..] = address.octets();
        Some(Ipv4Addr::new(a, b, c, d))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_may_be_fetched_from() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "240e::1",
            "2408:8000::1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_not_public_may_not() {
        for (what, addresses) in [
            ("unspecified", &["0.0.0.0", "0.1.2.3", "::"][..]),
            ("loopback", &["127.0.0.1", "127.255.255.254", "::1"]),
            ("private", &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"]),
            ("carriers' NAT", &["100.64.0.1", "100.100.100.200", "100.127.255.255"]),
            ("link-local", &["169.254.169.254", "fe80::1", "febf::1"]),
            ("site-local", &["fec0::1"]),
            ("unique local", &["fc00::1", "fd00:ec2::254"]),
            ("multicast and broadcast", &["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]),
            ("reserved", &["240.0.0.1", "192.0.0.8", "192.88.99.1", "168.63.129.16", "4000::1", "100::1"]),
            ("documentation", &["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"]),
            ("benchmarks", &["198.18.0.1", "198.19.255.255", "2001:2::1"]),
            ("mapped", &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"]),
            ("compatible", &["::127.0.0.1", "::10.0.0.1", "::8.8.8.8"]),
            ("6to4", &["2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1"]),
            ("NAT64", &["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"]),
            ("Teredo", &["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"]),
        ] {
            for address in addresses {
                assert!(!is_public(address.parse().unwrap()), "{what}: {address}");
            }
        }
    }
}
