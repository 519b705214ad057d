//! One call to the platform, with a token, tried twice at most.

use super::{
    errcode::{Action, action},
    token::{Tokens, post},
};
use crate::{config::Account, quota::Room};
use jiesu_connector::{Failure, HttpClient, OutRequest, OutResponse, Secret, SendError, Shared};
use jiff::Timestamp;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// The platform's API, as one account sees it.
pub struct Api {
    pub(super) account: Arc<Account>,
    http: Arc<dyn HttpClient>,
    tokens: Tokens,
}

/// How a call ended that did not do what it should.
#[derive(Debug)]
pub enum Trouble {
    /// The citizen cannot be written to freely now.
    Window(Room, Failure),
    /// The platform refuses this token: nothing was done.
    Token(i64, String),
    /// No answer came.
    Unanswered(SendError),
    /// Anything else.
    Other(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Window(_, failure) | Trouble::Other(failure) => failure,
            Trouble::Unanswered(error) => unanswered(error),
            Trouble::Token(code, _) => {
                let why = format!("{code} the platform refuses the token that it gave a moment ago");
                Failure::Retry { after: None, why }
            }
        }
    }
}

impl Api {
    pub fn new(account: Arc<Account>, secret: Secret, http: Arc<dyn HttpClient>, shared: Arc<dyn Shared>) -> Self {
        let tokens = Tokens::new(Arc::clone(&account), secret, Arc::clone(&http), shared);
        Self { account, http, tokens }
    }

    /// See [`Tokens::log_in`].
    pub async fn log_in(&self) -> Result<(), Failure> {
        self.tokens.log_in().await
    }

    /// Gets a token, if there is none.
    ///
    /// # Errors
    /// [`Failure`] of the log-in.
    pub async fn ready(&self) -> Result<(), Failure> {
        self.tokens.get(None).await.map(drop)
    }

    /// Posts `body` to `path` and gives the answer back.
    ///
    /// # Errors
    /// [`Trouble`]. A time-out after sending is [`Failure::Unknown`]: it may have been done.
    pub async fn call(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        let request = |token: &str| post(self.address(path, token), body.to_string());
        let response = self.with_token(request, |response| json(&response.body)).await?;
        answer(&response)
    }

    /// The same with the token that there is: if the platform refuses that, the caller is to come again soon, after
    /// [`Self::ready`]. So no log-in stands between the beginning of a call and its end.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_once(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        let token = self.tokens.get(None).await?;
        let request = post(self.address(path, &token), body.to_string());
        match self.attempt(request, &|response| json(&response.body), &token).await {
            Err(Trouble::Token(code, token)) if self.tokens.refuse(&token) => {
                let why = format!("{code} the platform refuses the token: another one is got");
                Err(Failure::Retry { after: Some(Duration::ZERO), why }.into())
            }
            Err(trouble) => Err(trouble),
            Ok(response) => answer(&response),
        }
    }

    /// Sends what `request` makes of a token; once more with a new token if the platform refuses the first.
    /// `verdict` finds the JSON that may hold an error code.
    pub(super) async fn with_token(
        &self,
        request: impl Fn(&str) -> OutRequest + Sync,
        verdict: impl Fn(&OutResponse) -> Option<Value> + Sync,
    ) -> Result<OutResponse, Trouble> {
        let token = self.tokens.get(None).await?;
        match self.attempt(request(&token), &verdict, &token).await {
            Err(Trouble::Token(_, refused)) => {
                let token = self.tokens.get(Some(&refused)).await?;
                self.attempt(request(&token), &verdict, &token).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        request: OutRequest,
        verdict: &(impl Fn(&OutResponse) -> Option<Value> + Sync),
        token: &str,
    ) -> Result<OutResponse, Trouble> {
        let response = self.http.send(request).await.map_err(Trouble::Unanswered)?;
        let answer = verdict(&response);
        let code = answer.as_ref().and_then(|answer| answer.get("errcode")?.as_i64()).unwrap_or_default();
        let words = answer.as_ref().and_then(|answer| answer.get("errmsg")?.as_str()).unwrap_or_default();
        match action(code, words, Timestamp::now()) {
            Action::Done if response.status.is_success() => {
                self.tokens.proved();
                Ok(response)
            }
            Action::Done => Err(unusable(&response)),
            Action::Renew => Err(Trouble::Token(code, token.to_owned())),
            Action::Window(room, failure) => Err(Trouble::Window(room, failure)),
            Action::Fail(failure) => Err(Trouble::Other(failure)),
        }
    }

    pub(super) async fn send(&self, request: OutRequest) -> Result<OutResponse, SendError> {
        self.http.send(request).await
    }

    /// The address of `path`, with the token in its query as the platform wants it.
    pub(super) fn address(&self, path: &str, token: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("access_token", token).finish();
        format!("{}{path}?{query}", self.account.api_base)
    }
}

/// Only the platform's own `errcode: 0` says that it was done; JSON of whoever stands before it does not.
fn answer(response: &OutResponse) -> Result<Value, Trouble> {
    json(&response.body).filter(|answer| answer.get("errcode").is_some()).ok_or_else(|| unusable(response))
}

/// Not the platform's answer: a proxy's page, a server in trouble.
fn unusable(response: &OutResponse) -> Trouble {
    let why = format!("HTTP {} without the platform's answer", response.status.as_u16());
    Trouble::Other(Failure::Retry { after: None, why })
}

/// The JSON object in `body`, if it is one. Media never begin with a brace.
pub fn json(body: &[u8]) -> Option<Value> {
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    object.then(|| serde_json::from_slice(body).ok()).flatten()
}

/// What a request without an answer means, for something that must not be done twice.
fn unanswered(error: SendError) -> Failure {
    let why = error.to_string();
    match error {
        SendError::NotSent(_) => Failure::Retry { after: None, why },
        SendError::Forbidden(_) => Failure::Refused { why },
        SendError::Unknown(_) | SendError::TooLarge(_) => Failure::Unknown { why },
    }
}
