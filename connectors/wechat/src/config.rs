//! The keys of a `wechat` channel.

use crate::{crypto::AesKey, outbound::Notice, quota::Quota};
use jiesu_connector::{BuildError, Secret, SecretRef, Setup, Words};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The keys of a `wechat` channel: one official account (公众号, 服务号).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The account's AppID, as `wxba5fad812f8e6fb9`.
    pub app_id: String,
    /// The account's AppSecret. Without it messages come in, but photos are not fetched and nothing can be sent.
    #[serde(default)]
    pub app_secret: Option<SecretRef>,
    /// The Token of the account's server configuration (3 to 32 letters and digits).
    pub token: SecretRef,
    /// The EncodingAESKey of the account's server configuration (43 characters). Required unless `mode` is `plain`.
    #[serde(default)]
    pub encoding_aes_key: Option<SecretRef>,
    /// The EncodingAESKey before the current one, while both are in use.
    #[serde(default)]
    pub previous_encoding_aes_key: Option<SecretRef>,
    /// The encryption that the account's server configuration is set to.
    #[serde(default)]
    pub mode: Mode,
    /// Where the platform's API is.
    #[serde(default = "api_base")]
    pub api_base: String,
    /// What goes out where a customer-service message may not: a template message or a subscription notice.
    #[serde(default)]
    pub notice: Option<Notice>,
    /// How many customer-service messages may follow what a citizen did, by the gateway's own count.
    #[serde(default)]
    pub quota: Quota,
    /// Words of this account instead of the standard ones, in the shape of `config/words.zh-CN.toml`.
    #[serde(default)]
    pub words: Map<String, Value>,
}

/// How pushes are encrypted (消息加解密方式).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Not at all (明文模式). The signature does not cover the body: whoever sees one request can forge others.
    Plain,
    /// Both plain and encrypted (兼容模式): for the change from one to the other. The encrypted part counts.
    Compatible,
    /// Always (安全模式). Plain pushes are refused.
    #[default]
    Safe,
}

fn api_base() -> String {
    "https://api.weixin.qq.com".into()
}

/// The configuration, checked, its secrets resolved.
pub(crate) struct Account {
    pub app_id: String,
    pub app_secret: Option<Secret>,
    pub token: Secret,
    /// The current key first.
    pub keys: Vec<AesKey>,
    pub mode: Mode,
    pub api_base: String,
    pub notice: Option<Notice>,
    pub quota: Quota,
    /// Where citizens look up their matters.
    pub status_url: String,
    pub words: Words,
}

impl Config {
    /// Checks everything and resolves the secrets.
    pub(crate) fn check(self, setup: &Setup<'_>) -> Result<Account, Vec<BuildError>> {
        let mut faults = Vec::new();
        if self.app_id.is_empty() || !self.app_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            faults.push(BuildError::new(
                "app_id",
                "is no AppID: copy it from the account's console, as wxba5fad812f8e6fb9",
            ));
        }
        let mut resolve = |key: &str, reference: &SecretRef| match setup.secrets.resolve(reference) {
            Ok(secret) => Some(secret),
            Err(error) => {
                faults.push(BuildError::new(key, error.to_string()));
                None
            }
        };
        let token = resolve("token", &self.token);
        let app_secret = self.app_secret.as_ref().and_then(|reference| resolve("app_secret", reference));
        let current = self.encoding_aes_key.as_ref().and_then(|reference| resolve("encoding_aes_key", reference));
        let previous = self
            .previous_encoding_aes_key
            .as_ref()
            .and_then(|reference| resolve("previous_encoding_aes_key", reference));
        if token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
            faults.push(BuildError::new("token", "is empty: copy the Token of the account's server configuration"));
        }
        if self.mode != Mode::Plain && self.encoding_aes_key.is_none() {
            let what = "is required unless mode = \"plain\": copy the 43 characters of EncodingAESKey";
            faults.push(BuildError::new("encoding_aes_key", what));
        }
        let mut keys = Vec::new();
        for (name, secret) in [("encoding_aes_key", current), ("previous_encoding_aes_key", previous)] {
            match secret.map(|secret| AesKey::decode(secret.expose())) {
                Some(Ok(key)) => keys.push(key),
                Some(Err(what)) => faults.push(BuildError::new(name, what)),
                None => {}
            }
        }
        let api_base = self.api_base.trim_end_matches('/').to_owned();
        if !is_address(&api_base) {
            faults.push(BuildError::new("api_base", "is no address, as https://api.weixin.qq.com"));
        }
        faults.extend(self.notice.iter().flat_map(Notice::faults));
        faults.extend(self.quota.faults());
        let words = setup.words.with(&self.words).unwrap_or_else(|wrong| {
            faults
                .extend(wrong.into_iter().map(|fault| BuildError::new(format!("words.{}", fault.field), fault.detail)));
            Words::default()
        });
        match token {
            Some(token) if faults.is_empty() => Ok(Account {
                app_id: self.app_id,
                app_secret,
                token,
                keys,
                mode: self.mode,
                api_base,
                notice: self.notice,
                quota: self.quota,
                status_url: format!("{}/status", setup.public_url),
                words,
            }),
            _ => Err(faults),
        }
    }
}

/// An absolute address without a query.
fn is_address(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}
