//! Reading a request's body into one buffer.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt;
use jiesu_connector::Problem;

/// What is set aside for a body on the word of its `Content-Length` alone, in bytes.
const ON_CREDIT: u64 = 64 << 10;

/// Reads `body` whole, at most `max` bytes, counted on the stream.
///
/// Time limits are the connection's (see [`Caps`](super::Caps)). The rest of a body that is refused is not read
/// here: the answer goes out at once with `Connection: close`, and the connection swallows what still comes so that
/// the client can read it. A client that asked with `Expect: 100-continue` is refused before it sends anything.
///
/// # Errors
/// 413 for a body that is or declares itself longer than `max`; 400 for one that ends early. Nothing of either is
/// handed on.
pub async fn read_body(mut body: Body, max: u64) -> Result<Bytes, Problem> {
    let declared = body.size_hint().lower();
    if declared > max {
        return Err(too_large(max));
    }
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    let mut total = first.len() as u64;
    if total > max {
        return Err(too_large(max));
    }
    // Most bodies come in one piece, which is then handed on as it is.
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next(&mut body).await? else { return Ok(first) };
    let room = declared.min(ON_CREDIT).max(total + second.len() as u64);
    let mut whole = BytesMut::with_capacity(usize::try_from(room).unwrap_or_default());
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        total += bytes.len() as u64;
        if total > max {
            return Err(too_large(max));
        }
        whole.extend_from_slice(&bytes);
        piece = next(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// The next piece of data; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
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
