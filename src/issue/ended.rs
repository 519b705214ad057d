//! Words that only end a conversation (完毕).

use super::{Issuer, NotNow};
use crate::{assembly, revise::Draft, store::Message};
use jiesu_connector::Appeal;
use jiff::{SignedDuration, Timestamp};

/// Such a word that comes when its conversation has its ticket is no matter of its own for so long.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);

impl Issuer {
    /// Takes the words that ended a conversation out of it. True if there is nothing else, and the matter that they ended
    /// has its ticket already: somebody said 完毕 a moment too late.
    pub(super) async fn only_ended(&self, said: &mut [(Message, Appeal)]) -> Result<bool, NotNow> {
        let Some((first, _)) = said.first().filter(|(message, _)| message.conversation) else { return Ok(false) };
        let Some(channel) = self.channels.get(first.channel.as_str()) else { return Ok(false) };
        let (sender, at) = (first.sender.clone(), first.received_at);
        if assembly::without_ends(said, &channel.words) {
            return Ok(false);
        }
        let Some(sender) = sender else { return Ok(false) };
        let latest = self.reviser.store.tickets_of(&channel.id, &sender, 1).await?;
        let received = latest.first().and_then(|row| Draft::new(row).ticket["received_at"].as_str()?.parse().ok());
        Ok(received.is_some_and(|received: Timestamp| at.duration_since(received) < JUST_NOW))
    }
}
