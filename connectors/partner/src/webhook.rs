//! One request of a partner.

use crate::config::NamedKey;
use http::{HeaderMap, Method, StatusCode, header};
use jiesu_connector::{
    Accept, Callers, Incoming, Problem, Raw, Reception, Rejection, Request, Response, Webhook, read_posted,
    receipt_answer,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// The partners of one channel.
pub(crate) struct Partners {
    pub keys: Vec<NamedKey>,
    pub public_url: Arc<str>,
}

impl Webhook for Partners {
    fn receive(&self, request: &Request, _: Timestamp) -> Result<Reception, Rejection> {
        if !request.path.is_empty() {
            let problem = Problem::new(StatusCode::NOT_FOUND, "there is nothing below the path of this channel");
            return Ok(Reception::Answer(problem.into()));
        }
        if request.method != Method::POST {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "appeals are sent with POST");
            return Ok(Reception::Answer(Response::from(problem).with(header::ALLOW, "POST")));
        }
        let partner = self.partner(&request.headers).ok_or_else(unauthenticated)?;
        let (submission, keys) = read_posted(request, Some(partner))?;
        let raw = Raw {
            media_type: "application/json".into(),
            meta: BTreeMap::from([("key".into(), partner.into())]),
            body: request.body.clone(),
        };
        Ok(Reception::Accept(Accept {
            messages: vec![Incoming::from_submission(submission, raw, keys)],
            caller: Some(partner.into()),
            answer: receipt_answer(self.public_url.clone()),
        }))
    }

    fn callers(&self) -> Callers {
        Callers::Keyed
    }
}

impl Partners {
    /// Whose token the request shows. Every key is looked at, so that the time taken tells nothing about any.
    fn partner(&self, headers: &HeaderMap) -> Option<&str> {
        let shown = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, token) = shown.split_at_checked(b"Bearer ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return None;
        }
        let token = token.trim_ascii();
        self.keys.iter().fold(None, |found, key| if key.token.matches(token) { Some(key.name.as_str()) } else { found })
    }
}

/// RFC 6750, section 3.
fn unauthenticated() -> Rejection {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "show the token of a key: Authorization: Bearer …");
    Rejection::Unauthenticated(Response::from(problem).with(header::WWW_AUTHENTICATE, "Bearer"))
}
