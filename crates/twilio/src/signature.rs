//! `X-Twilio-Signature`: over the whole address as it was asked for, and the decoded fields.

use crate::Form;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiesu_connector::{Request, Secret};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The hash of a signature. It is chosen by the configuration and never by the request, so that nobody can choose the weaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA1 with the account's auth token.
    #[default]
    Sha1,
    /// HMAC-SHA256 with a signing key.
    Sha256,
}

/// Whether `request`, which was asked for at `address` with its own path and query after it, is signed with `secret`. A JSON
/// body must also have the digest that the signed address names (`bodySHA256`).
pub fn is_signed(algorithm: Algorithm, secret: &Secret, address: &str, request: &Request) -> bool {
    let claimed = request.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let Some(claimed) = claimed.and_then(|text| STANDARD.decode(text.trim()).ok()) else { return false };
    if secret.expose().is_empty() {
        return false;
    }
    let fields = match Form::of_body(request) {
        Some(form) => form.signed(),
        None if request.body.is_empty() => Vec::new(),
        None if is_named(request) => Vec::new(),
        None => return false,
    };
    let query = request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let mut good = Choice::from(0);
    for address in ports(address) {
        let mut text = format!("{address}{}{query}", request.path).into_bytes();
        for (name, value) in &fields {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
        good |= match algorithm {
            Algorithm::Sha1 => mac::<Hmac<Sha1>>(secret, &text).ct_eq(&claimed),
            Algorithm::Sha256 => mac::<Hmac<Sha256>>(secret, &text).ct_eq(&claimed),
        };
    }
    good.into()
}

fn mac<M: Mac + KeyInit>(secret: &Secret, text: &[u8]) -> Vec<u8> {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.expose().as_bytes()) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The body has the digest that the query names.
fn is_named(request: &Request) -> bool {
    let query = request.query.as_deref().unwrap_or_default();
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bodySHA256");
    let digest: String = Sha256::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
    named.is_some_and(|(_, named)| named.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()).into())
}

/// The address as it is, and with the scheme's own port written out or left out: Twilio does either.
fn ports(address: &str) -> Vec<String> {
    let mut ports = vec![address.to_owned()];
    let Some((scheme, rest)) = address.split_once("://") else { return ports };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    match authority.strip_suffix(port) {
        Some(bare) => ports.push(format!("{scheme}://{bare}{path}")),
        None if !after_brackets.contains(':') => ports.push(format!("{scheme}://{authority}{port}{path}")),
        None => {}
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};

    fn request(method: Method, path: &str, query: Option<&str>, body: &str, signature: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("x-twilio-signature", signature.parse().unwrap());
        Request {
            method,
            path: path.into(),
            query: query.map(str::to_owned),
            headers,
            body: body.to_owned().into(),
            peer: [127, 0, 0, 1].into(),
        }
    }

    const FIELDS: &str =
        "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";

    #[test]
    fn the_documentation_s_own_example_is_signed_and_nothing_else_is() {
        let token = Secret::new("12345");
        let signed = |query, body, signature| {
            let request = request(Method::POST, "/myapp.php", Some(query), body, signature);
            is_signed(Algorithm::Sha1, &token, "https://mycompany.com", &request)
        };
        let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(signed("foo=1&bar=2", FIELDS, signature));
        let reordered = FIELDS.split('&').rev().collect::<Vec<_>>().join("&");
        assert!(signed("foo=1&bar=2", &reordered, signature));
        assert!(!signed("bar=2&foo=1", FIELDS, signature), "the query counts as it was sent");
        let changed = FIELDS.replace("1234&From", "4321&From");
        assert!(!signed("foo=1&bar=2", &changed, signature));
        assert!(!signed("foo=1&bar=2", FIELDS, "not base64!"));
        let other = request(Method::POST, "/myapp.php", Some("foo=1&bar=2"), FIELDS, signature);
        assert!(!is_signed(Algorithm::Sha256, &token, "https://mycompany.com", &other), "the other algorithm");
        assert!(!is_signed(Algorithm::Sha1, &Secret::new(""), "https://mycompany.com", &other));
    }

    #[test]
    fn a_default_port_may_be_written_out_or_left_out() {
        assert_eq!(ports("https://a.cn/x"), ["https://a.cn/x", "https://a.cn:443/x"]);
        assert_eq!(ports("http://a.cn:80"), ["http://a.cn:80", "http://a.cn"]);
        assert_eq!(ports("https://a.cn:8443/x"), ["https://a.cn:8443/x"]);
        assert_eq!(ports("http://[::1]/x"), ["http://[::1]/x", "http://[::1]:80/x"]);
    }

    #[test]
    fn a_json_body_counts_only_with_the_digest_that_the_signed_address_names() {
        let (token, body) = (Secret::new("12345"), r#"{"a":1}"#);
        let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        let query = format!("bodySHA256={digest}");
        let text = format!("https://a.cn/x?{query}");
        let signature = STANDARD.encode(mac::<Hmac<Sha256>>(&token, text.as_bytes()));
        let json = |body: &str, query: &str| {
            let mut request = request(Method::POST, "/x", Some(query), body, &signature);
            request.headers.insert("content-type", "application/json".parse().unwrap());
            is_signed(Algorithm::Sha256, &token, "https://a.cn", &request)
        };
        assert!(json(body, &query));
        assert!(!json(r#"{"a":2}"#, &query));
        assert!(!json(body, "x=1"));
    }
}
