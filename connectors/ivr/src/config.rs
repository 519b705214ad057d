//! The keys of an `ivr` channel.

use crate::menu::{self, Choice, Menu};
use jiesu_connector::{Faults, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The keys of an `ivr` channel: one number, or one call centre.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who talks to us: Twilio, which asks what to say, or a call centre that tells in JSON what happened.
    pub dialect: Dialect,
    /// Twilio: the account's auth token. Its requests are signed with it, and its recordings are fetched with it.
    #[serde(default)]
    pub auth_token: Option<SecretRef>,
    /// Twilio: the hash of the signature. `sha256` is for accounts with a signing key of their own.
    #[serde(default)]
    pub signature: Signature,
    /// Twilio: the signing key of `signature = "sha256"`, if it is not the auth token.
    #[serde(default)]
    pub signing_secret: Option<SecretRef>,
    /// JSON: what the events are signed with (`X-Jiesu-Signature`); for `profile = "huawei"` the app secret.
    #[serde(default)]
    pub secret: Option<SecretRef>,
    /// JSON: whose pushes these are, if not in the gateway's own form.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// JSON with a profile: the platform logs in with `user:password` (Basic).
    #[serde(default)]
    pub basic: Option<SecretRef>,
    /// JSON with a profile: the push address carries `?key=…`.
    #[serde(default)]
    pub query_secret: Option<SecretRef>,
    /// Callers can leave a message. Without it, Twilio's callers are told that they will be called back.
    #[serde(default = "yes")]
    pub voicemail: bool,
    /// Recordings are fetched and kept. Without it the ticket only says where they are.
    #[serde(default = "yes")]
    pub recording_fetch: bool,
    /// The hosts that the log-in for recordings is shown to, as `api.twilio.com`; with a port if it is not the scheme's own.
    #[serde(default)]
    pub recording_hosts: Vec<String>,
    /// The log-in for recordings, `user:password` (Basic). For Twilio, the account and its auth token if absent.
    #[serde(default)]
    pub recording_login: Option<SecretRef>,
    /// Twilio: have messages written down by the platform (it knows English best).
    #[serde(default)]
    pub transcribe: bool,
    /// Twilio: the language that is spoken, as `<Say>` knows it.
    #[serde(default = "chinese")]
    pub language: String,
    /// Twilio: the voice, as `<Say>` knows it; the platform's own if absent.
    #[serde(default)]
    pub voice: Option<String>,
    /// Twilio: the longest message.
    #[serde(default = "five_minutes")]
    pub longest_message: String,
    /// Twilio: a menu before the message, by name; a call begins at `main`. None by itself: callers are asked to speak.
    #[serde(default)]
    pub menu: BTreeMap<String, Menu>,
    /// JSON: what keys mean in the platform's own menu, each by itself (`1`) or in their order (`12`).
    #[serde(default)]
    pub digits: BTreeMap<String, Choice>,
    /// Hotlines by the number that was called, as `12319 = "12319"`.
    #[serde(default)]
    pub numbers: BTreeMap<String, String>,
    /// JSON: what follows every call that was answered, so that its ticket waits for it: `recording`, `transcript`.
    #[serde(default)]
    pub expect: Vec<Expected>,
    /// How long a call waits for what it lacks.
    #[serde(default)]
    pub wait: Wait,
    /// What becomes of a call that nobody took, or whose end never came: `callback`, a ticket to call back (漏接回拨), or
    /// `note`, none.
    #[serde(default = "callback")]
    pub missed: Policy,
    /// What becomes of a call that ended by itself and left nothing: `note`, no ticket, only counted, or `callback`. If absent,
    /// Twilio's callers are called back, because nobody else has heard them; a call centre tells by itself who gave up.
    #[serde(default)]
    pub silent: Option<Policy>,
    /// Words of this channel instead of the standard ones, in the shape of `config/words.zh-CN.toml`.
    #[serde(default)]
    pub words: Map<String, Value>,
}

/// Who talks to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Twilio Voice, and platforms that speak like it.
    Twilio,
    /// Events in JSON.
    Json,
}

/// The hash of Twilio's signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// HMAC-SHA1.
    #[default]
    Sha1,
    /// HMAC-SHA256.
    Sha256,
}

