//! WeChat official accounts (公众号, 服务号).
//!
//! Pushes come in plain or encrypted, as XML or JSON, and are answered within the platform's five seconds with a passive
//! reply: the receipt. Photos and recordings are only named and live for three days. Answers of the authorities go out as
//! customer-service messages, while the citizen's last message is fresh enough.
#![warn(missing_docs)]

mod answer;
mod config;
mod crypto;
mod delivery;
mod event;
mod fields;
mod outbound;
mod parse;
mod quota;
mod webhook;
mod windows;

pub use config::{Config, Mode};
pub use outbound::{Notice, NoticeKind};
pub use quota::{Allowance, Quota};

use jiesu_connector::{BuildError, Connector, Inbound, Media, Parts, Probe, Replier, Setup};
use outbound::{Api, LogIn, Replies, UserMedia};
use std::sync::Arc;
use windows::Windows;

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
        // Nor is anything counted where nothing goes out.
        let windows = (api.is_some() && account.quota.count)
            .then(|| Arc::new(Windows::new(account.app_id.clone(), account.quota.clone(), Arc::clone(&setup.shared))));
        let callback = webhook::Callback { account, windows: windows.clone() };
        Ok(Parts {
            inbound: Inbound::Push(Box::new(callback)),
            parser: Box::new(parse::PushParser),
            replier: api.clone().map(|api| Box::new(Replies { api, windows }) as Box<dyn Replier>),
            media: api.clone().map(|api| Box::new(UserMedia(api)) as Box<dyn Media>),
            probe: api.map(|api| Box::new(LogIn(api)) as Box<dyn Probe>),
            converses: true,
        })
    }
}
