//! Photos and recordings, which the platform keeps for three days.

use super::{
    Api,
    api::{Trouble, json},
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiesu_connector::{Failure, Media, MediaRef, Origin, OutRequest, OutResponse, SendError};
use std::{sync::Arc, time::Duration};

/// A video of 10 MB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches what citizens sent.
pub struct UserMedia(pub Arc<Api>);

#[async_trait]
impl Media for UserMedia {
    /// A reference is a media id, an address, or a media id, a space and an address as the second way.
    async fn fetch(&self, media: &MediaRef, max: u64) -> Result<Bytes, Failure> {
        let mut first = None;
        for name in media.0.split(' ').filter(|name| !name.is_empty()) {
            let fetched = if name.starts_with("http://") || name.starts_with("https://") {
                self.address(name, max).await
            } else {
                self.by_id(name, max).await
            };
            match fetched {
                Err(failure @ Failure::Refused { .. }) => drop(first.get_or_insert(failure)),
                other => return other,
            }
        }
        Err(first.unwrap_or_else(|| Failure::Refused { why: "the message names no media".into() }))
    }
}

impl UserMedia {
    async fn by_id(&self, id: &str, max: u64) -> Result<Bytes, Failure> {
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let request = |token: &str| {
            let url = format!("{}&media_id={id}", self.0.address("/cgi-bin/media/get", token));
            get(url, max, Origin::Configured)
        };
        let response = match self.0.with_token(request, |response| json(&response.body)).await {
            Ok(response) => response,
            Err(Trouble::Unanswered(error)) => return Err(unfetched(error, max)),
            Err(trouble) => return Err(trouble.into()),
        };
        // A video comes as an address to fetch, in JSON that may call itself text.
        match json(&response.body) {
            Some(answer) => match answer.get("video_url").and_then(|url| url.as_str()) {
                Some(url) => self.address(url, max).await,
                None => Err(garbage(&response)),
            },
            None => checked(response),
        }
    }

    async fn address(&self, url: &str, max: u64) -> Result<Bytes, Failure> {
        let response =
            self.0.send(get(url.to_owned(), max, Origin::Foreign)).await.map_err(|error| unfetched(error, max))?;
        match response.status.as_u16() {
            404 | 410 => Err(Failure::Refused { why: format!("HTTP {}: it is gone", response.status.as_u16()) }),
            _ => checked(response),
        }
    }
}

fn get(url: String, max: u64, origin: Origin) -> OutRequest {
    let (method, headers, body) = (Method::GET, HeaderMap::new(), Bytes::new());
    OutRequest { method, url, headers, body, timeout: TIMEOUT, max_answer: max, origin }
}

/// Fetching twice harms nobody: only what cannot change is final.
fn unfetched(error: SendError, max: u64) -> Failure {
    match error {
        SendError::TooLarge(_) => Failure::Refused { why: format!("it is larger than {max} bytes") },
        SendError::Forbidden(_) => Failure::Refused { why: error.to_string() },
        SendError::NotSent(_) | SendError::Unknown(_) => Failure::Retry { after: None, why: error.to_string() },
    }
}

fn garbage(response: &OutResponse) -> Failure {
    Failure::Retry { after: None, why: format!("HTTP {} without a picture, sound or film", response.status.as_u16()) }
}

/// Only what is a picture, sound or film: an error page of a proxy is none.
fn checked(response: OutResponse) -> Result<Bytes, Failure> {
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
