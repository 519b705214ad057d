//! `/files/{number}/{file}`: an attachment, by a signed link that expires.

use super::{Public, not_found, unavailable};
use crate::{files, number::Number, server::pages::harden};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use http::{HeaderValue, header};
use jiesu_connector::HARMFUL;
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
    let said = |field: &str| attachment.and_then(|file| file[field].as_str());
    let name = said("name").map(|name| honest_name(name, said("media_type").unwrap_or_default()));
    let mut response = Response::new(Body::from_stream(ReaderStream::new(opened)));
    let headers = response.headers_mut();
    // Always a download, whatever the citizen called it: nothing of it runs in anybody's browser.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, disposition(name.as_deref()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Some(bytes) = attachment.and_then(|file| file["bytes"].as_u64()) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    harden(headers);
    response
}

/// Endings that a name may have, by what the first bytes say; others are set right, so that nothing opens as what it is not.
const ENDINGS: [(&str, &[&str]); 16] = [
    ("image/jpeg", &["jpg", "jpeg", "jfif"]),
    ("image/png", &["png"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/heic", &["heic", "heif"]),
    ("image/bmp", &["bmp"]),
    ("image/tiff", &["tif", "tiff"]),
    ("audio/amr", &["amr"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/wav", &["wav"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("audio/mp4", &["m4a", "mp4"]),
    ("video/mp4", &["mp4", "m4v", "m4a"]),
    ("video/quicktime", &["mov"]),
    ("video/3gpp", &["3gp", "3gpp"]),
    ("application/pdf", &["pdf"]),
];
/// Endings that systems run, or open in a browser, when they are clicked.
const RUN: [&str; 30] = [
    "exe", "com", "scr", "msi", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "lnk", "pif",
    "cpl", "jar", "apk", "sh", "app", "dll", "reg", "htm", "html", "xhtml", "shtml", "mht", "svg", "xml",
];

/// `name` with an ending that is true to the bytes, or that nothing runs.
fn honest_name(name: &str, media_type: &str) -> String {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.trim().to_ascii_lowercase()).unwrap_or_default();
    let known = ENDINGS.iter().find(|(kind, _)| *kind == media_type);
    match known {
        Some((_, endings)) if endings.contains(&ending.as_str()) => name.to_owned(),
        Some((_, endings)) => format!("{name}.{}", endings[0]),
        None if HARMFUL.contains(&media_type) || RUN.contains(&ending.as_str()) => format!("{name}.bin"),
        None => name.to_owned(),
    }
}

/// `attachment` with the name in UTF-8 (RFC 6266, RFC 8187).
fn disposition(name: Option<&str>) -> HeaderValue {
    let name = name.unwrap_or("file").rsplit(['/', '\\']).next().unwrap_or("file");
    let encoded: String = name
        .bytes()
        .take(450)
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
    use super::{disposition, honest_name};

    #[test]
    fn a_name_that_lies_about_the_bytes_is_set_right() {
        for (name, kind, honest) in [
            ("路灯.JPG", "image/jpeg", "路灯.JPG"),
            ("photo.html", "image/jpeg", "photo.html.jpg"),
            ("photo", "image/png", "photo.png"),
            ("evil.jpg", "text/html", "evil.jpg.bin"),
            ("run.exe", "application/octet-stream", "run.exe.bin"),
            ("合同.docx", "application/octet-stream", "合同.docx"),
        ] {
            assert_eq!(honest_name(name, kind), honest);
        }
    }

    #[test]
    fn a_name_leaves_its_path_behind_and_stays_readable() {
        assert_eq!(disposition(Some("../../a b.jpg")), "attachment; filename*=UTF-8''a%20b.jpg");
        assert_eq!(disposition(Some("路.jpg")), "attachment; filename*=UTF-8''%E8%B7%AF.jpg");
        assert_eq!(disposition(Some("a\r\nb")), "attachment; filename*=UTF-8''a%0D%0Ab");
    }
}
