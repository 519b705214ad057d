//! Whether a mail is from whom it says, verified by ourselves where no border server says what it found: signatures (DKIM,
//! RFC 6376), and, where the border server writes from where it took the mail, SPF (RFC 7208) and DMARC (RFC 9989). Noted,
//! never a reason to refuse.

use crate::read::{
    address,
    header::Header,
    received::{self, Client},
    verdict::{Verdict, same_organisation},
};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, MessageAuthenticator, Parameters, ResolverCache,
    SpfResult, Txt, dmarc::verify::DmarcParameters, spf::verify::SpfParameters,
};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Beside a mail: the domains whose signatures hold.
pub const SIGNED_BY: &str = "signed-by";
/// Beside a mail: what SPF and DMARC say of the sender.
pub const SENDER: &str = "sender-is";
/// Signatures of one mail; each is work, and a lookup.
const MAX_SIGNATURES: usize = 4;
/// The lookups of one mail, at most.
const PATIENCE: Duration = Duration::from_secs(3);
/// Name servers that did not answer are left alone for so long: mail must not wait for them.
const REST: Duration = Duration::from_secs(60);

/// Verifies senders.
pub struct Verifier {
    /// The name under which the border server writes its `Received`.
    border: Option<String>,
    names: OnceLock<Option<MessageAuthenticator>>,
    resting: Mutex<Option<Instant>>,
}

/// What there is to verify of a mail.
struct Claims {
    signed: bool,
    /// Who gave it to the border server, and the sender that they named.
    client: Option<(Client, String)>,
}

impl Claims {
    fn of(mail: &[u8], border: Option<&str>, envelope_from: Option<&str>) -> Self {
        let (header, _) = Header::split(mail);
        let signed = (1..=MAX_SIGNATURES).contains(&header.all("dkim-signature").count());
        let from = envelope_from.map(str::to_owned);
        // A mailbox does not tell; the server that delivered into it wrote it down.
        let from = || from.or_else(|| address::address(header.get("return-path")?)).unwrap_or_default();
        Self { signed, client: border.and_then(|border| Some((received::client(&header, border)?, from()))) }
    }
}

impl Verifier {
    /// One that takes the word of the server `border` for where a mail came from.
    pub fn new(border: Option<String>) -> Self {
        Self { border, names: OnceLock::new(), resting: Mutex::default() }
    }

    /// What is kept beside a mail: what holds of it, as far as anybody can say. `envelope_from` is MAIL FROM, if known.
    pub async fn findings(&self, mail: &[u8], envelope_from: Option<&str>) -> Vec<(String, String)> {
        let claims = Claims::of(mail, self.border.as_deref(), envelope_from);
        if (!claims.signed && claims.client.is_none()) || self.rests() {
            return Vec::new();
        }
        let Some(names) = self.names.get_or_init(|| MessageAuthenticator::new_system_conf().ok()) else {
            return Vec::new();
        };
        match timeout(PATIENCE, verify::<Nothing>(names, mail, &claims, &Nothing)).await {
            Ok(found) => found,
            Err(_) => {
                *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
                Vec::new()
            }
        }
    }

