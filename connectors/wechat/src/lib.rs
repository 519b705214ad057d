//! WeChat official accounts (公众号, 服务号).
//!
//! Pushes come in plain or encrypted, as XML or JSON, and are answered within the platform's five seconds with a passive
//! reply: the receipt. Photos and recordings are only named and live for three days. Answers of the authorities go out as
//! customer-service messages, while the citizen's last message is fresh enough.
#![warn(missing_docs)]

mod answer;
mod config;
mod crypto;
mod event;
mod fields;
mod outbound;
mod parse;
mod webhook;

pub use config::{Config, Mode};
pub use outbound::{Notice, NoticeKind};

use jiesu_connector::{BuildError, Connector, Inbound, Media, Parts, Probe, Replier, Setup};
use outbound::{Api, LogIn, Replies, UserMedia};
use std::sync::Arc;

/// WeChat official accounts.
pub struct Wechat;

impl Connector for Wechat {
    const NAME: &'static str = "wechat";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let account = Arc::new(config.check(setup)?);
        // Without the secret nothing goes out, and no part pretends to.
        let api = account.app_secret.clone().map(|secret| {
            let (http, shared) = (Arc::clone(&setup.http), Arc::clone(&setup.shared));
            Arc::new(Api::new(Arc::clone(&account), secret, http, shared))
        });
        Ok(Parts {
            inbound: Inbound::Push(Box::new(webhook::Callback(account))),
            parser: Box::new(parse::PushParser),
            replier: api.clone().map(|api| Box::new(Replies(api)) as Box<dyn Replier>),
            media: api.clone().map(|api| Box::new(UserMedia(api)) as Box<dyn Media>),
            probe: api.map(|api| Box::new(LogIn(api)) as Box<dyn Probe>),
            converses: true,
        })
    }
}
