//! The answer that the vendor wants.

use crate::config::Reply;
use http::{HeaderValue, StatusCode, header};
use jiesu_connector::{BuildError, Receipt, Response, status_url};
use serde_json::json;

/// An answer with places for the receipt.
pub(crate) struct Template {
    status: StatusCode,
    content_type: HeaderValue,
    /// None: the receipt as JSON.
    body: Option<String>,
    public_url: String,
}

impl Template {
    pub fn build(reply: Option<Reply>, public_url: &str) -> Result<Self, BuildError> {
        let public_url = public_url.to_owned();
        let Some(Reply { status, content_type, body }) = reply else {
            let content_type = HeaderValue::from_static("application/json");
            return Ok(Self { status: StatusCode::OK, content_type, body: None, public_url });
        };
        let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_success);
        let status = status.ok_or_else(|| BuildError::new("reply.status", "is no success; it must be 200 to 299"))?;
        let content_type = HeaderValue::from_str(&content_type).ok().filter(|kind| kind.as_bytes().contains(&b'/'));
        let fault = || BuildError::new("reply.content_type", "is no media type, as application/json");
        Ok(Self { status, content_type: content_type.ok_or_else(fault)?, body: Some(body), public_url })
    }

    /// The answer; without a receipt (a push that is skipped) its places are empty.
    pub fn fill(&self, receipts: &[Receipt]) -> Response {
        let first = receipts.first();
        let number = first.map(|receipt| receipt.number.as_str()).unwrap_or_default();
        let code = first.and_then(|receipt| receipt.code.as_deref()).unwrap_or_default();
        let link = first.map(|receipt| status_url(&self.public_url, &receipt.number)).unwrap_or_default();
        let numbers: Vec<&str> = receipts.iter().map(|receipt| receipt.number.as_str()).collect();
        let body = match &self.body {
            Some(body) => {
                let places = [
                    ("{number}", number),
                    ("{code}", code),
                    ("{status_url}", &link),
                    ("{numbers}", &numbers.join(",")),
                ];
                places.iter().fold(body.clone(), |body, (place, value)| body.replace(place, value))
            }
            None if first.is_none() => "{}".into(),
            None => json!({ "number": number, "code": code, "status_url": link, "numbers": numbers }).to_string(),
        };
        let mut response = Response::new(self.status, "text/plain", body).with(header::CACHE_CONTROL, "no-store");
        response.headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        response
    }
}
