//! The fields of a request.

use http::{Method, header};
use jiesu_connector::Request;
use serde_json::{Map, Value};

/// Fields that are read of one form.
const MOST: usize = 200;

/// The fields of a request, decoded, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Of bytes as `application/x-www-form-urlencoded`.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).take(MOST).map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Of a body of this media type: JSON where it says so, with the same fields, else a form.
    pub fn read(media_type: &str, body: &[u8]) -> Self {
        if !is_json(media_type) {
            return Self::parse(body);
        }
        let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let fields = fields.into_iter().take(MOST).filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            _ => None,
        });
        Self(fields.collect())
    }

    /// A field's value; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether a field is there, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The fields as they are signed: sorted, each different value of a name once.
    pub(crate) fn signed(mut self) -> Vec<(String, String)> {
        self.0.sort();
        self.0.dedup();
        self.0
    }

    /// Whether the body of `request` is a form; Twilio declares JSON where it sends JSON.
    pub(crate) fn of_body(request: &Request) -> Option<Self> {
        let declared = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let json = is_json(declared.unwrap_or_default());
        (!json && request.method != Method::GET).then(|| Self::parse(&request.body))
    }
}

fn is_json(media_type: &str) -> bool {
    media_type.trim_start().to_ascii_lowercase().starts_with("application/json")
}
