//! Three small channels that do what a test tells them: proof that push, pull and listen all fit the contract, and
//! stand-ins for real channels in tests of the gateway.
//!
//! They are connectors like any other (`scripted-push`, `scripted-pull`, `scripted-listen`), so a test's registry can
//! list them. All take words in UTF-8; the body `!unparsable` goes to quarantine and `!panic` panics in the parser.

mod listen;
mod pull;
mod push;

pub use listen::{ScriptedListen, ScriptedListenConfig};
pub use pull::{Event, PullScript, ScriptedPull};
pub use push::ScriptedPush;

use bytes::Bytes;
use jiesu_connector::{
    Appeal, DeliveryKey, Inbound, Incoming, OnOtherContent, ParseError, Parser, Part, Parts, Raw, digest,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// No keys of its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// A message with `words`, and the name under which it would come again.
pub fn message(name: Option<&str>, words: impl Into<Bytes>) -> Incoming {
    let body = words.into();
    let key = name.map(|name| DeliveryKey {
        scope: "script".into(),
        value: name.into(),
        on_other_content: OnOtherContent::NewAppeal,
    });
    Incoming {
        digest: digest([&body[..]]),
        raw: Raw { media_type: "text/plain; charset=utf-8".into(), meta: Default::default(), body },
        keys: key.into_iter().collect(),
        sender: None,
        hotline: None,
        joins: true,
        receipt: false,
    }
}

/// The words are the appeal.
struct Words;

impl Parser for Words {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        match std::str::from_utf8(&raw.body) {
            Ok("!panic") => panic!("the script says so"),
            Ok("!unparsable") | Err(_) => Err(ParseError("not an appeal".into())),
            Ok(words) => Ok(Appeal { content: words.into(), transcript: vec![Part::text(words)], ..Appeal::default() }),
        }
    }
}

fn parts(inbound: Inbound) -> Parts {
    Parts { inbound, parser: Box::new(Words), replier: None, media: None, probe: None, converses: false }
}