/// Whose pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Tencent Cloud Contact Center (腾讯云联络中心): call records, recordings, voicemail.
    Tccc,
    /// Alibaba Cloud Call Center 2.0 (阿里云云联络中心): event notifications.
    AliyunCcc,
    /// Alibaba Cloud Voice (阿里云语音服务): call and recording reports.
    AliyunVoice,
    /// Huawei Cloud AICC (华为云客服).
    Huawei,
    /// 天润融通 (TRClink, CTI-Cloud): pushes with the console's own field names.
    Trclink,
    /// FreeSWITCH: mod_json_cdr.
    Freeswitch,
}

/// What follows a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Its recording.
    Recording,
    /// Its words.
    Transcript,
}

/// What becomes of a call without words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// A ticket to call back.
    Callback,
    /// No ticket; it is counted.
    Note,
}

/// How long a call waits for what it lacks, counted from its latest event. What comes later is added to the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Wait {
    /// When nothing is lacking: for what is just overtaken.
    pub settle: String,
    /// For its end.
    pub end: String,
    /// For a recording that is expected.
    pub recording: String,
    /// For a transcript that is expected.
    pub transcript: String,
    /// For anything at all that was said, when it has ended without.
    pub content: String,
}

impl Default for Wait {
    fn default() -> Self {
        let [settle, end, recording, transcript, content] = ["3s", "2h", "10m", "10m", "15s"].map(str::to_owned);
        Self { settle, end, recording, transcript, content }
    }
}

fn yes() -> bool {
    true
}

fn chinese() -> String {
    "cmn-CN".into()
}

fn five_minutes() -> String {
    "5m".into()
}

fn callback() -> Policy {
    Policy::Callback
}

impl Config {
    /// What types cannot say: keys that mean nothing together, menus that lead nowhere, pushes that anybody could forge.
    pub(crate) fn check(&self, faults: &mut Faults) {
        let mut only = |key: &str, given: bool, wanted: bool, what: &str| {
            if given && !wanted {
                faults.add(key, format!("is only for {what}; leave it out"));
            }
        };
        let twilio = self.dialect == Dialect::Twilio;
        only("auth_token", self.auth_token.is_some(), twilio, "dialect = \"twilio\"");
        only(
            "signing_secret",
            self.signing_secret.is_some(),
            self.signature == Signature::Sha256,
            "signature = \"sha256\"",
        );
        only("menu", !self.menu.is_empty(), twilio, "dialect = \"twilio\": a call centre has its own; see `digits`");
        only("transcribe", self.transcribe, twilio, "dialect = \"twilio\"");
        only("digits", !self.digits.is_empty(), !twilio, "dialect = \"json\": see `menu`");
        only("profile", self.profile.is_some(), !twilio, "dialect = \"json\"");
        only("expect", !self.expect.is_empty(), !twilio, "dialect = \"json\"");
        let own = self.profile.is_none_or(|profile| profile == Profile::Huawei);
        only(
            "secret",
            self.secret.is_some(),
            !twilio && own,
            "dialect = \"json\" in the gateway's own form, or Huawei's",
        );
        let pushed = self.profile.is_some();
        only("basic", self.basic.is_some(), pushed, "a `profile`: the gateway's own form is signed with `secret`");
        only(
            "query_secret",
            self.query_secret.is_some(),
            pushed,
            "a `profile`: the gateway's own form is signed with `secret`",
        );
        if pushed && self.basic.is_none() && self.query_secret.is_none() && self.secret.is_none() {
            let what =
                "one of `basic` and `query_secret` is required: without it anybody could push calls to this address";
            faults.add("profile", what);
        }
        menu::check(&self.menu, faults);
        menu::check_digits(&self.digits, faults);
        for host in &self.recording_hosts {
            let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
            if host.is_empty() || !plain {
                faults.add(
                    "recording_hosts",
                    format!(
                        "{host:?} is no host; write a name, as \"api.twilio.com\", without https:// and without a path"
                    ),
                );
            }
        }
        if self.recording_login.is_some() && self.recording_hosts.is_empty() && !twilio {
            faults.add("recording_hosts", "is required beside recording_login: the hosts that the log-in is shown to");
        }
        for (number, hotline) in &self.numbers {
            if number.is_empty() || hotline.trim().is_empty() {
                faults.add(&format!("numbers.{number}"), "must be a number and a hotline, as 12319 = \"12319\"");
            }
        }
    }
}
