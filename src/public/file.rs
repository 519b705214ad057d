//! `/files/{number}/{file}`: an attachment, by a signed link that expires.

use super::{Public, not_found, unavailable};
use crate::{files, number::Number, server::pages::harden};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use http::{HeaderValue, header};
use jiff::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use tokio_util::io::ReaderStream;

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    expires: i64,
    #[serde(default)]
    signature: String,
}

pub(super) async fn serve(
    State(public): State<Arc<Public>>,
    Path((number, file)): Path<(String, String)>,
    Query(link): Query<Link>,
) -> Response {
    let now = Timestamp::now().as_second();
    if !files::link_is_good(&public.key, &number, &file, link.expires, &link.signature, now) {
        return not_found("this link is wrong or has expired; read the ticket again for a fresh one");
    }
    let Ok(number) = number.parse::<Number>() else { return not_found("there is no such ticket") };
    let row = match public.store.ticket(number).await {
        Ok(Some(row)) => row,
        Ok(None) => return not_found("there is no such ticket"),
        Err(_) => return unavailable(),
    };
    let ticket: serde_json::Value = serde_json::from_str(&row.document).unwrap_or_default();
    let attachments = ticket["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let attachment = attachments.iter().find(|attachment| attachment["id"] == file.as_str());
    let Some(sha256) = attachment.and_then(|attachment| attachment["sha256"].as_str()) else {
        return not_found("there is no such file");
    };
    let Ok(opened) = tokio::fs::File::open(public.files.path(sha256)).await else {
        tracing::error!(alarm = true, number = %number, "an attachment is missing from the files directory");
        return not_found("this file is missing");
    };
    let mut response = Response::new(Body::from_stream(ReaderStream::new(opened)));
    let headers = response.headers_mut();
    // Always a download, whatever the citizen called it: nothing of it runs in anybody's browser.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, disposition(attachment.and_then(|file| file["name"].as_str())));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Some(bytes) = attachment.and_then(|file| file["bytes"].as_u64()) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    harden(headers);
    response
}

/// `attachment` with the name in UTF-8 (RFC 6266, RFC 8187).
fn disposition(name: Option<&str>) -> HeaderValue {
    let name = name.unwrap_or("file").rsplit(['/', '\\']).next().unwrap_or("file");
    let encoded: String = name
        .bytes()
        .take(200)
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{encoded}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_leaves_its_path_behind_and_stays_readable() {
        assert_eq!(disposition(Some("../../a b.jpg")), "attachment; filename*=UTF-8''a%20b.jpg");
        assert_eq!(disposition(Some("路.jpg")), "attachment; filename*=UTF-8''%E8%B7%AF.jpg");
        assert_eq!(disposition(Some("a\r\nb")), "attachment; filename*=UTF-8''a%0D%0Ab");
    }
}
