//! The keys of an `email` channel.

use crate::{marks, net::Tls};
use jiesu_connector::{BuildError, Faults, Secret, SecretRef, Setup, Words};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The keys of an `email` channel: one mailbox, or one port for a mail server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How mail comes in: `imap`, from a mailbox at a provider; `lmtp`, from the city's own mail server.
    pub transport: Transport,
    /// imap: the server, as `imap.163.com`.
    #[serde(default)]
    pub host: Option<String>,
    /// imap: its port; 993, or 143 unless `tls` is `implicit`.
    #[serde(default)]
    pub port: Option<u16>,
    /// imap: how the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// imap: a file with the certificates (PEM) of the authorities that signed the server's, where the world does not know
    /// them: an authority of the city's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// imap: the account, usually the address.
    #[serde(default)]
    pub username: Option<String>,
    /// imap: the password; at QQ and 163 the 授权码 of the account's settings.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// imap: the folder that mail is taken from.
    #[serde(default = "inbox")]
    pub folder: String,
    /// imap: the folder that mail is moved to once it is stored. Without it mail stays and gets the keyword
    /// `$JiesuStored`.
    #[serde(default)]
    pub processed_folder: Option<String>,
    /// imap: a mailbox that has not said for so long what is in it is an alarm; at least `"2s"`, ten minutes if absent. The
    /// folder is looked at twice in that time, and every four minutes at least.
    #[serde(default)]
    pub silent_alarm: Option<String>,
    /// lmtp: where to listen, as `127.0.0.1:2424`. There is no encryption and no log-in: only the mail server must reach it.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// lmtp: the addresses that are ours; mail to others is refused (550). Without it all are taken.
    #[serde(default)]
    pub recipients: Option<Vec<String>>,
    /// The largest mail, as `"50MiB"`. A larger one is refused by lmtp (552); of one in a mailbox the beginning is taken.
    #[serde(default = "max_size")]
    pub max_size: String,
    /// The name under which the border mail server writes its `Authentication-Results`. Without it the gateway verifies
    /// the sender itself.
    #[serde(default)]
    pub authserv_id: Option<String>,
    /// The name that the border mail server gives itself in `Received: from … by NAME`. What it writes there of who gave it
    /// the mail is believed, and the gateway verifies SPF and DMARC as well; it must write that into every mail from
    /// outside. Not beside `authserv_id`.
    #[serde(default)]
    pub border: Option<String>,
    /// Verify DKIM signatures where there is no `authserv_id`, which asks the system's name servers for the keys; with
    /// `border`, SPF and DMARC too.
    #[serde(default = "yes")]
    pub dkim: bool,
    /// How answers and receipts go out. Without it nothing does.
    #[serde(default)]
    pub smtp: Option<Smtp>,
    /// Words of this channel instead of the standard ones, in the shape of `config/words.zh-CN.toml`.
    #[serde(default)]
    pub words: Map<String, Value>,
}

/// A mailbox that has not answered for so long is an alarm.
const SILENT: Duration = Duration::from_secs(600);

/// How mail comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// From a mailbox at a provider (RFC 9051).
    Imap,
    /// From the city's own mail server (RFC 2033).
    Lmtp,
}

/// How answers and receipts go out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The server, as `smtp.163.com`.
    pub host: String,
    /// Its port; 465, 587 for `starttls`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// A file with the certificates (PEM) of authorities that the world does not know.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The account, if the server wants a log-in.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// The sender: the address that citizens answer to.
    pub from: String,
    /// The sender's name.
    #[serde(default = "sender_name")]
    pub name: String,
    /// Citizens get a receipt (受理回执) by mail, at most one a day each.
    #[serde(default = "yes")]
    pub receipts: bool,
    /// Mail to `from` with a `+…` before the `@` comes in here too: answers and bounces then name their ticket by
    /// themselves. By default only for lmtp, because providers' mailboxes mostly have no such addresses.
    #[serde(default)]
    pub subaddresses: Option<bool>,
}

fn inbox() -> String {
    "INBOX".into()
}

