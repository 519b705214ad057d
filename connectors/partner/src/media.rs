//! Photos and recordings that another gateway keeps: by the links in its events.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiesu_connector::{Failure, HttpClient, Media, MediaRef, Origin, OutRequest, SendError};
use std::{sync::Arc, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches by signed links.
pub(crate) struct Links(pub Arc<dyn HttpClient>);

#[async_trait]
impl Media for Links {
    async fn fetch(&self, media: &MediaRef, max: u64) -> Result<Bytes, Failure> {
        let request = OutRequest {
            method: Method::GET,
            url: media.0.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: TIMEOUT,
            max_answer: max,
            origin: Origin::Foreign,
        };
        let refused = |why: String| Err(Failure::Refused { why });
        match self.0.send(request).await {
            Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body),
            Ok(answer) if matches!(answer.status.as_u16(), 403 | 404 | 410) => {
                refused(format!("HTTP {}: its link does not work any more", answer.status.as_u16()))
            }
            Ok(answer) => Err(Failure::Retry { after: None, why: format!("HTTP {}", answer.status.as_u16()) }),
            Err(error @ (SendError::TooLarge(_) | SendError::Forbidden(_))) => refused(error.to_string()),
            Err(error) => Err(Failure::Retry { after: None, why: error.to_string() }),
        }
    }
}
