//! Messages that came through the door as appeals, and only ask something of the gateway after all: 请尽快处理, said when
//! there is a ticket; 催办 by a channel that takes no words at the door.

use super::{Issuer, NotNow};
use crate::{
    assembly::Matter,
    channels::Channel,
    store::{Message, Outcome, TicketQuery, TicketRow},
};
use jiesu_connector::{Appeal, Ask, Intent, Note, is_haste, rating, recognise};
use std::sync::Arc;

impl Issuer {
    /// What becomes of messages each of which is a word about a ticket that is there. None if they are an appeal.
    pub(super) async fn asked(
        &self,
        channel: &Arc<Channel>,
        said: &[(Message, Appeal)],
    ) -> Result<Option<Vec<Outcome>>, NotNow> {
        let words: Option<Vec<Appeal>> = said.iter().map(|(_, appeal)| as_word(channel, appeal)).collect();
        let Some(words) = words.filter(|words| !words.is_empty()) else { return Ok(None) };
        let mut outcomes = Vec::with_capacity(words.len());
        for ((message, _), word) in said.iter().zip(words) {
            // Where there is no such ticket it is an appeal, so that a person reads it.
            let about = match word.intent {
                Intent::Rate => self.asks_rating(channel, message, &word).await?,
                _ => self.target(channel, message, &word).await?,
            };
            if about.is_none() {
                return Ok(None);
            }
            outcomes.push(self.word(channel, message.clone(), word).await?);
        }
        Ok(Some(outcomes))
    }

    /// The latest tickets of who speaks, on this channel.
    pub(super) async fn theirs(
        &self,
        channel: &Channel,
        message: &Message,
        appeal: &Appeal,
        limit: usize,
    ) -> Result<Vec<TicketRow>, NotNow> {
        let store = &self.reviser.store;
        if channel.parts.converses {
            let Some(sender) = &message.sender else { return Ok(Vec::new()) };
            return Ok(store.tickets_of(&channel.id, sender, limit).await?);
        }
        if appeal.proven.is_none() {
            return Ok(Vec::new());
        }
        let citizen =
            self.identify(&Matter { said: vec![(message.clone(), appeal.clone())], also: Vec::new() }).await?;
        let of_them = TicketQuery {
            channel: Some(channel.id.to_string()),
            appellant: Some(citizen),
            limit,
            ..Default::default()
        };
        Ok(store.tickets(of_them).await?)
    }
}

/// `appeal` as a word to the gateway, if it is nothing else.
fn as_word(channel: &Channel, appeal: &Appeal) -> Option<Appeal> {
    let more = appeal.title.is_some() || appeal.demand.is_some() || appeal.location.lat.is_some();
    if more || !appeal.attachments.is_empty() || appeal.location.text.is_some() || channel.imports() {
        return None;
    }
    let word = |intent| Appeal { intent, ..appeal.clone() };
    if is_haste(&appeal.content, &channel.words) {
        return Some(word(Intent::Urge));
    }
    // The others have taken theirs at the door, or nobody vouches for who speaks.
    if channel.parts.converses || appeal.proven.is_none() {
        return None;
    }
    match recognise(&appeal.content, &channel.words) {
        Some(Ask::Act { intent, number }) => Some(Appeal { about: number, ..word(intent) }),
        Some(Ask::Progress { number }) => {
            Some(Appeal { about: number, note: Some(Note::Event("progress".into())), ..word(Intent::Note) })
        }
        None => rating(&appeal.content, &channel.words).map(|_| word(Intent::Rate)),
    }
}
