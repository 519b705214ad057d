//! Words that only end a conversation (完毕).

use super::{Issuer, NotNow, asked::received_at};
use crate::{
    assembly,
    number::Number,
    store::{Message, TicketRow},
};
use jiesu_connector::Appeal;
use jiff::SignedDuration;

/// Such a word that comes when its conversation has its ticket is no matter of its own for so long.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);

impl Issuer {
    /// Takes the words that ended a conversation out of it. If there is nothing else, and the matter that they ended has
    /// its ticket already, it gives that: somebody said 完毕 a moment too late.
    pub(super) async fn only_ended(&self, said: &mut [(Message, Appeal)]) -> Result<Option<Number>, NotNow> {
        let Some((first, _)) = said.first().filter(|(message, _)| message.conversation) else { return Ok(None) };
        let Some(channel) = self.channels.get(first.channel.as_str()) else { return Ok(None) };
        let (sender, at) = (first.sender.clone(), first.received_at);
        if assembly::without_ends(said, &channel.words) {
            return Ok(None);
        }
        let Some(sender) = sender else { return Ok(None) };
        let latest = self.reviser.store.tickets_of(&channel.id, &sender, 1).await?.pop();
        let just_now =
            |row: &TicketRow| received_at(row).is_some_and(|received| at.duration_since(received) < JUST_NOW);
        Ok(latest.filter(just_now).map(|row| row.number))
    }
}