fn max_size() -> String {
    "50MiB".into()
}

fn sender_name() -> String {
    "12345 政务服务便民热线".into()
}

fn yes() -> bool {
    true
}

/// A server and how to log in there.
#[derive(Clone)]
pub(crate) struct Server {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub ca_file: Option<PathBuf>,
    pub login: Option<(String, Secret)>,
}

/// The configuration, checked, its secrets resolved.
pub(crate) struct Checked {
    pub inbound: Inbound,
    pub max_size: usize,
    pub own: Vec<String>,
    pub authserv_id: Option<String>,
    pub border: Option<String>,
    pub verifies: bool,
    pub outbound: Option<Outbound>,
}

pub(crate) enum Inbound {
    Imap { server: Server, folder: String, processed: Option<String>, silent: Duration },
    Lmtp { listen: SocketAddr, recipients: Option<Vec<String>> },
}

pub(crate) struct Outbound {
    pub server: Server,
    pub from: String,
    pub name: String,
    pub receipts: bool,
    pub subaddresses: bool,
    pub status_url: String,
    pub words: Words,
}

impl Config {
    /// Checks everything and resolves the secrets.
    pub(crate) fn check(self, setup: &Setup<'_>) -> Result<Checked, Vec<BuildError>> {
        let mut faults = Vec::new();
        let max_size = bytes(&self.max_size).filter(|size| (1 << 16..=1 << 28).contains(size));
        if max_size.is_none() {
            faults.push(BuildError::new("max_size", "is no size from 64KiB to 256MiB, as \"50MiB\""));
        }
        let words = setup.words.with(&self.words).unwrap_or_else(|wrong| {
            faults
                .extend(wrong.into_iter().map(|fault| BuildError::new(format!("words.{}", fault.field), fault.detail)));
            Words::default()
        });
        if self.border.is_some() && (self.authserv_id.is_some() || !self.dkim) {
            let what = "is for a gateway that verifies senders itself: remove it, or authserv_id and dkim = false";
            faults.push(BuildError::new("border", what));
        }
        let smtp = self.smtp.clone().map(|smtp| smtp.check(self.transport, setup, words, &mut faults));
        let inbound = match self.transport {
            Transport::Imap => self.imap(setup, &mut faults),
            Transport::Lmtp => self.lmtp(&mut faults),
        };
        let recipients = self.recipients.iter().flatten().map(String::as_str);
        let own = recipients.chain(self.username.as_deref()).filter(|address| address.contains('@'));
        let mut own: Vec<String> = own.map(marks::base_address).collect();
        own.extend(smtp.iter().flatten().map(|out| marks::base_address(&out.from)));
        match (inbound, max_size) {
            (Some(inbound), Some(max_size)) if faults.is_empty() => {
                let verifies = self.dkim && self.authserv_id.is_none();
                let (authserv_id, border) = (self.authserv_id, self.border);
                Ok(Checked { inbound, max_size, own, authserv_id, border, verifies, outbound: smtp.flatten() })
            }
            _ => Err(faults),
        }
    }

