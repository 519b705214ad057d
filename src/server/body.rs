//! Reading a request's body into one buffer.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt;
use jiesu_connector::Problem;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is set aside for a body on the word of its `Content-Length` alone, in bytes.
const ON_CREDIT: u64 = 64 << 10;
/// Room is taken in steps of this many KiB.
const STEP_KIB: u64 = 256;
/// How long a body waits for more room.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(5);

/// Memory for bodies that is shared by all connections: what is beyond a small body is taken from it as it arrives, so
/// that a client that announces much and sends little holds little.
#[derive(Debug, Default)]
pub struct Room {
    budget: Option<Arc<Semaphore>>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Taken from `budget`, which counts KiB; given back when dropped.
    pub fn of(budget: &Arc<Semaphore>) -> Self {
        Self { budget: Some(budget.clone()), held: None }
    }

    /// Makes room for `total` bytes.
    ///
    /// # Errors
    /// 503: there was none for long.
    pub async fn grow(&mut self, total: u64) -> Result<(), Problem> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let wanted = total.saturating_sub(ON_CREDIT).div_ceil(STEP_KIB << 10) * STEP_KIB;
        let held = self.held.as_ref().map_or(0, |permit| permit.num_permits() as u64);
        if wanted <= held {
            return Ok(());
        }
        let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
        let Ok(Ok(more)) = tokio::time::timeout(WAIT_FOR_ROOM, budget.clone().acquire_many_owned(more)).await else {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many large requests at once; try again");
            return Err(problem.retry(Duration::from_secs(2)));
        };
        match &mut self.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// Reads `body` whole, at most `max` bytes, counted on the stream.
///
/// Time limits are the connection's (see [`Caps`](super::Caps)). The rest of a body that is refused is not read
/// here: the answer goes out at once with `Connection: close`, and the connection swallows what still comes so that
/// the client can read it. A client that asked with `Expect: 100-continue` is refused before it sends anything.
///
/// # Errors
/// 413 for a body that is or declares itself longer than `max`; 400 for one that ends early. Nothing of either is
/// handed on.
pub async fn read_body(body: Body, max: u64) -> Result<Bytes, Problem> {
    read_body_into(body, max, &mut Room::default()).await
}

/// As [`read_body`], with what is beyond a small body taken from `room`.
///
/// # Errors
/// The same; and 503 when there was no room for long.
pub async fn read_body_into(mut body: Body, max: u64, room: &mut Room) -> Result<Bytes, Problem> {
    let declared = body.size_hint().lower();
    if declared > max {
        return Err(too_large(max));
    }
    let Some(first) = next_piece(&mut body).await? else { return Ok(Bytes::new()) };
    let mut total = first.len() as u64;
    if total > max {
        return Err(too_large(max));
    }
    // Most bodies come in one piece, which is then handed on as it is.
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next_piece(&mut body).await? else { return Ok(first) };
    let capacity = declared.min(ON_CREDIT).max(total + second.len() as u64);
    let mut whole = BytesMut::with_capacity(usize::try_from(capacity).unwrap_or_default());
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        total += bytes.len() as u64;
        if total > max {
            return Err(too_large(max));
        }
        room.grow(total).await?;
        whole.extend_from_slice(&bytes);
        piece = next_piece(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// The next piece of data; trailers are passed over.
///
/// # Errors
/// 400 for a body that ends early.
pub async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body ended early"))?;
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn too_large(max: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::convert::Infallible;

    fn pieces(bytes: usize) -> Body {
        let pieces = (0..bytes / 1024).map(|_| Ok::<_, Infallible>(Bytes::from_static(&[b'a'; 1024])));
        Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_small_body_needs_no_room_and_a_large_one_gives_back_what_it_took() {
        let budget = Arc::new(Semaphore::new(512));
        let mut first = Room::of(&budget);
        assert_eq!(read_body_into(pieces(300 << 10), 1 << 20, &mut first).await.expect("read").len(), 300 << 10);
        assert_eq!(budget.available_permits(), 256, "for 300 KiB, one step beyond what is free");
        let mut second = Room::of(&budget);
        let large = read_body_into(pieces(900 << 10), 1 << 20, &mut second);
        let full = tokio::time::timeout(Duration::from_millis(100), large).await;
        assert!(full.is_err(), "it waits for room, and holds up no small one");
        let mut third = Room::of(&budget);
        assert_eq!(read_body_into(pieces(64 << 10), 1 << 20, &mut third).await.expect("read").len(), 64 << 10);
        drop((first, second, third));
        assert_eq!(budget.available_permits(), 512);
    }
}
