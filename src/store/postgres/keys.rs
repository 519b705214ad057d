//! Delivery keys: those of a batch are looked up together and written together.

use super::{fail::Fail, link::Link};
use crate::{
    number::Number,
    store::{MessageId, NewMessage},
};
use jiesu_connector::{DeliveryKey, digest};
use std::collections::HashMap;

/// A name, and a digest of content.
type Digest = [u8; 16];

/// What the store knows of a key.
pub(super) enum Found {
    Nothing,
    OtherContent,
    Same(MessageId),
}

/// What is known of the keys of a batch.
#[derive(Default)]
pub(super) struct Keys {
    known: HashMap<Digest, Vec<(Digest, MessageId)>>,
    new: Vec<(Digest, Digest, MessageId)>,
}

fn name(channel: &str, scope: &str, value: &str) -> Digest {
    digest([channel.as_bytes(), scope.as_bytes(), value.as_bytes()])
}

fn name_of(message: &NewMessage, key: &DeliveryKey) -> Digest {
    name(&message.channel, &key.scope, &key.value)
}

impl Keys {
    /// Looks up those of all these messages.
    pub(super) async fn load(link: &Link, messages: impl Iterator<Item = &NewMessage>) -> Result<Self, Fail> {
        let names: Vec<Digest> =
            messages.flat_map(|message| message.incoming.keys.iter().map(|key| name_of(message, key))).collect();
        let mut keys = Self::default();
        if names.is_empty() {
            return Ok(keys);
        }
        let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let sql = "SELECT name, content, message FROM delivery_key WHERE name = ANY($1)";
        for row in link.rows(sql, &[&names]).await? {
            let (name, content): (&[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            if let (Ok(name), Ok(content)) = (name.try_into(), content.try_into()) {
                keys.known.entry(name).or_default().push((content, MessageId(row.try_get(2)?)));
            }
        }
        Ok(keys)
    }

    pub(super) fn find(&self, message: &NewMessage, key: &DeliveryKey) -> Found {
        let Some(uses) = self.known.get(&name_of(message, key)) else { return Found::Nothing };
        match uses.iter().find(|(content, _)| *content == message.incoming.digest) {
            Some((_, message)) => Found::Same(*message),
            None => Found::OtherContent,
        }
    }

    /// Remembers the keys of a message that gets this id, or had it before.
    pub(super) fn add(&mut self, message: &NewMessage, id: MessageId) {
        let content = message.incoming.digest;
        for key in &message.incoming.keys {
            let name = name_of(message, key);
            let uses = self.known.entry(name).or_default();
            // The first message of a key and a content is the one whose receipt counts.
            if uses.iter().all(|(known, _)| *known != content) {
                uses.push((content, id));
                self.new.push((name, content, id));
            }
        }
    }

    /// Writes those that were added.
    pub(super) async fn store(&self, link: &Link) -> Result<(), Fail> {
        if self.new.is_empty() {
            return Ok(());
        }
        let names: Vec<&[u8]> = self.new.iter().map(|(name, ..)| &name[..]).collect();
        let contents: Vec<&[u8]> = self.new.iter().map(|(_, content, _)| &content[..]).collect();
        let messages: Vec<i64> = self.new.iter().map(|(.., message)| message.0).collect();
        let sql = "INSERT INTO delivery_key SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])";
        link.execute(sql, &[&names, &contents, &messages]).await.map(drop)
    }
}

/// The number of the first message that came under a key, whatever its content.
pub(super) async fn named(link: &Link, channel: &str, scope: &str, value: &str) -> Result<Option<Number>, Fail> {
    let name = name(channel, scope, value);
    let sql = "SELECT number FROM message WHERE id = (SELECT min(message) FROM delivery_key WHERE name = $1)";
    let row = link.row(sql, &[&&name[..]]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(Number::from_key))
}
