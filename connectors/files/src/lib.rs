//! The channel of type `files`: exports of legacy hotlines, dropped into a watched folder or handed over by
//! `jiesu import`.
//!
//! CSV in any Chinese encoding, XLSX and NDJSON are read row by row; each row makes an appeal (诉求). Nothing is noted
//! down on the way: a row's name is its `id`, or what it says, so a file that is begun anew, and the next export with the same
//! rows in it, add only what is new.
#![warn(missing_docs)]

mod config;
mod folder;
mod import;
pub mod read;
mod rejects;
mod row;
mod session;
pub mod usual;

pub use config::Config;

use config::checked;
use import::Reader;
use jiesu_connector::{BuildError, Connector, Inbound, Parts, Setup};
use row::Meaning;
use session::Exports;
use std::sync::Arc;

/// The connector `files`.
pub struct Files;

impl Connector for Files {
    const NAME: &'static str = "files";
    type Config = Config;

    fn build(config: Config, setup: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        let (folder, map) = checked(config)?;
        let meaning = Meaning(map);
        let reader = Arc::new(Reader { meaning: meaning.clone() });
        Ok(Parts {
            inbound: Inbound::Pull(Box::new(Exports { channel: setup.channel.into(), folder, reader })),
            parser: Box::new(meaning),
            replier: None,
            media: None,
            probe: None,
            converses: false,
        })
    }
}
