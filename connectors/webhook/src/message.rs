//! A push as it is kept, and as the map sees it.

use http::{HeaderMap, header};
use jiesu_connector::{Raw, Request, Submission};
use jiesu_mapping::{Map, MapError, Mapped, form, json, text, xml};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt};

/// Keys of [`Raw::meta`].
const HEADERS: &str = "headers";
const QUERY: &str = "query";
/// Which appeal of the push this message is.
const INDEX: &str = "index";
/// The body is one appeal of a push, as mapped; the push itself is kept with the first.
const MAPPED: &str = "mapped";

/// What the map made of a push; why nothing.
#[derive(Debug)]
pub(crate) enum Failed {
    Map(MapError),
    /// The body is not what its content type says, and the map fails without it.
    Body(json::Unreadable),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
        }
    }
}

impl Failed {
    pub fn detail(&self) -> String {
        match self {
            Self::Map(error) => error.detail(),
            Self::Body(error) => error.to_string(),
        }
    }
}

/// The push as it is kept: without what proves who sent it.
pub(crate) fn raw(request: &Request, secret: Option<&header::HeaderName>, query: &str) -> Raw {
    let never = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
    let mut headers = serde_json::Map::new();
    for name in request.headers.keys().filter(|name| !never.contains(name) && secret != Some(*name)) {
        let values: Vec<_> =
            request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.to_string(), Value::String(values.join(", ")));
    }
    let meta = BTreeMap::from([
        (HEADERS.to_owned(), Value::Object(headers).to_string()),
        (QUERY.to_owned(), query.to_owned()),
    ]);
    Raw { media_type: media_type(&request.headers), meta, body: request.body.clone() }
}

/// The push, as the holder of its appeal `index`.
pub(crate) fn with_index(raw: &Raw, index: usize) -> Raw {
    let mut raw = raw.clone();
    raw.meta.insert(INDEX.into(), index.to_string());
    raw
}

/// A further appeal of a push, by itself.
pub(crate) fn mapped(submission: &Submission, index: usize) -> Raw {
    let meta = BTreeMap::from([(MAPPED.to_owned(), index.to_string())]);
    Raw { media_type: "application/json".into(), meta, body: serde_json::to_vec(submission).unwrap_or_default().into() }
}

/// Which appeal of the push it is, where that is decided.
pub(crate) fn index(raw: &Raw) -> Option<usize> {
    raw.meta.get(INDEX)?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> String {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.unwrap_or_default().to_owned()
}

/// The appeals in a push that is kept, or in a bare body.
pub(crate) fn map(map: &Map, raw: &Raw) -> Result<Vec<Mapped>, Failed> {
    if raw.meta.contains_key(MAPPED) {
        let submission =
            Submission::from_json(&raw.body).map_err(|fault| MapError::Output { index: 0, faults: vec![fault] });
        return Ok(vec![Mapped::Appeal(Box::new(submission.map_err(Failed::Map)?))]);
    }
    let (input, unreadable) = input(raw);
    map.run(input).map_err(|error| unreadable.map_or(Failed::Map(error), Failed::Body))
}

/// `{ headers, query, body, text }`. A body that cannot be read is null: a map may do with the text.
fn input(raw: &Raw) -> (Value, Option<json::Unreadable>) {
    let headers = raw.meta.get(HEADERS).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let query = raw.meta.get(QUERY).map(String::as_str).unwrap_or_default();
    let charset = charset(&raw.media_type);
    let (body, text, unreadable) = match body(raw, charset.as_deref()) {
        Ok((body, text)) => (body, text, None),
        Err(error) => (Value::Null, text::decode(&raw.body, charset.as_deref()), Some(error)),
    };
    let query = form::to_json(query.as_bytes(), None).unwrap_or_else(|_| json!({}));
    (json!({ "headers": headers.unwrap_or_else(|| json!({})), "query": query, "body": body, "text": text }), unreadable)
}

fn charset(media_type: &str) -> Option<String> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, charset) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(charset.trim().trim_matches('"').to_owned())
}

/// The body by its content type, and its text. What a body begins with goes before a type that libraries write by
/// themselves.
fn body(raw: &Raw, charset: Option<&str>) -> Result<(Value, String), json::Unreadable> {
    let kind = raw.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let first = raw.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&raw.body).trim_ascii_start().first();
    let text = |text: String| (Value::String(text.clone()), text);
    let is_json = kind.ends_with("/json") || kind.ends_with("+json");
    let is_xml = kind.ends_with("/xml") || kind.ends_with("+xml");
    let vague =
        matches!(kind.as_str(), "" | "application/octet-stream" | "text/plain" | "application/x-www-form-urlencoded");
    Ok(match first {
        None => (Value::Null, String::new()),
        _ if is_json => {
            let words = text::decode(&raw.body, charset);
            (json::read(words.as_bytes())?, words)
        }
        _ if is_xml => (xml::read(&raw.body, charset)?, text::decode(&raw.body, charset)),
        Some(b'{' | b'[') if vague => {
            let words = text::decode(&raw.body, charset);
            json::read(words.as_bytes()).map_or_else(|_| text(words.clone()), |value| (value, words.clone()))
        }
        Some(b'<') if vague => {
            let words = text::decode(&raw.body, charset);
            xml::read(&raw.body, charset).map_or_else(|_| text(words.clone()), |value| (value, words.clone()))
        }
        _ if kind == "application/x-www-form-urlencoded" => {
            (form::to_json(&raw.body, charset)?, text::decode(&raw.body, charset))
        }
        _ if kind == "multipart/form-data" => {
            (form::parts_to_json(&raw.media_type, &raw.body, charset)?, text::decode(&raw.body, charset))
        }
        _ => text(text::decode(&raw.body, charset)),
    })
}
