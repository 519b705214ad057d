//! What a vendor sends, how it shows who it is, and what it wants to hear.

use jiesu_connector::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// The keys of a channel of type `webhook`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the vendor shows who it is; without it anybody who knows the address can post.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// The jq filter: from `{ headers, query, body, text }` to the body that channels of type `api` take, to several of
    /// them, or to null (skip).
    pub map: String,
    /// The answer that the vendor wants; by default 200 with the receipt as JSON.
    #[serde(default)]
    pub reply: Option<Reply>,
}

/// How the vendor shows who it is: exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// A signature over the body.
    pub hmac_sha256: Option<HmacSha256>,
    /// `Authorization: Bearer …` with this token (`env:NAME` or `file:PATH`).
    pub bearer: Option<SecretRef>,
    /// HTTP Basic with this `user:password` (`env:NAME` or `file:PATH`).
    pub basic: Option<SecretRef>,
    /// A parameter in the address, this `name=value` (`env:NAME` or `file:PATH`): the weakest, for vendors that know
    /// nothing else.
    pub query: Option<SecretRef>,
}

/// HMAC-SHA256 (RFC 2104) over the raw body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacSha256 {
    /// The header with the signature.
    pub header: String,
    /// The secret (`env:NAME` or `file:PATH`).
    pub secret: SecretRef,
    /// How the header writes the signature.
    #[serde(default)]
    pub encoding: HmacEncoding,
}

/// How a header writes a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum HmacEncoding {
    /// Hexadecimal digits.
    #[default]
    #[serde(rename = "hex")]
    Hex,
    /// The same after `sha256=`.
    #[serde(rename = "sha256=hex")]
    Sha256Hex,
    /// Base64.
    #[serde(rename = "base64")]
    Base64,
}

/// The answer to a push that is on disk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The HTTP status, 200 to 299.
    #[serde(default = "ok")]
    pub status: u16,
    /// The media type of `body`.
    #[serde(default = "plain")]
    pub content_type: String,
    /// The body. `{number}`, `{code}` and `{status_url}` stand for the receipt (of the first appeal, if the push holds
    /// several), `{numbers}` for all numbers with commas.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}

fn plain() -> String {
    "text/plain; charset=utf-8".into()
}
