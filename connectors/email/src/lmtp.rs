//! LMTP (RFC 2033): the city's mail server delivers to us, and keeps what we do not acknowledge.
//!
//! `250` for a recipient means that the mail is on the disk. Trouble of our own is `451`, so that the server keeps the mail
//! and comes again; `5xx`, which it would send back to the citizen, is only for what will never be taken.

use crate::{
    authenticity::Verifier,
    identity::{self, ENVELOPE_FROM, ENVELOPE_TO},
};
use async_trait::async_trait;
use bytes::Bytes;
use jiesu_connector::{Door, Listener, Refusal, Stream};
use smtp_proto::{
    Error, Request,
    request::receiver::{DataReceiver, DummyDataReceiver, RequestReceiver},
};
use std::{borrow::Cow, collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Nothing from the client for so long, and it is told to go (RFC 5321, section 4.5.3.2).
const IDLE: Duration = Duration::from_secs(300);
/// Recipients of one mail.
const MAX_RECIPIENTS: usize = 100;
/// Commands in a row that make no sense.
const MAX_NONSENSE: usize = 20;
/// Memory for mails on their way in, over all connections of the channel, in KiB.
const BUDGET: usize = 192 << 10;
/// How long a client waits for its share of that.
const SHARE: Duration = Duration::from_secs(30);

/// The port of one channel.
pub struct Port {
    address: SocketAddr,
    recipients: Option<Vec<String>>,
    max_size: usize,
    budget: Arc<Semaphore>,
    verifier: Option<Arc<Verifier>>,
}

impl Port {
    /// Listens on `address` for mail to `recipients`, of at most `max_size` bytes.
    pub fn new(
        address: SocketAddr,
        recipients: Option<Vec<String>>,
        max_size: usize,
        verifier: Option<Arc<Verifier>>,
    ) -> Self {
        // One mail of the largest size always fits.
        let budget = Arc::new(Semaphore::new(BUDGET.max((2 * max_size) >> 10)));
        Self { address, recipients, max_size, budget, verifier }
    }

    fn knows(&self, recipient: &str) -> bool {
        let recipient = recipient.to_ascii_lowercase();
        let base = crate::marks::base_address(&recipient);
        self.recipients.as_ref().is_none_or(|known| known.contains(&recipient) || known.contains(&base))
    }
}

#[async_trait]
impl Listener for Port {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn talk(&self, stream: Box<dyn Stream>, _: SocketAddr, door: &dyn Door) -> io::Result<()> {
        let mut talk =
            Talk { port: self, stream, door, from: None, recipients: Vec::new(), nonsense: 0, greeted: false };
        talk.say("220 jiesu LMTP").await?;
        talk.run().await
    }
}

/// One client.
struct Talk<'a> {
    port: &'a Port,
    stream: Box<dyn Stream>,
    door: &'a dyn Door,
    /// MAIL FROM, once it was said; empty for the null sender.
    from: Option<String>,
    recipients: Vec<String>,
    nonsense: usize,
    greeted: bool,
}

/// What to do after a command.
enum Next {
    Go,
    Data,
    Leave,
}

