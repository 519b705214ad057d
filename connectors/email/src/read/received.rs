//! From where a mail came: what the city's own border server wrote down (`Received`, RFC 5321, section 4.4). What others
//! wrote below is anybody's word.

use super::header::Header;
use std::net::IpAddr;

/// Who gave a mail to the border server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Their address.
    pub address: IpAddr,
    /// What they called themselves.
    pub helo: String,
}

/// Fields that are looked at.
const MAX_HOPS: usize = 30;

/// The client in the first field that the server `border` wrote and that names one outside: a filter on the same machine
/// hands mail back and forth before.
pub fn client(header: &Header<'_>, border: &str) -> Option<Client> {
    header.all("received").take(MAX_HOPS).find_map(|field| read(&String::from_utf8_lossy(field), border))
}

fn read(field: &str, border: &str) -> Option<Client> {
    let words: Vec<&str> = field.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| word.eq_ignore_ascii_case("by"))?;
    let by = words.get(at + 1)?.trim_end_matches(';');
    if !by.eq_ignore_ascii_case(border) || !words.first()?.eq_ignore_ascii_case("from") {
        return None;
    }
    let from = &words[1..at];
    // `mail.qq.com (unknown [203.0.113.7])`, `[203.0.113.7] (helo=mail.qq.com)`, `mail.qq.com (203.0.113.7)`.
    let address = from.iter().find_map(|word| {
        let bare = word.trim_matches(['(', ')']);
        let inner = bare.find('[').map_or(bare, |open| &bare[open + 1..]);
        let inner = inner.split(']').next().unwrap_or_default();
        let inner = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")).map_or(inner, |_| &inner[5..]);
        inner.parse::<IpAddr>().ok()
    })?;
    let told = from.iter().find_map(|word| word.trim_matches(['(', ')']).strip_prefix("helo="));
    let helo = told.or(from.first().copied()).unwrap_or_default().trim_matches(['[', ']', '(', ')']);
    is_outside(&address).then(|| Client { address, helo: helo.to_ascii_lowercase() })
}

fn is_outside(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_outside(&IpAddr::V4(v4)),
            None => !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(fields: &[&str]) -> Option<(String, String)> {
        let mail: String = fields.iter().map(|field| format!("Received: {field}\r\n")).collect();
        let found = client(&Header::split(format!("{mail}\r\n").as_bytes()).0, "mx.city.cn")?;
        Some((found.address.to_string(), found.helo))
    }

    #[test]
    fn the_client_is_found_as_servers_write_it() {
        let right = Some(("203.0.113.7".to_owned(), "mail.qq.com".to_owned()));
        for written in [
            "from mail.qq.com (unknown [203.0.113.7])\r\n\tby mx.city.cn (Postfix) with ESMTPS id 1; Sun",
            "from [203.0.113.7] (helo=mail.qq.com) by MX.city.cn with esmtp (Exim 4)",
            "from Mail.qq.com (203.0.113.7) by mx.city.cn (10.0.0.1) with Microsoft SMTP Server",
            "from mail.qq.com ([203.0.113.7]) by mx.city.cn; Sun",
        ] {
            assert_eq!(client_of(&[written]), right, "{written}");
        }
        let six = client_of(&["from a.cn (a.cn [IPv6:2001:db8::7]) by mx.city.cn"]);
        assert_eq!(six, Some(("2001:db8::7".into(), "a.cn".into())));
        assert_eq!(client_of(&["by mx.city.cn with LMTP", "from by", ""]), None);
    }

    #[test]
    fn only_the_border_server_is_believed_and_the_first_of_its_words() {
        let real = "from a.cn (a.cn [203.0.113.7]) by mx.city.cn";
        let forged = "from qq.com (qq.com [198.51.100.1]) by mx.city.cn";
        let filter = "from localhost (localhost [127.0.0.1]) by mx.city.cn";
        let inside = "from mx.city.cn (mx [10.0.0.1]) by store.city.cn";
        let found = client_of(&[inside, filter, real, forged]);
        assert_eq!(found, Some(("203.0.113.7".into(), "a.cn".into())));
        assert_eq!(client_of(&["from qq.com (qq.com [198.51.100.1]) by mx.evil.cn"]), None);
    }
}
