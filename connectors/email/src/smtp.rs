//! Carrying letters to the mail server, step by step, so that it is known what an error means: before the server was
//! given the letter, nothing has happened; after that, nobody knows.

use crate::{
    config::{Outbound, Server},
    letter::Letter,
    marks,
    net::{Tls, authorities},
    read::{machine, words::without_addresses},
};
use async_trait::async_trait;
use jiesu_connector::{Appellant, Failure, Probe, Replier, Reply, Sent};
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    time::timeout,
};

/// Connections at a time: providers count them.
const CONNECTIONS: usize = 3;
/// Waiting for one of them; connecting and logging in; the envelope; the letter. Together less than the gateway waits.
const QUEUE: Duration = Duration::from_secs(15);
const LOG_IN: Duration = Duration::from_secs(25);
const ENVELOPE: Duration = Duration::from_secs(30);
const LETTER: Duration = Duration::from_secs(45);
/// A connection that was idle for longer is not used again.
const FRESH: Duration = Duration::from_secs(20);
/// One that was idle for longer than this is asked whether it is still there.
const ASKED: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(3);
/// Letters over one connection: servers have limits.
const LETTERS: u32 = 50;
/// When to try again what the server's side has to mend, or has too much of.
const MENDED: Duration = Duration::from_secs(600);
const CALMED: Duration = Duration::from_secs(1_800);

/// Sends answers and receipts.
pub struct Mailer {
    out: Arc<Outbound>,
    idle: Mutex<Vec<Idle>>,
    seats: Semaphore,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
    letters: u32,
}

fn retry(after: Option<Duration>, why: String) -> Failure {
    Failure::Retry { after, why }
}

impl Mailer {
    /// Opens nothing yet.
    pub fn new(out: Arc<Outbound>) -> Self {
        Self { out, idle: Mutex::default(), seats: Semaphore::new(CONNECTIONS) }
    }

    async fn connection(&self) -> Result<(AsyncSmtpConnection, u32), Failure> {
        while let Some(mut idle) = self.idle.lock().await.pop() {
            let usable = idle.since.elapsed() < FRESH && idle.letters < LETTERS && !idle.connection.has_broken();
            let asked = idle.since.elapsed() > ASKED;
            if usable && (!asked || timeout(ANSWER, idle.connection.test_connected()).await == Ok(true)) {
                return Ok((idle.connection, idle.letters));
            }
            let _ = timeout(Duration::from_secs(1), idle.connection.abort()).await;
        }
        match timeout(LOG_IN, open(&self.out.server, &self.out.from)).await {
            Ok(Ok(connection)) => Ok((connection, 0)),
            Ok(Err((after, why))) => Err(retry(after, why)),
            Err(_) => Err(retry(None, "the mail server does not answer the log-in".into())),
        }
    }

    async fn seat(&self) -> Result<SemaphorePermit<'_>, Failure> {
        let busy = || retry(Some(Duration::from_secs(5)), "all connections to the mail server are in use".into());
        timeout(QUEUE, self.seats.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())
    }

    async fn keep(&self, connection: AsyncSmtpConnection, letters: u32) {
        let mut idle = self.idle.lock().await;
        if idle.len() < CONNECTIONS {
            idle.push(Idle { connection, since: Instant::now(), letters });
        }
    }

    async fn deliver(&self, connection: &mut AsyncSmtpConnection, letter: &Letter) -> Result<(), Failure> {
        let told = timeout(ENVELOPE, envelope(connection, letter)).await;
        told.map_err(|_| retry(None, "the mail server does not answer".into()))??;
        // From here on the server may have the letter, whatever happens to its answer.
        let given = timeout(LETTER, connection.message(&letter.bytes)).await;
        let unknown = |why: String| Failure::Unknown { why };
        match given {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(match error.status() {
                Some(_) => judged(&error, Step::Letter),
                None => {
                    unknown(without_addresses(&format!("the mail server was given it, and did not answer: {error}")))
                }
            }),
            Err(_) => Err(unknown("the mail server was given it, and did not answer in time".into())),
        }
    }
}

