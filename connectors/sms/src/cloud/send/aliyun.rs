//! Alibaba Cloud, SendSms of 2017-05-25, signed with ACS3-HMAC-SHA256:
//! <https://help.aliyun.com/document_detail/2593177.html>.

use super::{
    Account, LONGEST, Message, TIMEOUT,
    answer::{LATER, SOON, account, by_status, json},
    hmac_sha256, host, sha256,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiesu_connector::{Failure, Origin, OutRequest, OutResponse, Sent};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const VERSION: &str = "2017-05-25";
/// All but the unreserved (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One request.
pub(super) fn send(account: &Account, message: &Message<'_>, now: Timestamp) -> Result<OutRequest, Failure> {
    let variables: Map<String, Value> =
        message.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let mut parameters = vec![
        ("OutId", message.id.to_owned()),
        // As it takes China's numbers.
        ("PhoneNumbers", message.number.trim_start_matches("+86").to_owned()),
        ("SignName", account.sign_name.clone()),
        ("TemplateCode", message.template.to_owned()),
        ("TemplateParam", Value::Object(variables).to_string()),
    ];
    parameters.extend(account.extension(message.code).map(|code| ("SmsUpExtendCode", code.to_owned())));
    request(account, "SendSms", &parameters, now)
}

/// Asks how the template stands.
pub(super) fn look(account: &Account, now: Timestamp) -> Result<OutRequest, Failure> {
    request(account, "QuerySmsTemplate", &[("TemplateCode", account.reply_template.clone())], now)
}

fn request(
    account: &Account,
    action: &str,
    parameters: &[(&str, String)],
    now: Timestamp,
) -> Result<OutRequest, Failure> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| Failure::Retry { after: None, why: error.to_string() })?;
    let signed = Signed {
        action,
        version: VERSION,
        host: host(&account.api_base),
        date: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        nonce: crate::short::hex(&nonce),
        query: query(parameters),
    };
    let authorization = signed.authorization(&account.id, account.secret.expose());
    let mut headers = HeaderMap::new();
    let fields = [("authorization", authorization)].into_iter().chain(signed.headers().into_iter().skip(1));
    for (name, value) in fields {
        let value = HeaderValue::from_str(&value).map_err(|_| refused("a header cannot be written"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(OutRequest {
        method: Method::POST,
        url: format!("{}/?{}", account.api_base, signed.query),
        headers,
        body: Bytes::new(),
        timeout: TIMEOUT,
        max_answer: LONGEST,
        origin: Origin::Configured,
    })
}

fn refused(why: &str) -> Failure {
    Failure::Refused { why: why.to_owned() }
}

/// By name, each percent-encoded.
fn query(parameters: &[(&str, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// What is signed.
struct Signed<'a> {
    action: &'a str,
    version: &'a str,
    host: &'a str,
    date: String,
    nonce: String,
    query: String,
}

impl Signed<'_> {
    /// The signed headers, by name.
    fn headers(&self) -> [(&'static str, String); 6] {
        [
            ("host", self.host.to_owned()),
            ("x-acs-action", self.action.to_owned()),
            ("x-acs-content-sha256", sha256(b"")),
            ("x-acs-date", self.date.clone()),
            ("x-acs-signature-nonce", self.nonce.clone()),
            ("x-acs-version", self.version.to_owned()),
        ]
    }

    fn authorization(&self, id: &str, secret: &str) -> String {
        let headers = self.headers();
        let canonical: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.each_ref().map(|(name, _)| *name).join(";");
        let request = format!("POST\n/\n{}\n{canonical}\n{names}\n{}", self.query, sha256(b""));
        let signature = hmac_sha256(secret.as_bytes(), &format!("{ALGORITHM}\n{}", sha256(request.as_bytes())));
        let signature = crate::short::hex(&signature);
        format!("{ALGORITHM} Credential={id},SignedHeaders={names},Signature={signature}")
    }
}

/// `Code` is OK, or says why not: <https://help.aliyun.com/document_detail/101346.html>.
pub(super) fn answer(response: &OutResponse) -> Result<Sent, Failure> {
    let said = json(response);
    let text = |name: &str| said[name].as_str().unwrap_or_default();
    let (code, why) = (text("Code"), format!("{} {}", text("Code"), text("Message")));
    Err(match code {
        "OK" if !text("BizId").is_empty() => return Ok(Sent { message: Some(text("BizId").to_owned()) }),
        "OK" => return Ok(Sent::default()),
        "" => by_status(response, format!("HTTP status {}", response.status.as_u16())),
        "isv.BUSINESS_LIMIT_CONTROL" | "isp.SYSTEM_ERROR" | "ServiceUnavailable" => {
            Failure::Retry { after: Some(SOON), why }
        }
        "isv.DAY_LIMIT_CONTROL" | "isv.MONTH_LIMIT_CONTROL" => Failure::Retry { after: Some(LATER), why },
        "isv.OUT_OF_SERVICE"
        | "isv.AMOUNT_NOT_ENOUGH"
        | "isv.ACCOUNT_ABNORMAL"
        | "isv.ACCOUNT_NOT_EXISTS"
        | "isv.PRODUCT_UN_SUBSCRIPT"
        | "isv.PRODUCT_UNSUBSCRIBE"
        | "isp.RAM_PERMISSION_DENY"
        | "isv.DENY_IP_RANGE" => account(why),
        "SignatureNonceUsed" | "InternalError" => Failure::Unknown { why },
        code if code.starts_with("Throttling") => Failure::Retry { after: Some(SOON), why },
        code if [
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "InvalidTimeStamp",
            "Forbidden",
        ]
        .iter()
        .any(|fault| code.starts_with(fault)) =>
        {
            account(why)
        }
        _ => Failure::Refused { why },
    })
}

pub(super) fn looked(response: &OutResponse) -> Result<(), String> {
    let said = json(response);
    match (said["Code"].as_str(), said["TemplateStatus"].as_i64()) {
        (Some("OK"), None | Some(1)) => Ok(()),
        (Some("OK"), Some(_)) => Err("send.reply_template is not approved: see the console of the cloud".into()),
        (code, _) => {
            let (code, words) = (code.unwrap_or("no answer in JSON"), said["Message"].as_str().unwrap_or_default());
            Err(format!("the cloud says {code} {words}: check send.account, send.secret and send.reply_template"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation (固定参数示例).
    #[test]
    fn the_published_example_has_the_published_signature() {
        let parameters = [
            ("RegionId", "cn-shanghai".to_owned()),
            ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd".to_owned()),
        ];
        let signed = Signed {
            action: "RunInstances",
            version: "2014-05-26",
            host: "ecs.cn-shanghai.aliyuncs.com",
            date: "2023-10-26T10:22:32Z".into(),
            nonce: "3156853299f313e23d1673dc12e1703d".into(),
            query: query(&parameters),
        };
        let authorization = signed.authorization("YourAccessKeyId", "YourAccessKeySecret");
        assert_eq!(
            authorization,
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;\
             x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }
}
