//! DKIM (RFC 6376), verified by ourselves where no border server says what it found. Without the client's address, which
//! neither a mailbox nor LMTP tells, SPF cannot be verified, and so a mail is never found to be forged here.

use crate::read::header::Header;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Beside a mail: the domains whose signatures hold.
pub const SIGNED_BY: &str = "signed-by";
/// Signatures of one mail; each is work, and a lookup.
const MAX_SIGNATURES: usize = 4;
/// The lookups of one mail, at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// Name servers that did not answer are left alone for so long: mail must not wait for them.
const REST: Duration = Duration::from_secs(60);

/// Verifies signatures.
#[derive(Default)]
pub struct Verifier {
    names: OnceLock<Option<MessageAuthenticator>>,
    resting: Mutex<Option<Instant>>,
}

impl Verifier {
    /// The domains whose signatures of `mail` hold, separated by spaces; `None` if there is none, or nobody can say.
    pub async fn signed_by(&self, mail: &[u8]) -> Option<String> {
        if !is_signed(mail) || self.rests() {
            return None;
        }
        let names = self.names.get_or_init(|| MessageAuthenticator::new_system_conf().ok()).as_ref()?;
        let Ok(found) = timeout(PATIENCE, verify::<Nothing>(names, mail, None)).await else {
            *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
            return None;
        };
        found
    }

    fn rests(&self) -> bool {
        let until = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

fn is_signed(mail: &[u8]) -> bool {
    let (header, _) = Header::split(mail);
    (1..=MAX_SIGNATURES).contains(&header.all("dkim-signature").count())
}

async fn verify<C: ResolverCache<Box<str>, Txt>>(
    names: &MessageAuthenticator,
    mail: &[u8],
    cache: Option<&C>,
) -> Option<String> {
    let message = AuthenticatedMessage::parse(mail)?;
    let found = match cache {
        Some(cache) => names.verify_dkim(Parameters::new(&message).with_txt_cache(cache)).await,
        None => names.verify_dkim(&message).await,
    };
    let holds = found.iter().filter(|found| *found.result() == DkimResult::Pass);
    // A signature of the beginning only says nothing about what was added behind it.
    let whole = holds.filter_map(|found| found.signature()).filter(|signature| signature.l == 0);
    let domains: Vec<&str> = whole.map(|signature| signature.d.as_str()).collect();
    (!domains.is_empty()).then(|| domains.join(" "))
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
        common::{crypto::Ed25519Key, headers::HeaderWriter, parse::TxtRecordParser, verify::DomainKey},
        dkim::DkimSigner,
    };
    use ring::signature::{Ed25519KeyPair, KeyPair};
    use std::{borrow::Borrow, hash::Hash, sync::Arc};

    /// Knows one key, whatever the name.
    struct One(Arc<DomainKey>);

    impl ResolverCache<Box<str>, Txt> for One {
        fn get<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
        {
            Some(Txt::DomainKey(self.0.clone()))
        }

        fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
        {
            None
        }

        fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
    }

    #[tokio::test]
    async fn a_signature_holds_until_a_word_is_changed() {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let published = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key()));
        let cache = One(Arc::new(DomainKey::parse(published.as_bytes()).unwrap()));
        let mail = "From: w@qq.example\r\nTo: 12345@leshan.example\r\nSubject: x\r\n\r\n路灯坏了\r\n";
        let signed = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(document.as_ref()).unwrap())
            .domain("qq.example")
            .selector("s")
            .headers(["From", "Subject"])
            .sign(mail.as_bytes())
            .unwrap();
        let signed = format!("{}{mail}", signed.to_header());
        let names = MessageAuthenticator::new_cloudflare().unwrap();
        assert!(is_signed(signed.as_bytes()) && !is_signed(mail.as_bytes()));
        assert_eq!(verify(&names, signed.as_bytes(), Some(&cache)).await.as_deref(), Some("qq.example"));
        let changed = signed.replace("坏了", "好了");
        assert_eq!(verify(&names, changed.as_bytes(), Some(&cache)).await, None);
        let many = "DKIM-Signature: v=1\r\n".repeat(MAX_SIGNATURES) + &signed;
        assert!(!is_signed(many.as_bytes()), "so many are a bomb");
    }
}
