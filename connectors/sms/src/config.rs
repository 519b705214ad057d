//! The keys of an `sms` channel.

use crate::{cloud::Sending, text::Coding};
use jiesu_connector::{Faults, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The keys of an `sms` channel: one account at a carrier, an aggregator or a cloud.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How messages come in: a session over CMPP or SMPP, or the callback of a cloud.
    pub transport: Transport,
    /// Sessions: the message centre's name or address.
    #[serde(default)]
    pub host: Option<String>,
    /// Sessions: its port; 7890 for CMPP and 2775 for SMPP if absent.
    #[serde(default)]
    pub port: Option<u16>,
    /// Sessions: the account; for CMPP the SP_Id of six characters, for SMPP the system_id.
    #[serde(default)]
    pub username: Option<String>,
    /// Sessions: its shared secret or password.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// CMPP: the version that the carrier's gateway speaks.
    #[serde(default)]
    pub version: Version,
    /// The code that citizens write to, as `1065712345`. Answers go out from it, or from the extension of it that the
    /// citizen wrote to.
    #[serde(default)]
    pub service_code: Option<String>,
    /// Sessions: TLS from the first byte.
    #[serde(default)]
    pub tls: bool,
    /// Sessions: connections at the same time, as the carrier allows.
    #[serde(default = "one")]
    pub links: u8,
    /// CMPP: what the carrier calls the service (Service_Id).
    #[serde(default)]
    pub service_id: String,
    /// SMPP: the system_type of the log-in.
    #[serde(default)]
    pub system_type: String,
    /// CMPP: refuse a gateway that does not prove that it knows the secret. Many gateways make the proof wrongly.
    #[serde(default)]
    pub strict: bool,
    /// CMPP: look for the header of long messages also where the link does not announce it (TP_udhi).
    #[serde(default)]
    pub sniff_header: bool,
    /// SMPP: what data_coding 0 means at this centre.
    #[serde(default)]
    pub charset: Charset,
    /// Twilio: the account's auth token, which its requests are signed with.
    #[serde(default)]
    pub auth_token: Option<SecretRef>,
    /// Aliyun and Tencent, which sign nothing: the callback's address then carries `?key=…`.
    #[serde(default)]
    pub query_secret: Option<SecretRef>,
    /// Clouds: how answers go out. Without it they stand at the look-up.
    #[serde(default)]
    pub send: Option<Sending>,
    /// Hotlines by extension: what follows the service code, as `01 = "12319"`. The longest that fits counts.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
    /// How long the other parts of a long message are waited for; then the message goes on with visible gaps.
    #[serde(default = "ten_minutes")]
    pub wait_for_parts: String,
    /// Before each message to a citizen, as registered with the carrier: `【乐山12345】`.
    #[serde(default)]
    pub signature: String,
    /// Characters that the carrier itself adds to each message.
    #[serde(default)]
    pub reserve_chars: u8,
    /// Citizens get a message with the number of what they sent.
    #[serde(default = "yes")]
    pub receipts: bool,
    /// What the gateway says by itself (receipts, progress) to one citizen on one day, at most.
    #[serde(default = "per_number")]
    pub receipts_per_number: u32,
    /// The same to all of them.
    #[serde(default = "per_day")]
    pub receipts_per_day: u32,
    /// Words of this channel instead of the standard ones, in the shape of `config/words.zh-CN.toml`.
    #[serde(default)]
    pub words: Map<String, Value>,
}

/// How messages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// China Mobile's CMPP, which aggregators speak too.
    Cmpp,
    /// SMPP 3.4.
    Smpp,
    /// Alibaba Cloud's SmsUp.
    Aliyun,
    /// Tencent Cloud's replies.
    Tencent,
    /// Twilio's messaging webhook.
    Twilio,
}

/// A version of CMPP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// 2.0.
    #[serde(rename = "2.0")]
    V2,
    /// 3.0.
    #[default]
    #[serde(rename = "3.0")]
    V3,
}

/// An alphabet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Charset {
    /// GSM 03.38, a septet a byte.
    #[default]
    Gsm7,
    /// Latin-1.
    Latin1,
    /// ASCII.
    Ascii,
    /// UCS-2.
    Ucs2,
    /// GB18030.
    Gb18030,
}

impl From<Charset> for Coding {
    fn from(charset: Charset) -> Self {
        match charset {
            Charset::Gsm7 => Self::Gsm7,
            Charset::Latin1 => Self::Latin1,
            Charset::Ascii => Self::Ascii,
            Charset::Ucs2 => Self::Ucs2,
            Charset::Gb18030 => Self::Gb18030,
        }
    }
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

fn per_number() -> u32 {
    20
}

fn per_day() -> u32 {
    20_000
}

fn ten_minutes() -> String {
    "10m".into()
}

impl Config {
    /// Keys that mean nothing to this transport, so that nobody believes they do.
    pub(crate) fn misplaced(&self, faults: &mut Faults) {
        use Transport::{Aliyun, Cmpp, Smpp, Tencent, Twilio};
        let mut only = |key: &str, given: bool, transports: &[Transport]| {
            if given && !transports.contains(&self.transport) {
                let names: Vec<String> = transports.iter().map(|name| format!("{name:?}").to_lowercase()).collect();
                faults.add(key, format!("is only for transport {}; leave it out", names.join(" and ")));
            }
        };
        only("host", self.host.is_some(), &[Cmpp, Smpp]);
        only("port", self.port.is_some(), &[Cmpp, Smpp]);
        only("username", self.username.is_some(), &[Cmpp, Smpp]);
        only("password", self.password.is_some(), &[Cmpp, Smpp]);
        only("auth_token", self.auth_token.is_some(), &[Twilio]);
        only("send", self.send.is_some(), &[Aliyun, Tencent, Twilio]);
        only("query_secret", self.query_secret.is_some(), &[Aliyun, Tencent]);
        for (extension, hotline) in &self.extensions {
            if extension.is_empty() || !extension.bytes().all(|byte| byte.is_ascii_digit()) || hotline.is_empty() {
                faults.add(&format!("extensions.{extension}"), "must be digits and a hotline, as 01 = \"12319\"");
            }
        }
        if !(1..=32).contains(&self.links) {
            faults.add("links", "must be from 1 to 32");
        }
        if usize::from(self.reserve_chars) > 40 {
            faults.add("reserve_chars", "must be at most 40: a message has 70 characters");
        }
    }
}
