//! From us to the citizen, and media that the channel only names.

use crate::Appellant;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Carries an answer (答复) to the citizen.
#[async_trait]
pub trait Replier: Send + Sync {
    /// Does beforehand what may take long and says nothing to anybody yet, as a log-in; called before each
    /// [`Self::reply`]. A gateway that ends here tries the reply again; one that ends in `reply` cannot know whether it
    /// went out, and never sends it twice.
    ///
    /// # Errors
    /// [`Failure`], as of the reply itself.
    async fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Sends one reply; success means that the channel took it.
    ///
    /// # Errors
    /// [`Failure`] says what to do next.
    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure>;

    /// This channel's own name for a citizen of whom so much is known, if it can reach them by it: a phone, a mail address.
    /// So answers go out for those who came by a channel that cannot reach them.
    fn reaches(&self, _citizen: &Appellant) -> Option<String> {
        None
    }

    /// Whether replies leave over the sessions of the channel's own source: of several nodes the one that holds those
    /// sends the replies, too.
    fn by_session(&self) -> bool {
        false
    }

    /// How long the fate of a reply that was taken may be awaited, where the channel reports it
    /// ([`crate::Note::Fate`], for each name in [`Sent::message`]): until then it is under way, afterwards unknown.
    /// `None`: what was taken is delivered, unless a report says otherwise.
    fn reports_within(&self) -> Option<Duration> {
        None
    }
}

/// The channel took a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The channel's name for it, where it reports the fate of it later ([`crate::Note::Fate`]); several, with a space
    /// between, for a reply that went out in several messages.
    pub message: Option<String>,
}

/// One answer to one citizen.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The reply's id, the same at every attempt.
    pub id: String,
    /// To whom, in the channel's own terms: the `sender` of what came in.
    pub to: String,
    /// The ticket's number.
    pub number: String,
    /// The words.
    pub text: String,
    /// This is no answer but the receipt (受理回执): the status code. It is said once, so that it is never in the store.
    pub code: Option<String>,
    /// The ticket's title.
    pub title: String,
    /// The channel's own name for the citizen's message ([`crate::Appeal::message`]).
    pub message: Option<String>,
    /// Proves, together with the number, that whoever shows it was written to about this ticket ([`crate::Thread::shown`]).
    /// Lower-case letters and digits.
    pub proof: String,
}

/// A channel that keeps photos and recordings for a short while only.
#[async_trait]
pub trait Media: Send + Sync {
    /// Fetches one, at most `max` bytes.
    ///
    /// # Errors
    /// [`Failure`]; `Refused` means that it is gone for good.
    async fn fetch(&self, media: &MediaRef, max: u64) -> Result<Bytes, Failure>;
}

/// The channel's name for a photo or recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef(
    /// A media id or an address.
    pub String,
);

/// What to do next after something did not go out or come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Try again.
    #[error("{why}")]
    Retry {
        /// Not before this has passed.
        after: Option<Duration>,
        /// Why.
        why: String,
    },
    /// Never try this again.
    #[error("{why}")]
    Refused {
        /// Why, with the channel's own code.
        why: String,
    },
    /// A part of it arrived for certain, the rest did not; sending it again would say that part twice.
    #[error("{why}")]
    Partial {
        /// How much, and why not the rest.
        why: String,
    },
    /// It may have arrived; sending it again could say it twice.
    #[error("{why}")]
    Unknown {
        /// Why.
        why: String,
    },
}

/// Logs in to the channel, sends and consumes nothing.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Tries it.
    ///
    /// # Errors
    /// What is wrong and what would be right, in words.
    async fn probe(&self) -> Result<(), String>;
}
