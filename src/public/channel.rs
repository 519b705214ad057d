//! `/channels/{id}`: a request of a channel, from the socket through the one door and back.

use super::{Public, answer, not_found, upload::read_form};
use crate::{
    channels::Channel,
    server::{Peer, Room, limits::too_many, problem::Http, read_body_into},
};
use axum::{
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{StatusCode, header};
use jiesu_connector::{
    Accept, Aside, Callers, Form, Inbound, Problem, Reception, Refusal, Rejection, UploadCaps, Webhook,
};
use jiesu_mapping::multipart::Splitter;
use jiff::Timestamp;
use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::task::JoinHandle;

/// Bodies from this size on are looked at away from the async threads.
const LARGE: usize = 256 << 10;
/// An answer waits so long for what is done beside it, so that it is mostly done when the answer is out.
const MOMENT: Duration = Duration::from_millis(100);

pub(super) async fn serve(
    State(public): State<Arc<Public>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let rest = request.uri().path().strip_prefix("/channels/").unwrap_or_default();
    let id = rest.split('/').next().unwrap_or_default();
    let below = rest.get(id.len()..).unwrap_or_default().to_owned();
    let Some(channel) = public.channels.get(id).cloned() else { return not_found("there is no such channel") };
    let Inbound::Push(webhook) = &channel.parts.inbound else {
        return not_found("this channel does not come in over HTTP");
    };
    let by_address = match webhook.callers() {
        Callers::Public => true,
        Callers::Keyed => public.keyed_by_address,
        Callers::Platform => false,
    };
    if by_address && let Err(wait) = public.per_address.check_address(peer).await {
        channel.meters.limited.increment(1);
        return answer(too_many(wait));
    }
    if channel.is_paused() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this channel is paused; try again later");
        return answer(problem.retry(Duration::from_secs(60)));
    }
    let (head, body) = request.into_parts();
    let mut request = jiesu_connector::Request {
        method: head.method,
        path: below,
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body: Bytes::new(),
        peer,
    };
    // Held until the message is on disk.
    let mut room = Room::of(&public.body_budget);
    let content = match form_with_files(webhook.as_ref(), &request) {
        Some((splitter, caps)) => {
            Box::pin(read_form(body, splitter, caps, (&public.spool, peer), &mut room)).await.map(Content::Form)
        }
        None => read_body_into(body, public.max_body, &mut room).await.map(Content::Body),
    };
    let form = match content {
        Ok(Content::Form(form)) => Some(form),
        Ok(Content::Body(body)) => {
            request.body = body;
            None
        }
        Err(problem) => {
            if problem.status.is_client_error() && !is_nobody(&channel, webhook.as_ref(), &request) {
                public.intake.rejected(&channel, "body");
            }
            return answer(problem);
        }
    };
    let received = match request.body.len() {
        LARGE.. => {
            let channel = channel.clone();
            tokio::task::spawn_blocking(move || receive(&channel, &request, form)).await.unwrap_or(None)
        }
        _ => receive(&channel, &request, form),
    };
    match received {
        Some(received) => conclude(&public, &channel, received, (peer, by_address)).await,
        None => answer(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the channel failed; it has been reported")),
    }
}

/// Whether the head of a request says that it is nobody's whom the channel knows: then nothing was received of anybody,
/// whatever came of the body.
fn is_nobody(channel: &Channel, webhook: &dyn Webhook, head: &jiesu_connector::Request) -> bool {
    let known = || !matches!(receive(channel, head, None), Some(Err(Rejection::Unauthenticated(_))));
    if webhook.callers() != Callers::Keyed || known() {
        return false;
    }
    channel.meters.unauthenticated.increment(1);
    true
}

enum Content {
    Body(Bytes),
    Form(Form),
}

/// What splits the body, and what is taken of it, where the channel takes files in forms.
fn form_with_files(webhook: &dyn Webhook, request: &jiesu_connector::Request) -> Option<(Splitter, UploadCaps)> {
    let declared = request.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some((Splitter::of(declared)?, webhook.uploads(request, Timestamp::now())?))
}

/// What becomes of a request.
async fn conclude(
    public: &Public,
    channel: &Channel,
    received: Result<Reception, Rejection>,
    (peer, counted): (IpAddr, bool),
) -> Response {
    match received {
        Ok(Reception::Ask(asked)) => Box::pin(conclude(public, channel, asked.await, (peer, counted))).await,
        Ok(reception) => respond(public, channel, reception).await,
        Err(Rejection::Malformed { reason, response }) => {
            public.intake.rejected(channel, reason);
            Http(response).into_response()
        }
        Err(Rejection::Unauthenticated(response)) => {
            channel.meters.unauthenticated.increment(1);
            // Whoever is not limited by address is so when they are not who they claim to be.
            match public.per_address.check_address(peer).await {
                Err(wait) if !counted => answer(too_many(wait)),
                _ => Http(response).into_response(),
            }
        }
    }
}

async fn respond(public: &Public, channel: &Channel, reception: Reception) -> Response {
    match reception {
        Reception::Answer(response) => Http(response).into_response(),
        Reception::Accept(accept) => Http(take(public, channel, accept).await).into_response(),
        Reception::LookUp(look_up) => {
            Http(Box::pin(super::look_up::answer(public, channel, look_up)).await).into_response()
        }
        Reception::Ask(_) => answer(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the channel asks twice")),
        Reception::With(reception, aside) => Box::pin(respond_beside(public, channel, *reception, aside)).await,
    }
}

async fn respond_beside(public: &Public, channel: &Channel, reception: Reception, aside: Aside) -> Response {
    let running = run_aside(public, aside).await;
    let response = respond(public, channel, reception).await;
    // It goes on if it is late.
    if let Some(running) = running {
        let _ = tokio::time::timeout(MOMENT, running).await;
    }
    response
}

/// Runs it beside the answer; where too many run already, before it.
async fn run_aside(public: &Public, aside: Aside) -> Option<JoinHandle<()>> {
    match public.asides.clone().try_acquire_owned() {
        Ok(permit) => Some(tokio::spawn(async move {
            let _permit = permit;
            aside.await;
        })),
        Err(_) => {
            aside.await;
            None
        }
    }
}

/// `None` after a panic, or for a channel that is not called.
pub(super) fn receive(
    channel: &Channel,
    request: &jiesu_connector::Request,
    form: Option<Form>,
) -> Option<Result<Reception, Rejection>> {
    let Inbound::Push(webhook) = &channel.parts.inbound else { return None };
    let webhook: &dyn Webhook = webhook.as_ref();
    let receive = std::panic::AssertUnwindSafe(|| match form {
        Some(form) => webhook.receive_form(request, form, Timestamp::now()),
        None => webhook.receive(request, Timestamp::now()),
    });
    std::panic::catch_unwind(receive).ok()
}

/// Through the one door, and the channel's own answer.
pub(super) async fn take(public: &Public, channel: &Channel, accept: Accept) -> jiesu_connector::Response {
    if let Some(caller) = &accept.caller
        && let Err(wait) = public.per_key.check_key(caller).await
    {
        channel.meters.limited.increment(1);
        return too_many(wait).into();
    }
    channel.last_received.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
    let outcome = public.intake.accept(channel, accept.messages).await;
    if let Err(Refusal::OtherContent | Refusal::UnderWay) = &outcome {
        public.intake.rejected(channel, "conflict");
    }
    (accept.answer)(outcome.as_deref().map_err(|refusal| *refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> (usize, usize) {
        (size_of::<F>(), align_of::<F>())
    }

    #[test]
    fn a_request_costs_no_large_and_no_aligned_allocation() {
        let (size, align) = layout(serve);
        assert!(size <= 3 << 10, "the future of a request has {size} bytes");
        assert!(align <= 16, "it is aligned to {align} bytes");
    }
}
