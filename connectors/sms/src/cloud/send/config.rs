//! The keys of `send`: how a cloud's own interface is used.

use super::{super::Cloud, Account};
use jiesu_connector::{Faults, Secret, SecretRef, Setup};
use schemars::JsonSchema;
use serde::Deserialize;

/// How answers go out over a cloud: an account of its own for sending.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// Who sends: Aliyun's AccessKey ID, Tencent's SecretId, Twilio's Account SID.
    #[serde(default)]
    pub account: Option<String>,
    /// What requests are signed with: AccessKey Secret, SecretKey. Twilio: `auth_token` if absent.
    #[serde(default)]
    pub secret: Option<SecretRef>,
    /// Aliyun and Tencent: the signature (签名) as registered, without 【】.
    #[serde(default)]
    pub sign_name: Option<String>,
    /// Tencent: the application (SmsSdkAppId).
    #[serde(default)]
    pub app_id: Option<String>,
    /// Tencent: the region.
    #[serde(default = "region")]
    pub region: String,
    /// Aliyun and Tencent: the template of answers. Its variables are `number` and `text`; Tencent has them as {1} and {2}.
    #[serde(default)]
    pub reply_template: Option<String>,
    /// Aliyun and Tencent: the template of receipts, with `number` and `code`. Without it no receipts go out.
    #[serde(default)]
    pub receipt_template: Option<String>,
    /// Aliyun and Tencent: characters of an answer that the template's variable takes; longer ones are cut.
    #[serde(default = "max_text")]
    pub max_text: usize,
    /// Twilio: the number that messages come from where the citizen wrote to none of ours, or a messaging service (MG…).
    #[serde(default)]
    pub from: Option<String>,
    /// Where the interface is; the cloud's own address if absent.
    #[serde(default)]
    pub api_base: Option<String>,
    /// The cloud tells this channel's address what became of each message; until then an answer is pending. For Aliyun
    /// (SmsReport) and Tencent that is set in their console. False: what was taken counts as delivered.
    #[serde(default = "yes")]
    pub reports: bool,
}

fn region() -> String {
    "ap-guangzhou".into()
}

fn max_text() -> usize {
    35
}

fn yes() -> bool {
    true
}

impl Sending {
    /// The account, with every fault of it.
    pub(crate) fn account(
        &self,
        cloud: Cloud,
        setup: &Setup<'_>,
        (service_code, address, auth_token): (String, &str, Option<&Secret>),
        faults: &mut Faults,
    ) -> Account {
        let twilio = cloud == Cloud::Twilio;
        let templates = !twilio;
        self.misplaced(cloud, faults);
        let (id, base) = match cloud {
            Cloud::Aliyun => ("the AccessKey ID of a RAM user who may send", "https://dysmsapi.aliyuncs.com"),
            Cloud::Tencent => ("the SecretId of a CAM user who may send", "https://sms.tencentcloudapi.com"),
            Cloud::Twilio => ("the Account SID, which begins with AC", "https://api.twilio.com"),
        };
        let secret = match (self.secret.as_ref(), auth_token) {
            (None, Some(token)) => token.clone(),
            (secret, _) => faults.needed("send.secret", secret, setup, "what requests are signed with"),
        };
        let api_base = self.api_base.as_deref().unwrap_or(base).trim_end_matches('/').to_owned();
        let host = api_base.strip_prefix("https://").or_else(|| api_base.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '@', ' '])) {
            faults.add("send.api_base", format!("must be an address without a path, as {base}"));
        }
        let mut text = |key: &str, value: &Option<String>, needed: bool, what: &str| match needed {
            true => faults.text(key, value.as_ref(), 128, what),
            false => value.clone().unwrap_or_default(),
        };
        let account = Account {
            cloud,
            id: text("send.account", &self.account, true, id),
            secret,
            api_base,
            sign_name: self.sign_name.clone().unwrap_or_default(),
            app_id: text("send.app_id", &self.app_id, cloud == Cloud::Tencent, "the SmsSdkAppId of the console"),
            region: self.region.clone(),
            reply_template: text(
                "send.reply_template",
                &self.reply_template,
                templates,
                "the id of an approved template with the variables number and text",
            ),
            receipt_template: self.receipt_template.clone(),
            max_text: self.max_text,
            from: self.from.clone(),
            callback: address.to_owned(),
            service_code,
            reports: self.reports,
        };
        if templates && account.sign_name.trim().is_empty() {
            faults.add("send.sign_name", "is required: the signature (签名) as registered, without 【】");
        }
        if account.sign_name.contains(['【', '】']) {
            faults.add("send.sign_name", "must be without 【】: the cloud adds them");
        }
        if cloud == Cloud::Tencent
            && !account.reply_template.is_empty()
            && account.reply_template.parse::<u64>().is_err()
        {
            faults.add("send.reply_template", "must be the template's number");
        }
        if !(10..=500).contains(&self.max_text) {
            faults.add("send.max_text", "must be from 10 to 500");
        }
        account
    }

    fn misplaced(&self, cloud: Cloud, faults: &mut Faults) {
        let mut only = |key: &str, given: bool, clouds: &[Cloud], names: &str| {
            if given && !clouds.contains(&cloud) {
                faults.add(&format!("send.{key}"), format!("is only for transport {names}; leave it out"));
            }
        };
        let templates = [Cloud::Aliyun, Cloud::Tencent];
        only("sign_name", self.sign_name.is_some(), &templates, "aliyun and tencent");
        only("reply_template", self.reply_template.is_some(), &templates, "aliyun and tencent");
        only("receipt_template", self.receipt_template.is_some(), &templates, "aliyun and tencent");
        only("app_id", self.app_id.is_some(), &[Cloud::Tencent], "tencent");
        only("from", self.from.is_some(), &[Cloud::Twilio], "twilio");
    }
}
