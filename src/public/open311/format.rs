//! Open311 in JSON and XML. Both are made of the same value; arrays and their elements have names of their own in XML.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::fmt::Write;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

/// The names that a value has in XML.
pub(super) struct Names {
    pub root: &'static str,
    pub item: &'static str,
}

impl Format {
    /// Of the last segment of a path, and what is left of it; without an ending the `Accept` header decides. `None`: an ending
    /// that nobody knows.
    pub fn of<'a>(segment: &'a str, headers: &HeaderMap) -> Option<(&'a str, Self)> {
        match segment.rsplit_once('.') {
            Some((name, "json")) => Some((name, Self::Json)),
            Some((name, "xml")) => Some((name, Self::Xml)),
            Some(_) => None,
            None => Some((segment, Self::accepted(headers))),
        }
    }

    /// What is accepted first.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let place = |kind: &str| accept.find(kind).unwrap_or(usize::MAX);
        let xml = place("application/xml").min(place("text/xml"));
        if xml < place("application/json") && xml < place("text/html") { Self::Xml } else { Self::Json }
    }

    /// An answer.
    pub fn answer(self, status: StatusCode, names: &Names, value: &Value) -> Response {
        let (kind, body) = match self {
            Self::Json => ("application/json; charset=utf-8", value.to_string()),
            Self::Xml => ("application/xml; charset=utf-8", to_xml(names, value)),
        };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// Errors as the specification has them.
    pub fn error(self, status: StatusCode, description: &str) -> Response {
        let names = Names { root: "errors", item: "error" };
        self.answer(status, &names, &json!([{ "code": status.as_u16(), "description": description }]))
    }
}

fn to_xml(names: &Names, value: &Value) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    match value {
        Value::Array(items) => {
            let _ = write!(xml, "<{}>", names.root);
            items.iter().for_each(|item| element(&mut xml, names.item, item));
            let _ = write!(xml, "</{}>", names.root);
        }
        other => element(&mut xml, names.root, other),
    }
    xml
}

fn element(xml: &mut String, name: &str, value: &Value) {
    let _ = match value {
        Value::Null => write!(xml, "<{name}/>"),
        Value::String(text) => write!(xml, "<{name}>{}</{name}>", escape(text)),
        Value::Object(fields) => {
            let _ = write!(xml, "<{name}>");
            fields.iter().for_each(|(name, value)| element(xml, name, value));
            write!(xml, "</{name}>")
        }
        Value::Array(items) => {
            let _ = write!(xml, "<{name}>");
            items.iter().for_each(|item| element(xml, name.strip_suffix('s').unwrap_or("item"), item));
            write!(xml, "</{name}>")
        }
        other => write!(xml, "<{name}>{other}</{name}>"),
    };
}

/// Without the characters that no XML may hold (XML 1.0, section 2.2).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | '\r' => escaped.push(letter),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() && other < ' ' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_written_both_ways() {
        let value = json!([{ "code": "a<b&\u{1}", "none": null, "open": true, "keys": ["x"] }]);
        let xml = to_xml(&Names { root: "services", item: "service" }, &value);
        let body = "<services><service><code>a&lt;b&amp;</code><none/><open>true</open><keys><key>x</key></keys></service></services>";
        assert!(xml.ends_with(body), "{xml}");
    }

    #[test]
    fn the_ending_decides_and_then_what_is_accepted() {
        let of = |segment: &'static str, accept: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            Format::of(segment, &headers)
        };
        assert_eq!(of("services.xml", "application/json"), Some(("services", Format::Xml)));
        assert_eq!(of("services", "text/xml"), Some(("services", Format::Xml)));
        assert_eq!(of("services", "text/html,application/xml;q=0.9"), Some(("services", Format::Json)));
        assert_eq!(of("services", "*/*"), Some(("services", Format::Json)));
        assert_eq!(of("services.html", ""), None);
    }
}
