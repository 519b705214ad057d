//! A citizen leaves the channel or comes back: what the channel's policy does to their tickets.

use super::{Issuer, NotNow};
use crate::{
    channels::Channel,
    config::Unsubscribe,
    revise::Draft,
    store::{Message, StoreError, TicketChange, TicketRow},
};
use serde_json::Value;

/// Of the newest tickets, how many are looked at for the flag.
const LOOKED_AT: usize = 200;
/// Tickets unlinked in one go.
const AT_ONCE: usize = 100;
const FLAG: &str = "unreachable";

impl Issuer {
    /// They have left; always false: they cannot be written to.
    pub(super) async fn gone(&self, channel: &Channel, message: &Message) -> Result<bool, NotNow> {
        match (&message.sender, channel.unsubscribe) {
            (None, _) | (_, Unsubscribe::Keep) => {}
            (Some(sender), Unsubscribe::Flag) => self.flag(channel, sender, true).await?,
            (Some(sender), Unsubscribe::Unlink) => self.unlink(channel, sender).await?,
        }
        Ok(false)
    }

    /// They are back; always true. What was unlinked stays so: nobody knows any more whose it was.
    pub(super) async fn back(&self, channel: &Channel, message: &Message) -> Result<bool, NotNow> {
        if let (Some(sender), Unsubscribe::Flag) = (&message.sender, channel.unsubscribe) {
            self.flag(channel, sender, false).await?;
        }
        Ok(true)
    }

    async fn flag(&self, channel: &Channel, sender: &str, flagged: bool) -> Result<(), NotNow> {
        self.all_said(channel, sender).await?;
        for row in self.reviser.store.tickets_of(&channel.id, sender, LOOKED_AT).await? {
            let has =
                |ticket: &Value| ticket["flags"].as_array().is_some_and(|flags| flags.iter().any(|it| it == FLAG));
            let closed = flagged && row.status == "closed";
            if closed || has(&Draft::new(&row).ticket) == flagged {
                continue;
            }
            let change = |row: &TicketRow| {
                let mut draft = Draft::new(row);
                draft.edit_list("flags", |flags| {
                    flags.retain(|it| it != FLAG);
                    flags.extend(flagged.then(|| FLAG.into()));
                });
                self.reviser.updated(row, &draft)
            };
            self.reviser.revise(row.number, change).await?;
        }
        Ok(())
    }

    async fn unlink(&self, channel: &Channel, sender: &str) -> Result<(), NotNow> {
        self.all_said(channel, sender).await?;
        loop {
            let rows = self.reviser.store.tickets_of(&channel.id, sender, AT_ONCE).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                let change = |row: &TicketRow| {
                    let mut draft = Draft::new(row);
                    let mut appellant = draft.ticket["appellant"].clone();
                    appellant["wechat_openid"] = Value::Null;
                    draft.set("appellant", appellant);
                    TicketChange { unlink: true, ..self.reviser.updated(row, &draft) }
                };
                if self.reviser.revise(row.number, change).await?.is_none() {
                    return Err(StoreError::Failed("a ticket of this citizen is gone".into()).into());
                }
            }
        }
    }

    /// What they were saying when they left becomes a ticket first.
    async fn all_said(&self, channel: &Channel, sender: &str) -> Result<(), NotNow> {
        match self.reviser.store.talking(&channel.id, sender).await? {
            Some(_) => Err(NotNow::Later),
            None => Ok(()),
        }
    }
}
