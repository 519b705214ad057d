//! Short messages (短信): carriers' CMPP, SMPP, and the callbacks of clouds.
//!
//! Whatever a carrier delivers is answered only after it is on the disk, and a long message's parts are each a delivery of
//! their own. Answers go out over the same links, from the code that the citizen wrote to.
#![warn(missing_docs)]

mod budget;
mod cloud;
mod cmpp;
mod config;
mod courier;
#[doc(hidden)]
pub mod fuzzing;
mod number;
mod parse;
mod reply;
mod session;
mod short;
mod smpp;
mod text;

pub use cloud::Sending;
pub use config::{Charset, Config, Transport, Version};

use budget::Budget;
use cloud::{Callback, Cloud, Receipts, Sender};
use courier::{Courier, Manner};
use jiesu_connector::{BuildError, Connector, Faults, Inbound, Parts, Setup, Words};
use parse::{Format, Messages};
use reply::Answers;
use session::{Account, Centre, Dialect, Exchange, LogIn};
use short::Rules;
use std::sync::Arc;

/// Short messages.
pub struct Sms;

impl Connector for Sms {
    const NAME: &'static str = "sms";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut faults = Faults::default();
        config.misplaced(&mut faults);
        let words = Arc::new(faults.words(setup, &config.words));
        let rules = Rules {
            service_code: config.service_code.clone().unwrap_or_default(),
            extensions: config.extensions.clone().into_iter().collect(),
            wait_for_parts: faults.duration("wait_for_parts", &config.wait_for_parts),
        };
        let parts = match config.transport {
            Transport::Cmpp | Transport::Smpp => session(&config, setup, rules, words, &mut faults),
            Transport::Aliyun => callback(Cloud::Aliyun, &config, setup, rules, words, &mut faults),
            Transport::Tencent => callback(Cloud::Tencent, &config, setup, rules, words, &mut faults),
            Transport::Twilio => callback(Cloud::Twilio, &config, setup, rules, words, &mut faults),
        };
        if faults.0.is_empty() { Ok(parts) } else { Err(faults.0) }
    }
}

fn callback(
    cloud: Cloud,
    config: &Config,
    setup: &Setup<'_>,
    rules: Rules,
    words: Arc<Words>,
    faults: &mut Faults,
) -> Parts {
    let token = "copy the Auth Token of the account's console: requests are signed with it";
    let auth_token =
        (cloud == Cloud::Twilio).then(|| faults.needed("auth_token", config.auth_token.as_ref(), setup, token));
    let address = format!("{}/channels/{}", setup.public_url, setup.channel);
    let budget = Arc::new(Budget::new(config.receipts_per_number, config.receipts_per_day));
    let sender = config.send.as_ref().map(|send| {
        let around = (rules.service_code.clone(), address.as_str(), auth_token.as_ref());
        Sender {
            account: Arc::new(send.account(cloud, setup, around, faults)),
            http: Arc::clone(&setup.http),
            words: Arc::clone(&words),
            budget: Arc::clone(&budget),
        }
    });
    let sends_receipts = sender.as_ref().is_some_and(|sender| sender.account.receipt_template.is_some());
    let callback = Callback {
        cloud,
        query_secret: faults.secret("query_secret", config.query_secret.as_ref(), setup),
        auth_token,
        address,
        rules: rules.clone(),
        words,
        receipts: match (config.receipts, cloud) {
            (true, Cloud::Twilio) => Receipts::Answered,
            (true, _) if sends_receipts => Receipts::Sent,
            _ => Receipts::None,
        },
        budget,
    };
    Parts {
        inbound: Inbound::Push(Box::new(callback)),
        parser: Box::new(Messages { format: Format::Cloud(cloud), rules }),
        // Sending needs an order of its own with each of them; without it the answer to the callback is all there is.
        replier: sender.clone().map(|sender| Box::new(sender) as _),
        media: None,
        probe: sender.map(|sender| Box::new(sender) as _),
        converses: true,
    }
}

fn session(config: &Config, setup: &Setup<'_>, rules: Rules, words: Arc<Words>, faults: &mut Faults) -> Parts {
    let cmpp = config.transport == Transport::Cmpp;
    let host = faults.text("host", config.host.as_ref(), 253, "the name or address of the message centre");
    let account = "the account that the carrier gave to the hotline";
    let username = faults.text("username", config.username.as_ref(), if cmpp { 6 } else { 15 }, account);
    let secret = faults.needed("password", config.password.as_ref(), setup, "the account's shared secret or password");
    if !cmpp && secret.expose().len() > 8 {
        faults.0.push(BuildError::new("password", "has more than 8 characters: SMPP carries no more"));
    }
    let dialect: Arc<dyn Dialect> = match config.transport {
        Transport::Cmpp => Arc::new(cmpp::Cmpp {
            version: if config.version == Version::V2 { cmpp::Version::V2 } else { cmpp::Version::V3 },
            account: username,
            secret,
            service_id: config.service_id.clone(),
            strict: config.strict,
            sniff_header: config.sniff_header,
        }),
        _ => Arc::new(smpp::Smpp {
            account: username,
            secret,
            system_type: config.system_type.clone(),
            default_coding: config.charset.into(),
        }),
    };
    let tls = config.tls.then(session::tls).transpose().unwrap_or_else(|error| {
        faults.0.push(BuildError::new("tls", error.to_string()));
        None
    });
    let manner =
        Manner { signature: config.signature.clone(), reserve: config.reserve_chars.into(), receipts: config.receipts };
    let budget = Budget::new(config.receipts_per_number, config.receipts_per_day);
    let courier = Arc::new(Courier::new(setup.channel, manner, Arc::clone(&words), budget));
    let exchange = Arc::new(Exchange::default());
    let centre = Arc::new(Centre {
        account: Account {
            host,
            port: config.port.unwrap_or(if cmpp { 7890 } else { 2775 }),
            tls,
            links: config.links.into(),
        },
        dialect: Arc::clone(&dialect),
        rules: rules.clone(),
        words: Arc::clone(&words),
        exchange: Arc::clone(&exchange),
        courier: Arc::clone(&courier),
    });
    let answers = Answers { exchange, courier, words, service_code: rules.service_code.clone() };
    Parts {
        inbound: Inbound::Pull(Box::new(LogIn(Arc::clone(&centre)))),
        parser: Box::new(Messages { format: Format::Session(dialect), rules }),
        replier: Some(Box::new(answers)),
        media: None,
        probe: Some(Box::new(LogIn(centre))),
        converses: true,
    }
}
