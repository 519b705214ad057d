//! Signatures of webhooks as in Standard Webhooks 1.0.0 (symmetric, `v1`).
//!
//! Signed is `id.timestamp.body`, with HMAC-SHA256 under the bytes behind `whsec_`; sent in base64 as
//! `webhook-signature: v1,…`. While a secret is being changed the header holds several, with spaces between.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit, Mac};
use jiesu_connector::Secret;
use sha2::Sha256;
use std::fmt;

/// The header with the event's id.
pub const ID: &str = "webhook-id";
/// The header with the time of sending, in Unix seconds.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";
/// How far the time of sending may be from the receiver's clock, in seconds; what the reference libraries allow.
pub const TOLERANCE: u64 = 300;

const PREFIX: &str = "whsec_";
/// Signatures that are looked at in one header; a change of secrets needs two.
const MAX_SIGNATURES: usize = 16;
/// Secrets are pasted by hand: a missing `=` is no reason to stay down.
const PASTED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that signs and verifies.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[signing key]")
    }
}

/// The secret is no Standard Webhooks secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no Standard Webhooks secret: give whsec_ and then 24 to 64 random bytes in base64")]
pub struct BadSecret;

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The time of sending is no number of Unix seconds.
    #[error("webhook-timestamp is no time in Unix seconds")]
    Timestamp,
    /// The time of sending is more than [`TOLERANCE`] away.
    #[error("webhook-timestamp is more than 5 minutes from this clock: is one of the clocks wrong?")]
    Clock,
    /// No `v1` signature among them.
    #[error("webhook-signature holds no v1 signature")]
    Version,
    /// None of the signatures fits.
    #[error("webhook-signature does not fit: do both sides have the same secret?")]
    Mismatch,
}

impl SigningKey {
    /// The key in `whsec_` and base64; the prefix may be missing.
    ///
    /// # Errors
    /// [`BadSecret`] if it is no base64, or empty.
    pub fn new(secret: &Secret) -> Result<Self, BadSecret> {
        let text = secret.expose().trim();
        let bytes = PASTED.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map_err(|_| BadSecret)?;
        if bytes.is_empty() {
            return Err(BadSecret);
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| BadSecret)
    }

    /// The value of [`SIGNATURE`] for `body` sent as `id` at `timestamp` (Unix seconds).
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.mac(id, &timestamp.to_string(), body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Checks the three headers of a webhook against its body, in constant time for each signature. `now` is the
    /// receiver's clock in Unix seconds.
    ///
    /// # Errors
    /// [`BadSignature`]: the event must not be trusted.
    pub fn verify(&self, headers: &Signed<'_>, body: &[u8], now: i64) -> Result<(), BadSignature> {
        let sent: i64 = headers.timestamp.parse().map_err(|_| BadSignature::Timestamp)?;
        if sent.abs_diff(now) > TOLERANCE {
            return Err(BadSignature::Clock);
        }
        let mac = self.mac(headers.id, headers.timestamp, body);
        let mut versioned = false;
        for signature in headers.signatures.split_ascii_whitespace().take(MAX_SIGNATURES) {
            // Other versions (`v1a`) are for other keys; they may stand beside ours.
            let Some(signature) = signature.strip_prefix("v1,") else { continue };
            versioned = true;
            let Ok(signature) = STANDARD.decode(signature) else { continue };
            if mac.clone().verify_slice(&signature).is_ok() {
                return Ok(());
            }
        }
        Err(if versioned { BadSignature::Mismatch } else { BadSignature::Version })
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// The three headers, as received.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// [`ID`].
    pub id: &'a str,
    /// [`TIMESTAMP`].
    pub timestamp: &'a str,
    /// [`SIGNATURE`].
    pub signatures: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector that the reference libraries of Standard Webhooks test themselves with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const EVENT: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(&Secret::new(secret)).unwrap()
    }

    fn verify(timestamp: &str, signatures: &str, now: i64) -> Result<(), BadSignature> {
        key(SECRET).verify(&Signed { id: EVENT, timestamp, signatures }, BODY, now)
    }

    #[test]
    fn the_published_vector_is_signed_as_published() {
        assert_eq!(key(SECRET).sign(EVENT, SENT, BODY), EXPECTED);
        assert_eq!(key(SECRET.strip_prefix(PREFIX).unwrap()).sign(EVENT, SENT, BODY), EXPECTED);
    }

    #[test]
    fn one_fitting_signature_among_several_is_enough() {
        let sent = SENT.to_string();
        assert_eq!(verify(&sent, EXPECTED, SENT), Ok(()));
        let other = key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").sign(EVENT, SENT, BODY);
        assert_eq!(verify(&sent, &format!("v1a,abc {other} v1,%% {EXPECTED}"), SENT), Ok(()));
        assert_eq!(verify(&sent, &other, SENT), Err(BadSignature::Mismatch));
    }

    #[test]
    fn a_changed_id_time_or_body_does_not_verify() {
        let sent = SENT.to_string();
        let check = |id, timestamp, body: &[u8]| {
            key(SECRET).verify(&Signed { id, timestamp, signatures: EXPECTED }, body, SENT)
        };
        assert_eq!(check(EVENT, &sent, BODY), Ok(()));
        assert_eq!(check("msg_other", &sent, BODY), Err(BadSignature::Mismatch));
        assert_eq!(check(EVENT, "1614265331", BODY), Err(BadSignature::Mismatch));
        assert_eq!(check(EVENT, &sent, br#"{"test":2432232314}"#), Err(BadSignature::Mismatch));
        assert_eq!(check(EVENT, "soon", BODY), Err(BadSignature::Timestamp));
    }

    #[test]
    fn five_minutes_either_way_are_tolerated_and_no_more() {
        let sent = SENT.to_string();
        assert_eq!(verify(&sent, EXPECTED, SENT + 300), Ok(()));
        assert_eq!(verify(&sent, EXPECTED, SENT - 300), Ok(()));
        assert_eq!(verify(&sent, EXPECTED, SENT + 301), Err(BadSignature::Clock));
        assert_eq!(verify(&sent, EXPECTED, SENT - 301), Err(BadSignature::Clock));
        assert_eq!(verify(&i64::MIN.to_string(), EXPECTED, SENT), Err(BadSignature::Clock));
    }

    #[test]
    fn signatures_without_v1_or_cut_short_do_not_verify() {
        let sent = SENT.to_string();
        for absent in ["", "v1", "v2,abc", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            assert_eq!(verify(&sent, absent, SENT), Err(BadSignature::Version), "{absent}");
        }
        for short in ["v1,", "v1,g0hM", &EXPECTED[..EXPECTED.len() - 1]] {
            assert_eq!(verify(&sent, short, SENT), Err(BadSignature::Mismatch), "{short}");
        }
    }

    #[test]
    fn secrets_that_are_no_base64_are_refused() {
        for bad in ["", "whsec_", "whsec_not base64!", "密钥"] {
            assert_eq!(SigningKey::new(&Secret::new(bad)).unwrap_err(), BadSecret, "{bad}");
        }
        assert!(
            SigningKey::new(&Secret::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY")).is_ok(),
            "padding may be missing"
        );
    }
}