impl Talk<'_> {
    async fn run(&mut self) -> io::Result<()> {
        let mut receiver = RequestReceiver::default();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let length = match timeout(IDLE, self.stream.read(&mut buffer)).await {
                Ok(length) => length?,
                Err(_) => return self.say("421 4.4.2 no command for five minutes").await,
            };
            if length == 0 {
                return Ok(());
            }
            let mut bytes = buffer[..length].iter();
            loop {
                let next = match receiver.ingest(&mut bytes) {
                    Ok(request) => self.obey(request).await?,
                    Err(Error::NeedsMoreData { .. }) => break,
                    Err(error) => self.wrong(&error).await?,
                };
                match next {
                    Next::Go => {}
                    Next::Leave => return Ok(()),
                    Next::Data => {
                        let rest = bytes.as_slice().to_vec();
                        let Some(rest) = self.data(rest).await? else { return Ok(()) };
                        // What the client sent behind the mail: commands again.
                        buffer.resize(buffer.len().max(rest.len()), 0);
                        buffer[..rest.len()].copy_from_slice(&rest);
                        bytes = buffer[..rest.len()].iter();
                    }
                }
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\r\n");
        timeout(IDLE, self.stream.write_all(line.as_bytes())).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.stream.flush().await
    }

    async fn answer(&mut self, line: &str) -> io::Result<Next> {
        self.say(line).await.map(|()| Next::Go)
    }

    async fn wrong(&mut self, error: &Error) -> io::Result<Next> {
        self.nonsense += 1;
        if self.nonsense > MAX_NONSENSE {
            self.say("421 4.7.0 too many commands that are none").await?;
            return Ok(Next::Leave);
        }
        let line = match error {
            Error::ResponseTooLong => "500 5.5.2 the line is too long",
            Error::UnknownCommand => "500 5.5.1 this command is not known",
            Error::InvalidSenderAddress => "501 5.1.7 the sender's address is none",
            Error::InvalidRecipientAddress => "501 5.1.3 the recipient's address is none",
            Error::UnsupportedParameter { .. } => "555 5.5.4 this parameter is not known",
            _ => "501 5.5.4 the command is misspelt",
        };
        self.answer(line).await
    }

    async fn obey(&mut self, request: Request<Cow<'_, str>>) -> io::Result<Next> {
        match request {
            Request::Lhlo { .. } => {
                self.reset();
                self.greeted = true;
                let size = self.port.max_size;
                let lines = format!(
                    "250-jiesu\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE {size}"
                );
                self.answer(&lines).await
            }
            Request::Ehlo { .. } | Request::Helo { .. } => self.answer("500 5.5.1 this is LMTP: say LHLO").await,
            Request::Mail { .. } if !self.greeted => self.answer("503 5.5.1 say LHLO first").await,
            Request::Mail { .. } if self.from.is_some() => self.answer("503 5.5.1 there is a sender already").await,
            Request::Mail { from } if from.size > self.port.max_size => {
                self.answer("552 5.3.4 the mail is larger than SIZE").await
            }
            Request::Mail { from } => {
                self.from = Some(from.address.into_owned());
                self.answer("250 2.1.0 ok").await
            }
            Request::Rcpt { .. } if self.from.is_none() => self.answer("503 5.5.1 say MAIL first").await,
            Request::Rcpt { .. } if self.recipients.len() >= MAX_RECIPIENTS => {
                self.answer("452 4.5.3 too many recipients; send the others separately").await
            }
            Request::Rcpt { to } if !self.port.knows(&to.address) => {
                self.answer("550 5.1.1 there is no such address here").await
            }
            Request::Rcpt { to } => {
                self.recipients.push(to.address.into_owned());
                self.answer("250 2.1.5 ok").await
            }
            Request::Data if self.recipients.is_empty() => self.answer("503 5.5.1 there is no recipient").await,
            Request::Data => {
                self.say("354 end with <CRLF>.<CRLF>").await?;
                Ok(Next::Data)
            }
            Request::Rset => {
                self.reset();
                self.answer("250 2.0.0 ok").await
            }
            Request::Noop { .. } => self.answer("250 2.0.0 ok").await,
            Request::Vrfy { .. } => self.answer("252 2.1.5 send it, and see").await,
            Request::Quit => {
                self.say("221 2.0.0 bye").await?;
                Ok(Next::Leave)
            }
            // Its bytes would be taken for commands.
            Request::Bdat { .. } => {
                self.say("503 5.5.1 there is no CHUNKING here").await?;
                Ok(Next::Leave)
            }
            _ => {
                self.nonsense += 1;
                self.answer("502 5.5.1 this command is not for LMTP").await
            }
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.recipients.clear();
    }

    /// Takes the mail, stores it, and answers once for each recipient. Gives what the client sent behind it; `None` ends
    /// the connection.
    async fn data(&mut self, first: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let mut taking = Taking::new(self.port.max_size);
        let mut share: Option<OwnedSemaphorePermit> = None;
        let mut rest = taking.take(&first);
        let mut buffer = vec![0; 64 << 10];
        while rest.is_none() {
            if !taking.grow(&self.port.budget, &mut share).await {
                // Nothing was acknowledged: the server keeps the mail.
                self.say("451 4.3.1 no memory for it now; come again").await?;
                return Ok(None);
            }
            let length = match timeout(IDLE, self.stream.read(&mut buffer)).await {
                Ok(length) => length?,
                Err(_) => {
                    self.say("421 4.4.2 the mail did not go on").await?;
                    return Ok(None);
                }
            };
            if length == 0 {
                return Ok(None);
            }
            rest = taking.take(&buffer[..length]);
        }
        let line = match taking.mail {
            None => "552 5.3.4 the mail is larger than SIZE".to_owned(),
            Some(mail) => self.store(mail).await,
        };
        let answers = vec![line; self.recipients.len()].join("\r\n");
        self.reset();
        self.say(&answers).await?;
        Ok(rest)
    }

    async fn store(&mut self, mail: Vec<u8>) -> String {
        let mut meta = BTreeMap::from([
            (ENVELOPE_FROM.to_owned(), self.from.clone().unwrap_or_default()),
            (ENVELOPE_TO.to_owned(), self.recipients.join("\n")),
        ]);
        if let Some(verifier) = &self.port.verifier {
            meta.extend(verifier.findings(&mail, self.from.as_deref()).await);
        }
        let incoming = identity::incoming(Bytes::from(mail), meta, None);
        match self.door.accept(vec![incoming]).await.as_deref() {
            Ok([receipt, ..]) => format!("250 2.0.0 stored as {}", receipt.number),
            Ok([]) | Err(Refusal::Unavailable { .. } | Refusal::UnderWay) => {
                "451 4.3.0 it could not be stored; come again".into()
            }
            Err(Refusal::OtherContent) => "451 4.3.0 its name was used for another; come again".into(),
        }
    }
}

/// A mail on its way in.
struct Taking {
    receiver: DataReceiver,
    /// What is there; `None` once it is too large.
    mail: Option<Vec<u8>>,
    rest: Option<DummyDataReceiver>,
    max_size: usize,
}

impl Taking {
    fn new(max_size: usize) -> Self {
        let mut receiver = DataReceiver::new();
        // The end of the DATA line counts as the one before a dot: a mail may be empty.
        receiver.ingest(&mut b"\r\n".iter(), &mut Vec::new());
        Self { receiver, mail: Some(Vec::new()), rest: None, max_size }
    }

    /// Takes more bytes. Once the mail has ended, gives those behind it.
    fn take(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = bytes.iter();
        let ended = match (&mut self.mail, &mut self.rest) {
            (Some(mail), _) => {
                let ended = self.receiver.ingest(&mut bytes, mail);
                if mail.len() > self.max_size {
                    self.mail = None;
                    self.rest = Some(DummyDataReceiver::new_data(&self.receiver));
                }
                ended
            }
            (None, Some(rest)) => rest.ingest(&mut bytes),
            (None, None) => true,
        };
        ended.then(|| bytes.as_slice().to_vec())
    }

    /// Takes its share of the memory for what is there and what comes next; false if there is none.
    async fn grow(&self, budget: &Arc<Semaphore>, share: &mut Option<OwnedSemaphorePermit>) -> bool {
        let Some(mail) = &self.mail else {
            *share = None;
            return true;
        };
        let held = share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = ((mail.len() >> 10) + 64).saturating_sub(held);
        if wanted == 0 {
            return true;
        }
        let wanted = u32::try_from(wanted.max(256)).unwrap_or(u32::MAX);
        match timeout(SHARE, budget.clone().acquire_many_owned(wanted)).await {
            Ok(Ok(more)) => {
                match share {
                    Some(share) => share.merge(more),
                    None => *share = Some(more),
                }
                true
            }
            _ => false,
        }
    }
}
