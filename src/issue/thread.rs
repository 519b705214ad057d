//! Which ticket a message belongs to, if its channel has threads (mail).

use super::{Issuer, NotNow};
use crate::{
    channels::Channel,
    number::Number,
    store::{Known, Message, TicketRow},
};
use jiesu_connector::Thread;
use jiff::SignedDuration;
use serde_json::Value;

/// How long an answer waits for the ticket of the message that it answers, which may be just before it in the line.
const WAITS: SignedDuration = SignedDuration::from_secs(60);

impl Issuer {
    /// The ticket that `thread` leads to: by a number with our proof, by an earlier message, or by a number that the
    /// citizen whose ticket it is wrote. A number alone leads nowhere, because anybody can write one.
    pub(super) async fn follow(
        &self,
        channel: &Channel,
        message: &Message,
        thread: &Thread,
    ) -> Result<Option<TicketRow>, NotNow> {
        let store = &self.reviser.store;
        for (number, proof) in &thread.shown {
            let Ok(number) = number.parse::<Number>() else { continue };
            if self.key.proves(number, proof)
                && let Some(row) = store.ticket(number).await?
            {
                return Ok(Some(row));
            }
        }
        for (scope, value) in &thread.answers {
            let Some(number) = store.named(&channel.id, scope, value).await? else { continue };
            if number == message.number {
                continue;
            }
            match store.known(number).await? {
                Known::Ticket(row) => return Ok(Some(*row)),
                Known::InTheLine { .. } if self.reviser.clock.now().duration_since(message.received_at) < WAITS => {
                    return Err(NotNow::Later);
                }
                Known::InTheLine { .. } | Known::Noted { .. } | Known::Nothing => {}
            }
        }
        let Some(number) = thread.written.as_deref().and_then(|number| number.parse::<Number>().ok()) else {
            return Ok(None);
        };
        let theirs = |row: &TicketRow| row.channel == *channel.id && is_theirs(row, message.sender.as_deref());
        Ok(store.ticket(number).await?.filter(theirs))
    }
}

/// The sender is the ticket's, or the address that its citizen gave.
fn is_theirs(row: &TicketRow, sender: Option<&str>) -> bool {
    let Some(sender) = sender else { return false };
    let given = || {
        let document: Value = serde_json::from_str(&row.document).unwrap_or_default();
        document["appellant"]["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(sender))
    };
    row.sender.as_deref() == Some(sender) || given()
}
