//! The phone (电话): Twilio's voice webhooks, which ask what to say, and the event pushes of call centres, which tell what
//! happened.
//!
//! One call is one ticket, whatever the order in which its events come and however often: each is stored and acknowledged
//! by itself, under the call's number, and the gateway gathers them when the call is complete.
#![warn(missing_docs)]

mod auth;
mod caller;
mod config;
mod event;
mod facts;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod media;
mod menu;
mod parse;
mod profile;
mod push;
mod twilio;
mod voice;

pub use config::{Config, Dialect, Expected, Policy, Profile, Signature, Wait};
pub use menu::{Choice, Menu};

use auth::Auth;
use facts::{RECORDING, TRANSCRIPT, Waiting, Waits};
use gather::Rules;
use jiesu_connector::{BuildError, Connector, Faults, Inbound, Media, Parts, Secret, Setup, Words};
use media::{Login, Recordings};
use parse::{Calls, Format};
use profile::Map;
use push::{Push, PushHook};
use std::{sync::Arc, time::Duration};
use twilio::Twilio;
use voice::Voice;

/// Where Twilio keeps recordings.
const TWILIO_HOST: &str = "api.twilio.com";

/// The phone.
pub struct Ivr;

impl Connector for Ivr {
    const NAME: &'static str = "ivr";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let mut faults = Faults::default();
        config.check(&mut faults);
        let words = faults.words(setup, &config.words);
        let rules = Rules {
            menus: config.menu.clone(),
            digits: config.digits.clone(),
            numbers: config.numbers.clone(),
            missed: config.missed,
            silent: config.silent.unwrap_or(match config.dialect {
                Dialect::Twilio => Policy::Callback,
                Dialect::Json => Policy::Note,
            }),
            fetch: config.recording_fetch,
            words: words.clone(),
        };
        let waits = waits(&config.wait, &mut faults);
        let (inbound, calls, login) = match config.dialect {
            Dialect::Twilio => twilio(&config, setup, rules, waits, words, &mut faults),
            Dialect::Json => json(&config, setup, rules, waits, &mut faults),
        };
        let login =
            faults.secret("recording_login", config.recording_login.as_ref(), setup).map(Login::Basic).or(login);
        let mut hosts = config.recording_hosts.clone();
        if config.dialect == Dialect::Twilio && hosts.is_empty() {
            hosts.push(TWILIO_HOST.into());
        }
        let recordings = Recordings { http: Arc::clone(&setup.http), hosts, login };
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        Ok(Parts {
            inbound,
            parser: Box::new(calls),
            replier: None,
            media: config.recording_fetch.then(|| Box::new(recordings) as Box<dyn Media>),
            probe: None,
            converses: false,
        })
    }
}

fn twilio(
    config: &Config,
    setup: &Setup<'_>,
    rules: Rules,
    waits: Waits,
    words: Words,
    faults: &mut Faults,
) -> (Inbound, Calls, Option<Login>) {
    let token = "copy the Auth Token of the account's console: requests are signed with it";
    let own = faults.secret("signing_secret", config.signing_secret.as_ref(), setup);
    let auth_token = match own {
        Some(_) => faults.secret("auth_token", config.auth_token.as_ref(), setup),
        None => Some(faults.needed("auth_token", config.auth_token.as_ref(), setup, token)),
    };
    let voice = Voice {
        address: format!("{}/channels/{}", setup.public_url, setup.channel),
        menus: config.menu.clone(),
        voicemail: config.voicemail,
        transcribe: config.transcribe,
        language: config.language.clone(),
        voice: config.voice.clone(),
        longest: faults.duration("longest_message", &config.longest_message).as_secs(),
        words,
    };
    let algorithm = match config.signature {
        Signature::Sha1 => jiesu_twilio::Algorithm::Sha1,
        Signature::Sha256 => jiesu_twilio::Algorithm::Sha256,
    };
    let secret = own.or_else(|| auth_token.clone()).unwrap_or_else(|| Secret::new(""));
    let hook = Twilio { algorithm, secret, voice: Arc::new(voice) };
    let waiting = Waiting::new(0, if config.transcribe { TRANSCRIPT } else { 0 }, waits);
    let calls = Calls { format: Format::Twilio { voicemail: config.voicemail }, rules, waiting };
    (Inbound::Push(Box::new(hook)), calls, auth_token.map(Login::Account))
}

fn json(
    config: &Config,
    setup: &Setup<'_>,
    rules: Rules,
    waits: Waits,
    faults: &mut Faults,
) -> (Inbound, Calls, Option<Login>) {
    let mut auth = Auth {
        basic: faults.secret("basic", config.basic.as_ref(), setup),
        query: faults.secret("query_secret", config.query_secret.as_ref(), setup),
        ..Auth::default()
    };
    let traits = config.profile.map(Profile::traits);
    match traits {
        None => {
            let what = "what the sender signs its events with (X-Jiesu-Signature)";
            auth.signed = Some(faults.needed("secret", config.secret.as_ref(), setup, what));
        }
        Some(traits) if traits.signs => auth.huawei = faults.secret("secret", config.secret.as_ref(), setup),
        Some(_) => {}
    }
    let profile = traits.and_then(|traits| match Map::of(traits) {
        Ok(map) => Some((traits, map)),
        Err(error) => {
            faults.add("profile", format!("cannot be used in this build: {error}"));
            None
        }
    });
    let expected = config.expect.iter().fold(0, |expected, one| {
        expected
            | match one {
                Expected::Recording => RECORDING,
                Expected::Transcript => TRANSCRIPT,
            }
    });
    let push = Arc::new(Push { auth, profile, public_url: setup.public_url.into() });
    let calls = Calls { format: Format::Json(Arc::clone(&push)), rules, waiting: Waiting::new(expected, 0, waits) };
    (Inbound::Push(Box::new(PushHook(push))), calls, None)
}

fn waits(wait: &Wait, faults: &mut Faults) -> Waits {
    let mut duration = |key: &str, text: &str| -> Duration { faults.duration(&format!("wait.{key}"), text) };
    Waits {
        settle: duration("settle", &wait.settle),
        end: duration("end", &wait.end),
        recording: duration("recording", &wait.recording),
        transcript: duration("transcript", &wait.transcript),
        content: duration("content", &wait.content),
    }
}
