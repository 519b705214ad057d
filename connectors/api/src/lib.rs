//! The contract between the gateway and its connectors (渠道接入), to be read in one sitting.
//!
//! A **connector** is the code for one kind of channel; a **channel** is one configured instance of it.
//! A connector authenticates and names what comes in, parses it later, and may carry answers back. It sees
//! neither store nor Redis nor core nor other connectors: every appeal goes through the one door of the gateway,
//! and the gateway owns every loop, retry, time-out, shutdown and write.
//!
//! Three ways in ([`Inbound`]): the channel calls us ([`Webhook`]), we hold a session ([`Source`]), or the channel
//! opens connections to us ([`Listener`]). In all three the order is the same: *receive* (pure), *accept*
//! (the gateway writes the raw bytes to disk), and only then *acknowledge*.
#![warn(missing_docs)]

mod appeal;
mod contact;
mod faults;
mod fetched;
mod import;
mod incoming;
mod json;
mod network;
mod outbound;
mod posted;
mod problem;
mod pull;
mod push;
mod said;
mod sample;
mod seal;
mod secret;
mod shown;
mod sniff;
mod submission;
mod told;
mod upload;
mod words;

pub use appeal::{
    Appeal, Appellant, Attachment, Datum, Intent, Kind, Location, Note, Part, PartType, Payload, Proven, Provenance,
    Thread, digit, is_email, is_phone, mask_email, mask_name, mask_phone,
};
pub use contact::{Contact, Patience};
pub use faults::Faults;
pub use fetched::{checked_media, get_media, unfetched};
pub use import::{Import, Imported, Importer};
pub use incoming::{DeliveryKey, Incoming, OnOtherContent, ParseError, Parser, Piece, Raw, Receipt, Refusal, digest};
pub use json::read_json;
pub use network::{HttpClient, LocalMemory, Offline, Origin, OutRequest, OutResponse, SendError, Shared, SharedError};
pub use outbound::{Failure, Media, MediaRef, Probe, Replier, Reply, Sent};
pub use posted::{IDEMPOTENCY_KEY, idempotency_key, one_receipt, read_posted, receipt_answer, status_url};
pub use problem::{FieldFault, Problem};
pub use pull::{Batch, Door, Listener, Lost, Question, Session, Source, Stream, Told};
pub use push::{
    Accept, Answer, Aside, Asked, Callers, LookUp, LookUpAnswer, Progress, Reception, Rejection, Request, Response,
    Webhook,
};
pub use said::{Ask, Said};
pub use sample::{Sample, SampleError};
pub use seal::{LocalSeal, Seal};
pub use secret::{Secret, SecretError, SecretRef, Secrets};
pub use sniff::{HARMFUL, media_type_of};
pub use submission::{MAX_ATTACHMENTS, Submission, SubmittedFile, says_nothing};
pub use told::shorten;
pub use upload::{Form, KeptFile, Upload, UploadCaps, UploadFault, plain_file_name};
pub use words::Words;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::{cell::RefCell, fmt, sync::Arc};

/// One kind of channel. Implemented once by each connector crate and listed in the gateway's registry.
pub trait Connector: Sized + 'static {
    /// The `type` in the configuration, and the label in metrics: lower case, stable for ever.
    const NAME: &'static str;
    /// The channel's own keys. Its JSON schema is the reference page, so every field has a doc comment, and
    /// unknown keys are refused (`#[serde(deny_unknown_fields)]`).
    type Config: DeserializeOwned + JsonSchema + fmt::Debug;

    /// Builds the channel's parts from its configuration. Opens no file and no connection.
    ///
    /// # Errors
    /// Every fault found, not only the first, each naming its key.
    fn build(config: Self::Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>>;
}

/// What the gateway tells a connector when it builds a channel.
pub struct Setup<'a> {
    /// The channel's id: the last segment of its path, and its label.
    pub channel: &'a str,
    /// The public base URL without a trailing slash, as channels and citizens see it.
    pub public_url: &'a str,
    /// The CloudEvents `source` of this gateway: `jiesu`, or `jiesu/CITY`.
    pub source: String,
    /// Resolves `env:`, `file:` and literal secrets.
    pub secrets: &'a dyn Secrets,
    /// What is said to citizens, and what they say to the gateway.
    pub words: Words,
    /// The way out over HTTP.
    pub http: Arc<dyn HttpClient>,
    /// What all nodes of the gateway remember together.
    pub shared: Arc<dyn Shared>,
    /// Marks what citizens' browsers bring back.
    pub seal: Arc<dyn Seal>,
    /// What is no fault, but hardly meant; see [`Setup::warn`].
    pub warnings: RefCell<Vec<BuildError>>,
}

impl<'a> Setup<'a> {
    /// With the standard words, no way out, and memory and seal of this process.
    pub fn new(channel: &'a str, public_url: &'a str, secrets: &'a dyn Secrets) -> Self {
        let (words, http, shared) = (Words::default(), Arc::new(Offline), Arc::new(LocalMemory::default()));
        Self {
            channel,
            public_url,
            source: "jiesu".into(),
            secrets,
            words,
            http,
            shared,
            seal: Arc::new(LocalSeal::default()),
            warnings: RefCell::default(),
        }
    }

    /// Tells the operator of something that is no fault, but hardly meant.
    pub fn warn(&self, warning: BuildError) {
        self.warnings.borrow_mut().push(warning);
    }
}

/// A channel, ready to run. What it cannot do is absent, never a no-op.
pub struct Parts {
    /// How messages come in.
    pub inbound: Inbound,
    /// Turns stored bytes into an appeal; pure, so that it can be run again.
    pub parser: Box<dyn Parser>,
    /// Carries answers back to the citizen.
    pub replier: Option<Box<dyn Replier>>,
    /// Fetches photos and recordings that the channel only names.
    pub media: Option<Box<dyn Media>>,
    /// Logs in and consumes nothing, for `jiesu check --connect`.
    pub probe: Option<Box<dyn Probe>>,
    /// Citizens say one thing in several messages here, so by default they are put together.
    pub converses: bool,
}

/// How messages come in.
pub enum Inbound {
    /// The channel calls us over HTTP.
    Push(Box<dyn Webhook>),
    /// We hold a session and ask for what is new: IMAP, CMPP, SMPP.
    Pull(Box<dyn Source>),
    /// The channel opens connections to us: LMTP.
    Listen(Box<dyn Listener>),
}

/// A fault in a channel's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct BuildError {
    /// The key below the channel's table, dotted.
    pub key: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl BuildError {
    /// A fault at `key`: `what` says what is wrong and what would be right.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}
