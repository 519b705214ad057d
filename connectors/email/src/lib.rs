//! E-mail (电子邮件): a mailbox at a provider by IMAP, or a port for the city's own mail server by LMTP; answers and receipts
//! by SMTP.
//!
//! Mail is stored as it came before anybody looks into it. What it says is read later, from the stored bytes, by a parser
//! that relies on nothing that a mail says about itself.
#![warn(missing_docs)]

mod authenticity;
mod config;
mod identity;
mod imap;
mod letter;
mod lmtp;
mod marks;
mod net;
mod parse;
mod read;
mod smtp;

pub use config::{Config, Smtp, Transport};
pub use net::Tls;

use async_trait::async_trait;
use jiesu_connector::{BuildError, Connector, Inbound, Parts, Probe, Replier, Setup};
use std::sync::Arc;

/// E-mail.
pub struct Email;

impl Connector for Email {
    const NAME: &'static str = "email";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let checked = config.check(setup)?;
        let out = checked.outbound.map(Arc::new);
        let mailer = out.clone().map(|out| Arc::new(smtp::Mailer::new(out)));
        let parser = parse::Mails {
            own: checked.own,
            server: checked.authserv_id,
            receipts: out.as_ref().is_some_and(|out| out.receipts),
        };
        let mut probes: Vec<Box<dyn Probe>> = Vec::new();
        let verifier = checked.verifies.then(|| Arc::new(authenticity::Verifier::new(checked.border)));
        let inbound = match checked.inbound {
            config::Inbound::Lmtp { listen, recipients } => {
                Inbound::Listen(Box::new(lmtp::Port::new(listen, recipients, checked.max_size, verifier)))
            }
            config::Inbound::Imap { server, folder, processed, silent } => {
                let pull = imap::Pull::new(imap::Settings {
                    channel: setup.channel.to_owned(),
                    server,
                    folder,
                    processed,
                    silent,
                    max_size: checked.max_size,
                    verifier,
                    shared: Arc::clone(&setup.shared),
                });
                probes.push(Box::new(imap::LogIn(pull.clone())));
                Inbound::Pull(Box::new(pull))
            }
        };
        if let Some(mailer) = &mailer {
            probes.push(Box::new(Handle(Arc::clone(mailer))));
        }
        Ok(Parts {
            inbound,
            parser: Box::new(parser),
            replier: mailer.map(|mailer| Box::new(Handle(mailer)) as Box<dyn Replier>),
            media: None,
            probe: (!probes.is_empty()).then(|| Box::new(Probes(probes)) as Box<dyn Probe>),
            converses: false,
        })
    }
}

/// The mailer, as a replier and as a probe.
struct Handle(Arc<smtp::Mailer>);

#[async_trait]
impl Replier for Handle {
    async fn ready(&self) -> Result<(), jiesu_connector::Failure> {
        self.0.ready().await
    }

    async fn reply(&self, reply: &jiesu_connector::Reply) -> Result<jiesu_connector::Sent, jiesu_connector::Failure> {
        self.0.reply(reply).await
    }

    fn reaches(&self, citizen: &jiesu_connector::Appellant) -> Option<String> {
        self.0.reaches(citizen)
    }
}

#[async_trait]
impl Probe for Handle {
    async fn probe(&self) -> Result<(), String> {
        self.0.probe().await
    }
}

/// All that there is to try.
struct Probes(Vec<Box<dyn Probe>>);

#[async_trait]
impl Probe for Probes {
    async fn probe(&self) -> Result<(), String> {
        for probe in &self.0 {
            probe.probe().await?;
        }
        Ok(())
    }
}
