//! Whether a push is from whom it claims.

use crate::config::{Auth, HmacEncoding};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, StatusCode, header};
use jiesu_connector::{BuildError, Problem, Rejection, Request, Response, Secret, SecretRef, Setup};
use percent_encoding::percent_decode;
use sha2::Sha256;

/// Characters in a secret, at least.
const MIN_SECRET: usize = 8;

/// What a push is checked by.
pub(crate) enum Guard {
    Open,
    Hmac { header: HeaderName, secret: Secret, encoding: HmacEncoding },
    Bearer(Secret),
    Basic(Secret),
    Query { name: String, value: Secret },
}

impl Guard {
    pub fn build(auth: Option<&Auth>, setup: &Setup<'_>) -> Result<Self, Vec<BuildError>> {
        let resolve = |key: &str, reference: &SecretRef| {
            let fault = |what: String| vec![BuildError::new(format!("auth.{key}"), what)];
            let secret = setup.secrets.resolve(reference).map_err(|error| fault(error.to_string()))?;
            match secret.expose().len() {
                0..MIN_SECRET => Err(fault("is too short: at least 8 characters, better 32 random ones".into())),
                _ => Ok(secret),
            }
        };
        let Some(auth) = auth else { return Ok(Self::Open) };
        Ok(match (&auth.hmac_sha256, &auth.bearer, &auth.basic, &auth.query) {
            (Some(hmac), None, None, None) => {
                let header = hmac.header.parse::<HeaderName>();
                let secret = resolve("hmac_sha256.secret", &hmac.secret);
                let fault = || BuildError::new("auth.hmac_sha256.header", "is no header's name, as X-Signature");
                match (header, secret) {
                    (Ok(header), Ok(secret)) => Self::Hmac { header, secret, encoding: hmac.encoding },
                    (Err(_), Ok(_)) => return Err(vec![fault()]),
                    (Ok(_), Err(faults)) => return Err(faults),
                    (Err(_), Err(mut faults)) => {
                        faults.push(fault());
                        return Err(faults);
                    }
                }
            }
            (None, Some(token), None, None) => Self::Bearer(resolve("bearer", token)?),
            (None, None, Some(pair), None) => {
                let secret = resolve("basic", pair)?;
                if !secret.expose().contains(':') {
                    return Err(vec![BuildError::new("auth.basic", "has no colon; it must be user:password")]);
                }
                Self::Basic(secret)
            }
            (None, None, None, Some(pair)) => {
                let secret = setup.secrets.resolve(pair);
                let secret = secret.map_err(|error| vec![BuildError::new("auth.query", error.to_string())])?;
                match secret.expose().split_once('=') {
                    Some((name, value)) if !name.is_empty() && value.len() >= MIN_SECRET => {
                        Self::Query { name: name.into(), value: Secret::new(value) }
                    }
                    Some((name, _)) if !name.is_empty() => {
                        let what = "has a value that is too short: at least 8 characters, better 32 random ones";
                        return Err(vec![BuildError::new("auth.query", what)]);
                    }
                    _ => return Err(vec![BuildError::new("auth.query", "is no name=value, as key=…")]),
                }
            }
            _ => return Err(vec![BuildError::new("auth", "must be one of hmac_sha256, bearer, basic and query")]),
        })
    }

    /// # Errors
    /// 401, which counts against the address.
    pub fn check(&self, request: &Request) -> Result<(), Rejection> {
        let shown = |name: &HeaderName| request.headers.get(name).map(|value| value.as_bytes().trim_ascii());
        let (authentic, how, challenge) = match self {
            Self::Open => return Ok(()),
            Self::Hmac { header, secret, encoding } => {
                let signature = shown(header).and_then(|text| decode(text, *encoding));
                let signed = signature.is_some_and(|signature| {
                    // A key of any length will do.
                    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
                    mac.is_ok_and(|mac| mac.chain_update(&request.body).verify_slice(&signature).is_ok())
                });
                (signed, format!("sign the body: HMAC-SHA256 in the header {header}"), None)
            }
            Self::Bearer(token) => {
                let known = shown(&header::AUTHORIZATION).and_then(|text| after_scheme(text, b"Bearer "));
                (
                    known.is_some_and(|shown| token.matches(shown)),
                    "show the token: Authorization: Bearer …".into(),
                    Some("Bearer"),
                )
            }
            Self::Basic(pair) => {
                let known = shown(&header::AUTHORIZATION).and_then(|text| after_scheme(text, b"Basic "));
                let known = known.and_then(|text| STANDARD.decode(text).ok());
                let authentic = known.is_some_and(|shown| pair.matches(&shown));
                (authentic, "log in with HTTP Basic".into(), Some("Basic realm=\"webhook\""))
            }
            Self::Query { name, value } => {
                let query = request.query.as_deref().unwrap_or_default();
                let authentic =
                    pairs(query).any(|(key, shown)| decoded(key) == name.as_bytes() && value.matches(&decoded(shown)));
                (authentic, "call the address with its secret parameter".into(), None)
            }
        };
        if authentic {
            return Ok(());
        }
        let response = Response::from(Problem::new(StatusCode::UNAUTHORIZED, how));
        Err(Rejection::Unauthenticated(match challenge {
            Some(challenge) => response.with(header::WWW_AUTHENTICATE, challenge),
            None => response,
        }))
    }

    /// The header that must not be kept, because it is the secret or shows it.
    pub fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Hmac { header, .. } => Some(header),
            _ => None,
        }
    }

    /// The query without the secret parameter.
    pub fn query<'a>(&self, query: &'a str) -> std::borrow::Cow<'a, str> {
        let Self::Query { name, .. } = self else { return query.into() };
        let kept = pairs(query).filter(|(key, _)| decoded(key) != name.as_bytes());
        let kept: Vec<String> = kept.map(|(key, value)| format!("{key}={value}")).collect();
        kept.join("&").into()
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decoded(piece: &str) -> Vec<u8> {
    percent_decode(piece.replace('+', " ").as_bytes()).collect()
}

fn after_scheme<'a>(text: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (shown, rest) = text.split_at_checked(scheme.len())?;
    shown.eq_ignore_ascii_case(scheme).then(|| rest.trim_ascii())
}

fn decode(text: &[u8], encoding: HmacEncoding) -> Option<Vec<u8>> {
    match encoding {
        HmacEncoding::Hex => unhex(text),
        HmacEncoding::Sha256Hex => unhex(text.strip_prefix(b"sha256=")?),
        HmacEncoding::Base64 => STANDARD.decode(text).ok(),
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if text.len() != 64 {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
