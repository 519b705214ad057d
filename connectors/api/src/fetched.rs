//! Fetching what a channel only names by an address.

use crate::{Failure, Origin, OutRequest, OutResponse, SendError};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::time::Duration;

/// A video of 10 MB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The request for a picture, sound or film of at most `max` bytes.
pub fn get_media(url: String, max: u64, origin: Origin) -> OutRequest {
    let (method, headers, body) = (Method::GET, HeaderMap::new(), Bytes::new());
    OutRequest { method, url, headers, body, timeout: TIMEOUT, max_answer: max, origin }
}

/// What to do after a request for media had no answer. Fetching twice harms nobody: only what cannot change is final.
pub fn unfetched(error: SendError, max: u64) -> Failure {
    match error {
        SendError::TooLarge(_) => Failure::Refused { why: format!("it is larger than {max} bytes") },
        SendError::Forbidden(_) => Failure::Refused { why: error.to_string() },
        SendError::NotSent(_) | SendError::Unknown(_) => Failure::Retry { after: None, why: error.to_string() },
    }
}

fn garbage(response: &OutResponse) -> Failure {
    Failure::Retry { after: None, why: format!("HTTP {} without a picture, sound or film", response.status.as_u16()) }
}

/// The bytes of an answer that is a picture, sound or film: an error page of a proxy is none.
///
/// # Errors
/// [`Failure::Retry`] with the status; `Refused` for a redirect, which is never followed.
pub fn checked_media(response: OutResponse) -> Result<Bytes, Failure> {
    if response.status.is_redirection() {
        let why = format!("HTTP {}: redirects are not followed", response.status.as_u16());
        return Err(Failure::Refused { why });
    }
    let named = response.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let named = named.is_some_and(|named| named.starts_with("audio/") || named.starts_with("video/"));
    let whole = response.status == http::StatusCode::OK && !response.body.is_empty();
    if whole && (is_media(&response.body) || named) { Ok(response.body) } else { Err(garbage(&response)) }
}

/// By the first bytes: JPEG, PNG, GIF, BMP, WebP, WAV, AVI, MP4, HEIC, AMR, SILK, MP3, Ogg, Speex.
fn is_media(bytes: &[u8]) -> bool {
    let beginnings: [&[u8]; 13] = [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF8",
        b"BM",
        b"#!AMR",
        b"#!SILK",
        b"\x02#!SILK",
        b"ID3",
        b"\xff\xfb",
        b"\xff\xf3",
        b"\xff\xf2",
        b"OggS",
        b"Speex   ",
    ];
    let riff = bytes.starts_with(b"RIFF") && matches!(bytes.get(8..12), Some(b"WEBP" | b"WAVE" | b"AVI "));
    riff || bytes.get(4..8) == Some(b"ftyp") || beginnings.iter().any(|beginning| bytes.starts_with(beginning))
}
