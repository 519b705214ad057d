//! A submission over HTTP: the rules that every channel taking JSON from a client shares (reference: type `api`).

use crate::{
    Answer, DeliveryKey, FieldFault, Incoming, OnOtherContent, Problem, Proven, Raw, Receipt, Refusal, Rejection,
    Request, Response, Submission,
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// The header with the client's own name for a request (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 255;

/// Reads the JSON body of `request` and the names under which it could come again.
///
/// `caller` keeps the names of one caller apart from those of another. The `Idempotency-Key` is the first of the
/// names, so it decides where a body's `id` says otherwise.
///
/// # Errors
/// [`Rejection::Malformed`]: 415 for another media type, 400 with every field at fault.
pub fn read_posted(request: &Request, caller: Option<&str>) -> Result<(Submission, Vec<DeliveryKey>), Rejection> {
    // A caller with a key means JSON, whatever its HTTP library writes by itself (`curl -d`, urllib).
    let readable = is_json(&request.headers) || (caller.is_some() && is_default(&request.headers));
    if !readable {
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json, in UTF-8");
        let response = Response::from(problem).with(header::ACCEPT, "application/json");
        return Err(Rejection::Malformed { reason: "media-type", response });
    }
    let encoded = request
        .headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        let detail = "the body is compressed (Content-Encoding): send it as it is";
        let response = Response::from(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        let response = response.with(header::ACCEPT_ENCODING, "identity");
        return Err(Rejection::Malformed { reason: "encoding", response });
    }
    let idempotency = idempotency_key(&request.headers);
    let submission = Submission::from_json(&request.body).map_err(|fault| malformed("json", vec![fault]))?;
    let mut faults = submission.faults();
    let mut keys = Vec::with_capacity(2);
    let mut name = |kind: &str, value, on_other_content| {
        let scope = caller.map_or_else(|| kind.to_owned(), |caller| format!("{kind}/{caller}"));
        keys.push(DeliveryKey { scope, value, on_other_content });
    };
    match idempotency {
        Ok(Some(value)) => name("idempotency", value, OnOtherContent::Refuse),
        Ok(None) => {}
        Err(fault) => faults.push(fault),
    }
    if let Some(id) = &submission.id {
        name("id", id.clone(), OnOtherContent::NewAppeal);
    }
    if faults.is_empty() { Ok((submission, keys)) } else { Err(malformed("fields", faults)) }
}

fn malformed(reason: &'static str, faults: Vec<FieldFault>) -> Rejection {
    Rejection::Malformed { reason, response: Problem::fields(faults).into() }
}

/// What HTTP libraries write when nobody tells them.
fn is_default(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    ["application/x-www-form-urlencoded", "text/plain", "application/octet-stream"]
        .iter()
        .any(|default| media_type.eq_ignore_ascii_case(default))
}

/// `application/json` in UTF-8, or not declared at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(declared) = declared.to_str() else { return false };
    let mut parts = declared.split(';').map(str::trim);
    parts.next().is_none_or(|essence| essence.is_empty() || essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let value = value.trim().trim_matches('"');
                ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
            }
            _ => true,
        })
}

/// The `Idempotency-Key` of a request: plain, or as the quoted string of the draft; both forms are the same key.
///
/// # Errors
/// A fault that names the header: empty, twice, too long, or with characters that cannot be seen.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, FieldFault> {
    let fault = |detail: &str| FieldFault { field: "Idempotency-Key".into(), detail: detail.into() };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(fault("is given twice: give one"));
    }
    let visible = "must be 1 to 255 visible ASCII characters, plain or in double quotes";
    let text = value.to_str().map_err(|_| fault(visible))?.trim();
    let key = if text.starts_with('"') { unquoted(text).ok_or_else(|| fault(visible))? } else { text.to_owned() };
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(fault(visible));
    }
    Ok(Some(key))
}

/// The text in a quoted string (RFC 9651, section 3.3.3).
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => plain.push(other),
        }
    }
    Some(plain)
}

impl Incoming {
    /// A submission on its way in, with the bytes that it was read from.
    pub fn from_submission(mut submission: Submission, raw: Raw, keys: Vec<DeliveryKey>) -> Self {
        let digest = submission.digest();
        let who = submission.appellant.take().unwrap_or_default();
        // In the order in which partners have always been told apart.
        let name = |kind| who.names().find(|(name, _)| *name == kind).map(|(_, text)| text.to_owned());
        let sender = [Proven::Phone, Proven::Openid, Proven::Email].into_iter().find_map(name);
        Self { raw, keys, digest, sender, hotline: submission.hotline, joins: true, receipt: false }
    }
}

/// Where a citizen looks up `number`. The status code is never part of an address.
pub fn status_url(public_url: &str, number: &str) -> String {
    format!("{public_url}/status?number={number}")
}

/// Answers one stored submission as JSON: 201 with the receipt, 200 if it was known already, else the problem.
pub fn receipt_answer(public_url: Arc<str>) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        number: &'a str,
        code: Option<&'a str>,
        status_url: String,
    }
    Box::new(move |outcome| match one_receipt(outcome) {
        Ok(Receipt { number, code, redelivery, .. }) => {
            let body = Body { number, code: code.as_deref(), status_url: status_url(&public_url, number) };
            let status = if *redelivery { StatusCode::OK } else { StatusCode::CREATED };
            Response::new(status, "application/json", serde_json::to_vec(&body).unwrap_or_default())
                .with(header::CACHE_CONTROL, "no-store")
        }
        Err(refusal) => refusal.into(),
    })
}

/// The receipt of the only message of a request.
///
/// # Errors
/// The refusal; a missing receipt counts as one, so that nothing is ever acknowledged without.
pub fn one_receipt(outcome: Result<&[Receipt], Refusal>) -> Result<&Receipt, Refusal> {
    outcome?.first().ok_or(Refusal::Unavailable { retry_after: Duration::from_secs(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, FieldFault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        idempotency_key(&headers)
    }

    #[test]
    fn an_idempotency_key_is_the_same_plain_and_quoted() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["8e03978e"]), Ok(Some("8e03978e".into())));
        assert_eq!(key(&[r#""8e03978e""#]), Ok(Some("8e03978e".into())));
        assert_eq!(key(&[r#""a\"b\\c""#]), Ok(Some(r#"a"b\c"#.into())));
        assert_eq!(key(&[&"k".repeat(255)]).unwrap().unwrap().len(), 255);
    }

    #[test]
    fn a_bad_idempotency_key_is_named() {
        for bad in [&["a", "b"][..], &[""], &[r#""""#], &["\""], &[r#""a"#], &[r#""a\b""#], &["a b"], &["a\tb"]] {
            assert_eq!(key(bad).unwrap_err().field, "Idempotency-Key", "{bad:?}");
        }
        assert!(key(&[&"k".repeat(256)]).is_err());
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes("诉求".as_bytes()).unwrap());
        assert!(idempotency_key(&headers).is_err());
    }

    #[test]
    fn json_in_utf_8_or_an_undeclared_body_is_json() {
        let json = |value: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]));
        assert!(is_json(&HeaderMap::new()) && json("") && json("Application/JSON; charset=\"UTF-8\""));
        assert!(!json("text/plain") && !json("application/json; charset=gbk") && !json("application/jsonp"));
    }
}
