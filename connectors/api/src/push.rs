//! The channel calls us.

use crate::{Form, Incoming, Problem, Receipt, Refusal, UploadCaps};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::Timestamp;
use std::{future::Future, net::IpAddr, pin::Pin};

/// A channel that calls us over HTTP. Everything here is a pure function of the request and the clock.
pub trait Webhook: Send + Sync {
    /// Authenticates one request and says what is in it.
    ///
    /// # Errors
    /// [`Rejection`], with the answer in the channel's own protocol. Nothing is stored.
    fn receive(&self, request: &Request, now: Timestamp) -> Result<Reception, Rejection>;

    /// Whether files in the `multipart/form-data` body of this request are taken, and how many; `request.body` is empty
    /// yet. The gateway then puts them on disk as they arrive, and calls [`Self::receive_form`].
    fn uploads(&self, _request: &Request, _now: Timestamp) -> Option<UploadCaps> {
        None
    }

    /// As [`Self::receive`], of a request whose files the gateway has taken out ([`Self::uploads`]).
    ///
    /// # Errors
    /// The same.
    fn receive_form(&self, request: &Request, _form: Form, now: Timestamp) -> Result<Reception, Rejection> {
        self.receive(request, now)
    }

    /// Who calls: decides which rate limit applies.
    fn callers(&self) -> Callers {
        Callers::Public
    }
}

/// Who calls a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anybody, each from an address of their own: every request counts against its address.
    Public,
    /// Programs that show a key of their own: they are limited by it ([`Accept::caller`]); by their address only where
    /// the configuration sets that limit itself, or when they fail authentication.
    Keyed,
    /// A platform that speaks for many citizens from few addresses and signs: only requests that fail
    /// authentication count against the address.
    Platform,
}

/// One HTTP request, its body already within the limits.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// What follows `/channels/{id}`: empty, or begins with `/`.
    pub path: String,
    /// The raw query string, as sent.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The client's address (behind a trusted proxy, the one that it reports).
    pub peer: IpAddr,
}

/// What is in an authenticated request.
pub enum Reception {
    /// Nothing to keep: a handshake, a form page. The answer.
    Answer(Response),
    /// Messages to keep.
    Accept(Accept),
    /// Nothing to keep: a citizen, known by the channel, asks how far their own matters are (进度).
    LookUp(LookUp),
    /// One of the others, and something to be done beside it.
    With(Box<Reception>, Aside),
    /// That depends on what all nodes remember (how often somebody came, what was used up): receiving itself stays pure.
    Ask(Asked),
}

/// What finds out, in the memory that all nodes share, what is in a request. It must end by itself, and let pass where
/// that memory cannot be reached.
pub type Asked = Pin<Box<dyn Future<Output = Result<Reception, Rejection>> + Send>>;

/// What is to be done beside answering a request, as a note in the memory that all nodes share. A future, so that
/// receiving stays pure. The gateway runs it while the message is stored, and waits for it a moment at most; it must end
/// by itself, and a crash may lose it.
pub type Aside = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A citizen asks how far their matters are.
pub struct LookUp {
    /// Who asks, as in [`Incoming::sender`]; only this sender's own tickets are told.
    pub sender: String,
    /// The ticket asked about; none means the latest ones. Another citizen's number is as one that does not exist.
    pub number: Option<String>,
    /// Called with what was found, newest first, or why the store cannot say.
    pub answer: LookUpAnswer,
}

/// Makes the answer to a look-up.
pub type LookUpAnswer = Box<dyn FnOnce(Result<&[Progress], Refusal>) -> Response + Send>;

/// How far a matter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The ticket's number.
    pub number: String,
    /// The ticket's status, as on the ticket: `accepted`, `in_progress`.
    pub status: String,
    /// Who deals with it (承办单位), if known.
    pub unit: Option<String>,
    /// The last public answer (答复), if any.
    pub reply: Option<String>,
}

/// Messages to keep, and how to answer once that is decided.
pub struct Accept {
    /// The messages, in order. All are stored in one transaction, or none.
    pub messages: Vec<Incoming>,
    /// A name for the caller, if it showed a key of its own: the `per_key` limit counts by it.
    pub caller: Option<String>,
    /// Called after the write: with one receipt a message, or why nothing was stored.
    pub answer: Answer,
}

/// Makes the answer to the channel, after the write.
pub type Answer = Box<dyn FnOnce(Result<&[Receipt], Refusal>) -> Response + Send>;

/// A request that is not taken.
#[derive(Debug)]
pub enum Rejection {
    /// Not from whom it claims. It does not count as received.
    Unauthenticated(Response),
    /// From the right sender, but unusable. It counts as received and rejected.
    Malformed {
        /// A short, stable label for metrics: `json`, `too-long`.
        reason: &'static str,
        /// The answer, which names the field.
        response: Response,
    },
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers; `Content-Length` is the gateway's.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer of a media type.
    pub fn new(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
        Self { status, headers, body: body.into() }
    }

    /// Adds a header; values that are no header values are left out.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = header::HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let response = Self::new(problem.status, "application/problem+json", problem.to_json());
        match problem.retry_after {
            // Rounded up: a client that waits as long as it is told must not come too early.
            Some(wait) => response.with(header::RETRY_AFTER, &wait.as_millis().div_ceil(1000).max(1).to_string()),
            None => response,
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        Problem::from(refusal).into()
    }
}
