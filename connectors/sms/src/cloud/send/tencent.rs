//! Tencent Cloud, SendSms of 2021-01-11, signed with TC3-HMAC-SHA256:
//! <https://cloud.tencent.com/document/api/382/52071>.

use super::{
    Account, LONGEST, Message, TIMEOUT,
    answer::{LATER, SOON, account, by_status, json},
    hmac_sha256, host, is_digits, sha256,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiesu_connector::{Failure, Origin, OutRequest, OutResponse, Sent};
use jiff::Timestamp;
use serde_json::{Value, json};

const ALGORITHM: &str = "TC3-HMAC-SHA256";
const SERVICE: &str = "sms";
const VERSION: &str = "2021-01-11";
const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// One request.
pub(super) fn send(account: &Account, message: &Message<'_>, now: Timestamp) -> Result<OutRequest, Failure> {
    let variables: Vec<&str> = message.variables.iter().map(|(_, value)| value.as_str()).collect();
    let mut body = json!({
        "PhoneNumberSet": [message.number],
        "SmsSdkAppId": account.app_id,
        "SignName": account.sign_name,
        "TemplateId": message.template,
        "TemplateParamSet": variables,
        "SessionContext": message.id,
    });
    // What its callback calls `extend` is the extension alone.
    if is_digits(message.code) {
        body["ExtendCode"] = account.extension(message.code).unwrap_or(message.code).into();
    }
    request(account, "SendSms", &body, now)
}

/// Asks how the template stands.
pub(super) fn look(account: &Account, now: Timestamp) -> Result<OutRequest, Failure> {
    let template: u64 = account.reply_template.parse().unwrap_or_default();
    request(account, "DescribeSmsTemplateList", &json!({ "International": 0, "TemplateIdSet": [template] }), now)
}

fn request(account: &Account, action: &str, body: &Value, now: Timestamp) -> Result<OutRequest, Failure> {
    let body = body.to_string();
    let host = host(&account.api_base);
    let authorization = authorization(&account.id, account.secret.expose(), (SERVICE, host), &body, now);
    let mut headers = HeaderMap::new();
    let fields = [
        ("authorization", authorization.as_str()),
        ("content-type", CONTENT_TYPE),
        ("x-tc-action", action),
        ("x-tc-timestamp", &now.as_second().to_string()),
        ("x-tc-version", VERSION),
        ("x-tc-region", &account.region),
    ];
    for (name, value) in fields {
        let fault = |_| Failure::Refused { why: format!("{name} cannot be written as a header") };
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).map_err(fault)?);
    }
    Ok(OutRequest {
        method: Method::POST,
        url: format!("{}/", account.api_base),
        headers,
        body: body.into(),
        timeout: TIMEOUT,
        max_answer: LONGEST,
        origin: Origin::Configured,
    })
}

fn authorization(id: &str, secret: &str, (service, host): (&str, &str), body: &str, now: Timestamp) -> String {
    const NAMES: &str = "content-type;host";
    let request =
        format!("POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\n{NAMES}\n{}", sha256(body.as_bytes()));
    let date = now.strftime("%Y-%m-%d").to_string();
    let scope = format!("{date}/{service}/tc3_request");
    let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", now.as_second(), sha256(request.as_bytes()));
    let first = hmac_sha256(format!("TC3{secret}").as_bytes(), &date);
    let key = [service, "tc3_request"].iter().fold(first, |key, step| hmac_sha256(&key, step));
    let signature = crate::short::hex(&hmac_sha256(&key, &text));
    format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={NAMES}, Signature={signature}")
}

/// Its code, of the request as a whole or of the one number: <https://cloud.tencent.com/document/api/382/52075>.
pub(super) fn answer(response: &OutResponse) -> Result<Sent, Failure> {
    let said = json(response);
    let (whole, one) = (&said["Response"]["Error"], &said["Response"]["SendStatusSet"][0]);
    let fault = if whole.is_object() { whole } else { one };
    let text = |name: &str| fault[name].as_str().unwrap_or_default();
    let (code, why) = (text("Code"), format!("{} {}", text("Code"), text("Message")));
    let is = |kinds: &[&str]| kinds.iter().any(|kind| code.starts_with(kind));
    Err(match code {
        "Ok" if !text("SerialNo").is_empty() => return Ok(Sent { message: Some(text("SerialNo").to_owned()) }),
        "Ok" => return Ok(Sent::default()),
        "" => by_status(response, format!("HTTP status {}", response.status.as_u16())),
        _ if is(&[
            "LimitExceeded.PhoneNumberDailyLimit",
            "LimitExceeded.AppDailyLimit",
            "LimitExceeded.DailyLimit",
        ]) =>
        {
            Failure::Retry { after: Some(LATER), why }
        }
        _ if is(&["LimitExceeded", "RequestLimitExceeded", "ResourceUnavailable"]) => {
            Failure::Retry { after: Some(SOON), why }
        }
        _ if is(&["AuthFailure", "UnauthorizedOperation", "FailedOperation.InsufficientBalanceInSmsPackage"]) => {
            account(why)
        }
        _ if is(&["InternalError"]) => Failure::Unknown { why },
        _ => Failure::Refused { why },
    })
}

pub(super) fn looked(response: &OutResponse) -> Result<(), String> {
    let said = json(response);
    let fault = &said["Response"]["Error"];
    match (fault["Code"].as_str(), said["Response"]["DescribeTemplateStatusSet"][0]["StatusCode"].as_i64()) {
        (None, Some(0)) => Ok(()),
        (None, Some(_)) => Err("send.reply_template is not approved: see the console of the cloud".into()),
        (None, None) => Err("the cloud knows no template of the id in send.reply_template".into()),
        (Some(code), _) => {
            let words = fault["Message"].as_str().unwrap_or_default();
            Err(format!("the cloud says {code} {words}: check send.account, send.secret and this machine's clock"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::authorization;
    use jiff::Timestamp;

    /// The example of the documentation (签名方法 v3).
    #[test]
    fn the_published_example_has_the_published_signature() {
        let body = r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
        let now = Timestamp::from_second(1_551_113_065).unwrap();
        let (id, secret) = ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE");
        assert_eq!(
            authorization(id, secret, ("cvm", "cvm.tencentcloudapi.com"), body, now),
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, \
             SignedHeaders=content-type;host, Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
        );
    }
}
