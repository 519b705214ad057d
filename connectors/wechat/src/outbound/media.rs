//! Photos and recordings, which the platform keeps for three days.

use super::{
    Api,
    api::{Trouble, json},
};
use async_trait::async_trait;
use bytes::Bytes;
use jiesu_connector::{Failure, Media, MediaRef, Origin, checked_media, get_media, unfetched};
use std::sync::Arc;

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
            get_media(url, max, Origin::Configured)
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
                None => checked_media(response),
            },
            None => checked_media(response),
        }
    }

    async fn address(&self, url: &str, max: u64) -> Result<Bytes, Failure> {
        let response = self
            .0
            .send(get_media(url.to_owned(), max, Origin::Foreign))
            .await
            .map_err(|error| unfetched(error, max))?;
        match response.status.as_u16() {
            404 | 410 => Err(Failure::Refused { why: format!("HTTP {}: it is gone", response.status.as_u16()) }),
            _ => checked_media(response),
        }
    }
}