    fn imap(&self, setup: &Setup<'_>, faults: &mut Vec<BuildError>) -> Option<Inbound> {
        let mut needed = |key: &str, value: &Option<String>, what: &str| {
            let value = value.clone().filter(|value| !value.trim().is_empty());
            if value.is_none() {
                faults.push(BuildError::new(key, format!("is required for transport = \"imap\": {what}")));
            }
            value
        };
        let host = needed("host", &self.host, "the server, as imap.163.com");
        let username = needed("username", &self.username, "the account, usually the address");
        let password = match &self.password {
            Some(reference) => resolve("password", reference, setup, faults),
            None => {
                let what = "is required for transport = \"imap\": the password, at QQ and 163 the 授权码";
                faults.push(BuildError::new("password", what));
                None
            }
        };
        for (key, given) in [("listen", self.listen.is_some()), ("recipients", self.recipients.is_some())] {
            if given {
                faults.push(BuildError::new(key, "is a key of transport = \"lmtp\": remove it"));
            }
        }
        if self.folder.trim().is_empty() || self.processed_folder.as_ref() == Some(&self.folder) {
            faults.push(BuildError::new(
                "processed_folder",
                "must be another folder than the one that mail is taken from",
            ));
        }
        let mut timing = Faults::default();
        let silent = self.silent_alarm.as_ref().map_or(SILENT, |text| timing.duration("silent_alarm", text));
        faults.append(&mut timing.0);
        if silent < Duration::from_secs(2) {
            faults.push(BuildError::new("silent_alarm", "is too short: at least \"2s\", as \"10m\""));
        }
        let port = self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 });
        let (ca_file, login) = (self.ca_file.clone(), Some((username?, password?)));
        let server = Server { host: host?, port, tls: self.tls, ca_file, login };
        let (folder, processed) = (self.folder.clone(), self.processed_folder.clone());
        Some(Inbound::Imap { server, folder, processed, silent })
    }

    fn lmtp(&self, faults: &mut Vec<BuildError>) -> Option<Inbound> {
        let foreign = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("processed_folder", self.processed_folder.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("silent_alarm", self.silent_alarm.is_some()),
        ];
        for (key, _) in foreign.into_iter().filter(|(_, given)| *given) {
            faults.push(BuildError::new(key, "is a key of transport = \"imap\": remove it"));
        }
        for (index, address) in self.recipients.iter().flatten().enumerate() {
            if !address.contains('@') {
                faults.push(BuildError::new(format!("recipients[{index}]"), "is no address, as 12345@leshan.example"));
            }
        }
        if self.listen.is_none() {
            let what = "is required for transport = \"lmtp\": the address to listen on, as 127.0.0.1:2424";
            faults.push(BuildError::new("listen", what));
        }
        let recipients = self.recipients.as_ref().map(|all| all.iter().map(|one| one.to_ascii_lowercase()).collect());
        Some(Inbound::Lmtp { listen: self.listen?, recipients })
    }
}

impl Smtp {
    fn check(
        self,
        transport: Transport,
        setup: &Setup<'_>,
        words: Words,
        faults: &mut Vec<BuildError>,
    ) -> Option<Outbound> {
        if self.host.trim().is_empty() {
            faults.push(BuildError::new("smtp.host", "is empty: give the server, as smtp.163.com"));
        }
        // With or without a name.
        let from = self.from.parse::<lettre::message::Mailbox>();
        if from.is_err() {
            faults.push(BuildError::new("smtp.from", "is no address, as 12345@leshan.example"));
        }
        let from = from.ok();
        let login = match (self.username, &self.password) {
            (Some(username), Some(password)) => Some((username, resolve("smtp.password", password, setup, faults)?)),
            (None, None) => None,
            (Some(_), None) => {
                faults
                    .push(BuildError::new("smtp.password", "is missing: give it, or leave smtp.username out as well"));
                None
            }
            (None, Some(_)) => {
                faults
                    .push(BuildError::new("smtp.username", "is missing: give it, or leave smtp.password out as well"));
                None
            }
        };
        let usual = match self.tls {
            Tls::Implicit => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        };
        Some(Outbound {
            server: Server {
                host: self.host,
                port: self.port.unwrap_or(usual),
                tls: self.tls,
                ca_file: self.ca_file,
                login,
            },
            name: from.as_ref().and_then(|from| from.name.clone()).unwrap_or(self.name),
            from: from?.email.to_string(),
            receipts: self.receipts,
            subaddresses: self.subaddresses.unwrap_or(transport == Transport::Lmtp),
            status_url: format!("{}/status", setup.public_url),
            words,
        })
    }
}

fn resolve(key: &str, reference: &SecretRef, setup: &Setup<'_>, faults: &mut Vec<BuildError>) -> Option<Secret> {
    match setup.secrets.resolve(reference) {
        Ok(secret) => Some(secret),
        Err(error) => {
            faults.push(BuildError::new(key, error.to_string()));
            None
        }
    }
}

/// `50MiB` in bytes.
fn bytes(text: &str) -> Option<usize> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "B" => 1,
        "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}
