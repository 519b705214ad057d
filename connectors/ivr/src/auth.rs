//! Who pushes: a signature over the body, a log-in, or a key in the address.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{StatusCode, header};
use jiesu_connector::{Problem, Rejection, Request, Response, Secret};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A signature older or newer than this is none.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

/// What a push must show: all that is here.
#[derive(Debug, Default)]
pub(crate) struct Auth {
    /// `X-Jiesu-Signature`, over time and body.
    pub signed: Option<Secret>,
    /// `Authorization: Basic`, of `user:password`.
    pub basic: Option<Secret>,
    /// `?key=…`.
    pub query: Option<Secret>,
    /// Huawei's `signature` in the body.
    pub huawei: Option<Secret>,
}

impl Auth {
    /// Whether `request` shows everything.
    ///
    /// # Errors
    /// 401, and what is missing.
    pub fn check(&self, request: &Request, now: Timestamp) -> Result<(), Rejection> {
        if self.basic.as_ref().is_some_and(|secret| !is_basic(secret, request)) {
            return Err(refused("the log-in is wrong: show user and password (Basic)", true));
        }
        if self.query.as_ref().is_some_and(|secret| !has_key(secret, request)) {
            return Err(refused("the address lacks the right ?key=…", false));
        }
        if let Some(secret) = &self.signed {
            check_signed(secret, request, now)?;
        }
        if self.huawei.as_ref().is_some_and(|secret| !is_huawei(secret, &request.body, now)) {
            return Err(refused(
                "`signature` in the body is wrong, or its `timestamp` is older than 15 minutes",
                false,
            ));
        }
        Ok(())
    }

    /// The same of a request that has no body to sign.
    pub fn holds_without_body(&self, request: &Request) -> bool {
        self.signed.is_none()
            && self.basic.as_ref().is_none_or(|secret| is_basic(secret, request))
            && self.query.as_ref().is_none_or(|secret| has_key(secret, request))
    }
}

fn refused(detail: &str, basic: bool) -> Rejection {
    let response = Response::from(Problem::new(StatusCode::UNAUTHORIZED, detail));
    let scheme = if basic { "Basic realm=\"jiesu\", charset=\"UTF-8\"" } else { "Jiesu-Signature" };
    Rejection::Unauthenticated(response.with(header::WWW_AUTHENTICATE, scheme))
}

fn is_basic(secret: &Secret, request: &Request) -> bool {
    let shown = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, credentials)) = shown.and_then(|shown| shown.split_once(' ')) else { return false };
    scheme.eq_ignore_ascii_case("basic")
        && STANDARD.decode(credentials.trim()).is_ok_and(|credentials| secret.matches(&credentials))
}

fn has_key(secret: &Secret, request: &Request) -> bool {
    let query = request.query.as_deref().unwrap_or_default();
    let shown = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key");
    shown.is_some_and(|(_, key)| secret.matches(key.as_bytes()))
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() <= FRESH
}

/// `X-Jiesu-Signature: t=UNIX,v1=hex(HMAC-SHA256(secret, t + "." + body))`; several `v1` while a secret is changed.
fn check_signed(secret: &Secret, request: &Request, now: Timestamp) -> Result<(), Rejection> {
    let mut headers = request.headers.get_all("x-jiesu-signature").iter();
    let (Some(value), None) = (headers.next().and_then(|value| value.to_str().ok()), headers.next()) else {
        return Err(refused("X-Jiesu-Signature: t=…,v1=… must be there, once", false));
    };
    let fields: Vec<(&str, &str)> = value.split(',').filter_map(|field| field.trim().split_once('=')).collect();
    let times: Vec<&str> = fields.iter().filter(|(name, _)| *name == "t").map(|(_, time)| *time).collect();
    let [time] = times[..] else { return Err(refused("X-Jiesu-Signature has no t=…, or several", false)) };
    let Some(at) = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()) else {
        return Err(refused("t in X-Jiesu-Signature is no time in seconds since 1970", false));
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return Err(refused("the secret cannot be used", false));
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let expected = hex(&mac.finalize().into_bytes());
    let matches = |claimed: &str| bool::from(claimed.to_ascii_lowercase().as_bytes().ct_eq(expected.as_bytes()));
    if !fields.iter().filter(|(name, _)| *name == "v1").take(8).any(|(_, claimed)| matches(claimed)) {
        return Err(refused("the signature is wrong: HMAC-SHA256 of t, a full stop and the body, in hex", false));
    }
    if !is_fresh(at, now) {
        return Err(refused("the signature is more than 15 minutes old, or ahead: look at the clocks", false));
    }
    Ok(())
}

/// Huawei's: SHA-256 in base64 over the app secret, `timestamp`, `nonce`, and the other fields by their names. Its documents
/// leave open whether it is keyed; either proves that the sender knows the secret.
fn is_huawei(secret: &Secret, body: &[u8], now: Timestamp) -> bool {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else { return false };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut take = |name: &str| fields.remove(name).map(|value| plain(&value));
    let (Some(claimed), Some(time), Some(nonce)) = (take("signature"), take("timestamp"), take("nonce")) else {
        return false;
    };
    let at = time.parse::<i64>().ok().and_then(|at| match at {
        100_000_000_000.. => Timestamp::from_millisecond(at).ok(),
        _ => Timestamp::from_second(at).ok(),
    });
    let Some(claimed) = STANDARD.decode(claimed).ok().filter(|_| at.is_some_and(|at| is_fresh(at, now))) else {
        return false;
    };
    let mut pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    pairs.sort();
    let text = format!("{}_{time}_{nonce}_{}", secret.expose(), pairs.join(","));
    let hashed = Sha256::digest(&text);
    let keyed = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map(|mut mac| {
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    });
    let keyed = keyed.map(|keyed| keyed.as_slice().ct_eq(&claimed)).unwrap_or_else(|_| 0.into());
    bool::from(hashed.as_slice().ct_eq(&claimed) | keyed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
