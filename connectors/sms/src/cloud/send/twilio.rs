//! Twilio's Messages: <https://www.twilio.com/docs/messaging/api/message-resource>.

use super::{
    Account, LONGEST, Message, TIMEOUT,
    answer::{SOON, account as account_at_fault, by_status, json},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use jiesu_connector::{Failure, Origin, OutRequest, OutResponse, Sent};

/// One request.
pub(super) fn send(account: &Account, message: &Message<'_>) -> Result<OutRequest, Failure> {
    let from = Some(message.code).filter(|code| !code.is_empty()).or(account.from.as_deref());
    let Some(from) = from else {
        return Err(Failure::Refused { why: "nobody knows the number that it should come from: set send.from".into() });
    };
    // A messaging service chooses the number itself.
    let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", message.number).append_pair(sender, from).append_pair("Body", &message.text);
    if account.reports {
        form.append_pair("StatusCallback", &account.callback);
    }
    let path = format!("/2010-04-01/Accounts/{}/Messages.json", account.id);
    request(account, Method::POST, &path, form.finish().into())
}

/// Asks for the account.
pub(super) fn look(account: &Account) -> Result<OutRequest, Failure> {
    request(account, Method::GET, &format!("/2010-04-01/Accounts/{}.json", account.id), Bytes::new())
}

fn request(account: &Account, method: Method, path: &str, body: Bytes) -> Result<OutRequest, Failure> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", account.id, account.secret.expose())));
    let basic = HeaderValue::from_str(&basic).map_err(|error| Failure::Refused { why: error.to_string() })?;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, basic);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let url = format!("{}{path}", account.api_base);
    let origin = Origin::Configured;
    Ok(OutRequest { method, url, headers, body, timeout: TIMEOUT, max_answer: LONGEST, origin })
}

/// 201 with the name of the message, or a fault with its number: <https://www.twilio.com/docs/api/errors>.
pub(super) fn answer(response: &OutResponse) -> Result<Sent, Failure> {
    let said = json(response);
    let why = match said["code"].as_i64() {
        Some(code) => format!("{code} {}", said["message"].as_str().unwrap_or_default()),
        None => format!("HTTP status {}", response.status.as_u16()),
    };
    Err(match (response.status.as_u16(), said["sid"].as_str(), said["code"].as_i64()) {
        (200..300, Some(sid), _) => return Ok(Sent { message: Some(sid.to_owned()) }),
        // It may have been taken, under whatever name.
        (200..300, None, _) => Failure::Unknown { why },
        (_, _, Some(20_429 | 14_107 | 30_001 | 21_611)) => Failure::Retry { after: Some(SOON), why },
        (_, _, Some(20_003 | 20_005 | 20_404 | 30_002)) => account_at_fault(why),
        _ => by_status(response, why),
    })
}

pub(super) fn looked(response: &OutResponse) -> Result<(), String> {
    match response.status.as_u16() {
        200 => Ok(()),
        status => Err(format!("Twilio answers {status}: check send.account (AC…) and auth_token")),
    }
}
