//! We hold a session, or the channel opens connections to us.

use crate::{Importer, Incoming, Progress, Receipt, Refusal};
use async_trait::async_trait;
use std::{net::SocketAddr, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// A channel that we ask for what is new. The gateway opens the session, keeps it on one node at a time, and opens
/// it again, with back-off, when it is lost.
#[async_trait]
pub trait Source: Send + Sync {
    /// Logs in.
    ///
    /// # Errors
    /// [`Lost`], with when to try again.
    async fn open(&self) -> Result<Box<dyn Session>, Lost>;

    /// How many sessions the gateway holds at the same time, at least 1; each is opened and lost by itself.
    fn sessions(&self) -> usize {
        1
    }

    /// What keeps messages from coming, although the session may look well: it is an alarm, and shown with the channel.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Where the channel's messages can also be had from files by hand.
    fn importer(&self) -> Option<&dyn Importer> {
        None
    }
}

/// One open session.
#[async_trait]
pub trait Session: Send {
    /// Waits for the next messages. Cancel safe: a batch that was not acknowledged comes again, from here or from
    /// the next session.
    ///
    /// # Errors
    /// [`Lost`] ends the session.
    async fn next(&mut self) -> Result<Batch, Lost>;

    /// Tells the channel that `batch` is on disk: `DELIVER_RESP 0`, `UID MOVE`. Called once a batch, in order; not
    /// called for a batch that could not be stored.
    ///
    /// # Errors
    /// [`Lost`] ends the session; the channel will send the batch again, as a redelivery.
    async fn acknowledge(&mut self, batch: u64, receipts: &[Receipt]) -> Result<(), Lost>;

    /// `batch` could not be stored, or nobody knows whether it was. A session that can go on says so, and sees to it that
    /// the batch comes again; by default it cannot.
    ///
    /// # Errors
    /// [`Lost`] ends the session; the channel will send the batch again.
    async fn refuse(&mut self, _batch: u64, refusal: Refusal) -> Result<(), Lost> {
        Err(Lost { why: refusal.to_string(), retry_after: None })
    }

    /// What citizens asked (进度) in what was acknowledged last; each question is handed out once.
    fn questions(&mut self) -> Vec<Question> {
        Vec::new()
    }

    /// What the session received and rejected since the last call, by reason (a short, stable label) and count.
    fn rejected(&mut self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Takes leave, when the gateway stops.
    async fn close(self: Box<Self>);
}

/// Messages that the channel wants acknowledged together.
pub struct Batch {
    /// The session's own name for it.
    pub id: u64,
    /// The messages, in order.
    pub messages: Vec<Incoming>,
}

/// A citizen asks how far their matters are (进度), over a session.
pub struct Question {
    /// Who asks, as in [`Incoming::sender`]; only this sender's own tickets are told.
    pub sender: String,
    /// The ticket asked about; none means the latest ones. Another citizen's number is as one that does not exist.
    pub number: Option<String>,
    /// Called with what was found, newest first, or why the store cannot say. Must not block.
    pub answer: Told,
}

/// Carries what was found to whoever asked.
pub type Told = Box<dyn FnOnce(Result<&[Progress], Refusal>) + Send>;

/// The session is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Lost {
    /// Why, in words for an operator.
    pub why: String,
    /// Not before this has passed; the gateway's own back-off otherwise.
    pub retry_after: Option<Duration>,
}

/// A byte stream from a client.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A channel that opens connections to us. The gateway owns the socket, the cap on connections and the stop.
#[async_trait]
pub trait Listener: Send + Sync {
    /// Where to listen; port 0 is allowed.
    fn address(&self) -> SocketAddr;

    /// Talks to one client until it leaves. Dropped at shutdown, once the door has answered.
    ///
    /// # Errors
    /// An I/O error ends this connection, no other.
    async fn talk(&self, stream: Box<dyn Stream>, peer: SocketAddr, door: &dyn Door) -> std::io::Result<()>;
}

/// The one door, as a connection sees it.
#[async_trait]
pub trait Door: Send + Sync {
    /// Stores `messages` together; on return they are on disk.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was stored.
    async fn accept(&self, messages: Vec<Incoming>) -> Result<Vec<Receipt>, Refusal>;
}