/// Tells the server from whom and to whom; then it waits for the letter.
async fn envelope(connection: &mut AsyncSmtpConnection, letter: &Letter) -> Result<(), Failure> {
    let mut parameters = Vec::new();
    if connection.server_info().supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let utf8 = letter.envelope.to().iter().any(|to| !AsRef::<str>::as_ref(to).is_ascii());
    if utf8 && connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let sender = Mail::new(letter.envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(|error| judged(&error, Step::Sender))?;
    for recipient in letter.envelope.to() {
        let recipient = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(recipient).await.map_err(|error| judged(&error, Step::Recipient))?;
    }
    connection.command(Data).await.map_err(|error| judged(&error, Step::Letter))?;
    Ok(())
}

/// What the server was told when it refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Sender,
    Recipient,
    Letter,
}

/// What to do about an error that came before the letter was given away, or with an answer of the server.
fn judged(error: &Error, step: Step) -> Failure {
    let why = without_addresses(&error.to_string());
    let lower = why.to_lowercase();
    // Providers refuse for good what they only want later.
    let words = ["frequen", "too many", "too much", "limit", "频率", "频繁", "try again", "later", "quota", "busy"];
    let crowded = words.iter().any(|word| lower.contains(word));
    match () {
        () if error.status().is_none() || error.is_transient() => retry(crowded.then_some(CALMED), why),
        () if crowded => retry(Some(CALMED), why),
        // The sender is ours: that is for the operator to mend, and no fault of this citizen.
        () if step == Step::Sender => retry(Some(MENDED), why),
        () => Failure::Refused { why },
    }
}

/// Connects and logs in; on failure tells when to try again, and why.
async fn open(server: &Server, from: &str) -> Result<AsyncSmtpConnection, (Option<Duration>, String)> {
    let told = |error: Error| {
        let host = &server.host;
        (None, format!("no connection to {host} port {}: {error}", server.port))
    };
    let domain = from.rsplit('@').next().unwrap_or("localhost").to_owned();
    let hello = ClientId::Domain(domain);
    let authority = match &server.ca_file {
        Some(path) if server.tls != Tls::None => {
            let pem = authorities(path).await.map_err(|error| (None, error.to_string()))?;
            Some(Certificate::from_pem(&pem).map_err(told)?)
        }
        _ => None,
    };
    let encryption = || {
        let parameters = TlsParameters::builder(server.host.clone());
        let known = authority.clone().into_iter().fold(parameters, TlsParametersBuilder::add_root_certificate);
        known.build_rustls().map_err(told)
    };
    let implicit = if server.tls == Tls::Implicit { Some(encryption()?) } else { None };
    let address = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, Some(LOG_IN), &hello, implicit, None).await.map_err(told)?;
    if server.tls == Tls::Starttls {
        connection.starttls(encryption()?, &hello).await.map_err(told)?;
    }
    // A server that offers no log-in lets us send without, or says that it does not.
    let offered = connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_some();
    if let Some((username, password)) = server.login.as_ref().filter(|_| offered) {
        let credentials = Credentials::new(username.clone(), password.expose().to_owned());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(|error| {
            let after = error.is_permanent().then_some(MENDED);
            (after, format!("the log-in as {username} is refused: {error}; at QQ and 163 the password is the 授权码"))
        })?;
    }
    Ok(connection)
}

#[async_trait]
impl Replier for Mailer {
    async fn ready(&self) -> Result<(), Failure> {
        let _seat = self.seat().await?;
        let (connection, letters) = self.connection().await?;
        self.keep(connection, letters).await;
        Ok(())
    }

    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure> {
        let letter = Letter::write(&self.out, reply)?;
        let _seat = self.seat().await?;
        let (mut connection, letters) = self.connection().await?;
        let outcome = self.deliver(&mut connection, &letter).await;
        match &outcome {
            Ok(()) => self.keep(connection, letters + 1).await,
            Err(_) => drop(timeout(Duration::from_secs(1), connection.abort()).await),
        }
        outcome.map(|()| Sent { message: Some(letter.mark) })
    }

    fn reaches(&self, citizen: &Appellant) -> Option<String> {
        let address = citizen.email.as_deref()?.trim().parse::<Address>().ok()?.to_string();
        let ours = marks::base_address(&address) == marks::base_address(&self.out.from);
        (!ours && !machine::is_nobody(&address)).then_some(address)
    }
}

#[async_trait]
impl Probe for Mailer {
    async fn probe(&self) -> Result<(), String> {
        let mut connection = open(&self.out.server, &self.out.from).await.map_err(|(_, why)| format!("smtp: {why}"))?;
        let _ = timeout(Duration::from_secs(1), connection.quit()).await;
        Ok(())
    }
}