    fn rests(&self) -> bool {
        let until = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

async fn verify<C: ResolverCache<Box<str>, Txt>>(
    names: &MessageAuthenticator,
    mail: &[u8],
    claims: &Claims,
    cache: &C,
) -> Vec<(String, String)> {
    let Some(message) = AuthenticatedMessage::parse(mail) else { return Vec::new() };
    let signatures = match claims.signed {
        true => names.verify_dkim(Parameters::new(&message).with_txt_cache(cache)).await,
        false => Vec::new(),
    };
    // A signature of the beginning only says nothing about what was added behind it.
    let whole = |found: &&DkimOutput<'_>| {
        *found.result() == DkimResult::Pass && found.signature().is_some_and(|signature| signature.l == 0)
    };
    let signatures: Vec<DkimOutput<'_>> = signatures.iter().filter(whole).cloned().collect();
    let domains: Vec<&str> =
        signatures.iter().filter_map(|found| found.signature()).map(|signature| signature.d.as_str()).collect();
    let mut findings = Vec::new();
    if !domains.is_empty() {
        findings.push((SIGNED_BY.to_owned(), domains.join(" ")));
    }
    if let Some((client, from)) = &claims.client
        && let Some(verdict) = sender(names, &message, &signatures, client, from, cache).await
    {
        findings.push((SENDER.to_owned(), verdict.name().to_owned()));
    }
    findings
}

/// What SPF and DMARC say.
async fn sender<C: ResolverCache<Box<str>, Txt>>(
    names: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
    signatures: &[DkimOutput<'_>],
    client: &Client,
    from: &str,
    cache: &C,
) -> Option<Verdict> {
    let claimed = from.rsplit_once('@').map_or(client.helo.as_str(), |(_, domain)| domain).to_ascii_lowercase();
    let asked = match from.is_empty() {
        true => SpfParameters::verify_ehlo(client.address, &client.helo, "jiesu"),
        false => SpfParameters::verify_mail_from(client.address, &client.helo, "jiesu", from),
    };
    let spf = names.verify_spf(Parameters::new(asked).with_txt_cache(cache)).await;
    let asked = DmarcParameters::new(message, signatures, &claimed, &spf);
    let dmarc = names.verify_dmarc(Parameters::new(asked).with_txt_cache(cache)).await;
    match dmarc.result() {
        DmarcResult::Pass => Some(Verdict::Verified),
        DmarcResult::Fail(_) => Some(Verdict::Forged),
        // The domain says nothing of what becomes of others' mail: only its list of servers counts.
        DmarcResult::None => {
            let written = message.from.first()?.rsplit_once('@')?.1.to_ascii_lowercase();
            match spf.result() {
                _ if !same_organisation(&claimed, &written) => None,
                SpfResult::Pass => Some(Verdict::Verified),
                SpfResult::Fail => Some(Verdict::Forged),
                _ => None,
            }
        }
        DmarcResult::TempError(_) | DmarcResult::PermError(_) => None,
    }
}

/// No cache: the resolver has its own.
struct Nothing;

impl ResolverCache<Box<str>, Txt> for Nothing {
    fn get<Q: std::hash::Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: std::borrow::Borrow<Q>,
    {
        None
    }

    fn remove<Q: std::hash::Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: std::borrow::Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use mail_auth::{
        DnsError, Error,
        common::{crypto::Ed25519Key, headers::HeaderWriter, parse::TxtRecordParser, verify::DomainKey},
        dkim::DkimSigner,
        dmarc::Dmarc,
        spf::Spf,
    };
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use std::{borrow::Borrow, collections::HashMap, hash::Hash, sync::Arc};

    /// Name servers that know these names and no other.
    struct Zone(HashMap<Box<str>, Txt>);

    impl ResolverCache<Box<str>, Txt> for Zone {
        fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
        {
            Some(self.0.get(name).cloned().unwrap_or(Txt::Error(Error::Dns(DnsError::InvalidRecordType))))
        }

        fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
        {
            None
        }

        fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
    }

    const MAIL: &str = "From: w@qq.example\r\nTo: 12345@leshan.example\r\nSubject: x\r\n\r\n路灯坏了\r\n";

    /// The mail, signed, and a zone with the key, an SPF and perhaps a DMARC record.
    fn signed(policy: bool) -> (String, Zone) {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let published = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key()));
        let key = Txt::DomainKey(Arc::new(DomainKey::parse(published.as_bytes()).unwrap()));
        let spf = Txt::Spf(Arc::new(Spf::parse(b"v=spf1 ip4:203.0.113.0/24 -all").unwrap()));
        let mut zone = HashMap::from([("s._domainkey.qq.example.".into(), key), ("qq.example.".into(), spf)]);
        if policy {
            let dmarc = Dmarc::parse(b"v=DMARC1; p=reject; rua=mailto:d@qq.example").unwrap();
            zone.insert("_dmarc.qq.example.".into(), Txt::Dmarc(Arc::new(dmarc)));
        }
        let signer = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(document.as_ref()).unwrap());
        let signature = signer.domain("qq.example").selector("s").headers(["From", "Subject"]).sign(MAIL.as_bytes());
        (format!("{}{MAIL}", signature.unwrap().to_header()), Zone(zone))
    }

    async fn found(mail: &str, zone: &Zone, from: Option<&str>) -> Vec<(String, String)> {
        let names = MessageAuthenticator::new_cloudflare().unwrap();
        let claims = Claims::of(mail.as_bytes(), Some("mx.leshan.example"), from);
        verify(&names, mail.as_bytes(), &claims, zone).await
    }

    fn taken_from(address: &str, mail: &str) -> String {
        format!("Received: from mail.qq.example (x [{address}])\r\n\tby mx.leshan.example (Postfix); now\r\n{mail}")
    }

    #[tokio::test]
    async fn a_signature_holds_until_a_word_is_changed() {
        let (signed, zone) = signed(false);
        assert_eq!(found(&signed, &zone, None).await, [(SIGNED_BY.to_owned(), "qq.example".to_owned())]);
        let changed = signed.replace("坏了", "好了");
        assert_eq!(found(&changed, &zone, None).await, []);
        let many = "DKIM-Signature: v=1\r\n".repeat(MAX_SIGNATURES) + &signed;
        assert!(!Claims::of(many.as_bytes(), None, None).signed, "so many are a bomb");
    }

    #[tokio::test]
    async fn where_a_mail_came_from_says_whether_its_sender_is_who_they_say() {
        let is = |verdict: &str| vec![(SENDER.to_owned(), verdict.to_owned())];
        let (signed_mail, strict) = signed(true);
        let (_, lax) = signed(false);
        let (good, bad) = (taken_from("203.0.113.7", MAIL), taken_from("198.51.100.7", MAIL));
        for zone in [&strict, &lax] {
            assert_eq!(found(&good, zone, Some("w@qq.example")).await, is("verified"));
            assert_eq!(found(&bad, zone, Some("w@qq.example")).await, is("forged"));
            assert_eq!(found(MAIL, zone, Some("w@qq.example")).await, [], "nobody knows where it came from");
        }
        // Written down by the server that delivered it.
        let delivered = format!("Return-Path: <w@qq.example>\r\n{good}");
        assert_eq!(found(&delivered, &lax, None).await, is("verified"));
        // From somebody else's server, in their own name: only who says what becomes of that has a say.
        assert_eq!(found(&bad, &strict, Some("x@evil.example")).await, is("forged"));
        assert_eq!(found(&bad, &lax, Some("x@evil.example")).await, []);
        // Forwarded: the server is another, the signature holds.
        let forwarded = found(&taken_from("198.51.100.7", &signed_mail), &strict, Some("f@other.example")).await;
        assert_eq!(forwarded.last(), is("verified").last(), "{forwarded:?}");
    }
}
