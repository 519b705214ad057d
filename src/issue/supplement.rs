//! Further words for a ticket that is there (补充).

use super::{
    Issuer, NotNow,
    compose::{is_place, pieces, place_of},
};
use crate::{
    event::kind,
    revise::Draft,
    store::{Known, Message, Outcome, TicketChange, TicketRow},
    ticket::{self, Piece, StoredFile},
};
use jiesu_connector::Appeal;
use serde_json::{Value, json};

impl Issuer {
    /// Adds a message to the ticket of its number: one that came out of quarantine after the rest of its conversation
    /// had become the ticket.
    pub(super) async fn supplement(&self, message: Message, appeal: Appeal) -> Result<Outcome, NotNow> {
        // Read a moment ago, and tickets are never deleted.
        let Some(row) = self.reviser.store.ticket(message.number).await? else { return Err(NotNow::Later) };
        self.supplement_to(&row, message, appeal)
    }

    /// The ticket that the number of this late message counts to, though it has none of its own: the rest of its
    /// conversation was a repeat.
    pub(super) async fn already(&self, message: &Message) -> Result<Option<TicketRow>, NotNow> {
        let store = &self.reviser.store;
        if !message.late {
            return Ok(None);
        }
        match store.known(message.number).await? {
            Known::Ticket(row) => Ok(Some(*row)),
            // The rest of it comes first.
            _ if !store.conversation(message.number).await?.is_empty() => Err(NotNow::Later),
            _ => Ok(None),
        }
    }

    /// Adds a message to a ticket.
    pub(super) fn supplement_to(
        &self,
        row: &TicketRow,
        message: Message,
        mut appeal: Appeal,
    ) -> Result<Outcome, NotNow> {
        let mut draft = Draft::new(row);
        let length = |field: &str| draft.ticket[field].as_array().map_or(0, Vec::len);
        let (files_before, pieces_before) = (length("attachments"), length("transcript"));
        let (mut files, mut media) = (Vec::new(), Vec::new());
        let attachments = std::mem::take(&mut appeal.attachments);
        self.keep(&row.number.to_string(), files_before, attachments, &mut files, &mut media)?;
        let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
        let said: Vec<Piece> = pieces(&mut appeal)
            .into_iter()
            .zip(pieces_before + 1..)
            .map(|((kind, text, file), place)| {
                let attachment = file.and_then(|file| files.get(file)).map(|file: &StoredFile| file.id.clone());
                let location = place_of(kind, &appeal);
                Piece { id: format!("m{place}"), at: at.clone(), kind, text, attachment, location }
            })
            .collect();
        let change = json!({ "content": appeal.content, "transcript": said, "attachments": files });
        let more = |field: &str| change[field].as_array().cloned().unwrap_or_default();
        draft.edit_list("transcript", |list| list.extend(more("transcript")));
        draft.edit_list("attachments", |list| list.extend(more("attachments")));
        if !appeal.content.is_empty() {
            let before = draft.ticket["content"].as_str().unwrap_or_default();
            let content = [before, &appeal.content].into_iter().filter(|words| !words.is_empty());
            draft.set("content", content.collect::<Vec<_>>().join("\n").into());
        }
        let flags = std::mem::take(&mut appeal.flags);
        draft.edit_list("flags", |known| {
            known.extend(flags.into_iter().map(Value::from).filter(|flag| !known.contains(flag)).collect::<Vec<_>>());
        });
        // The caller's number may come after the ticket.
        if let Some(phone) = appeal.appellant.phone.take().filter(|_| draft.ticket["appellant"]["phone"].is_null()) {
            let mut appellant = draft.ticket["appellant"].clone();
            appellant["phone"] = phone.into();
            draft.set("appellant", appellant);
        }
        // A place is added where there was none; to one that is there, as a further one.
        if is_place(&appeal.location) {
            let first = draft.ticket["location"].clone();
            let new = serde_json::to_value(&appeal.location).unwrap_or(Value::Null);
            if first["lat"].is_null() && first["text"].is_null() {
                draft.set("location", new);
            } else {
                draft.edit_list("locations", |places| {
                    if places.is_empty() {
                        places.push(first);
                    }
                    places.push(new);
                });
            }
        }
        let told = self.reviser.told(row, &draft, kind::SUPPLEMENTED, change);
        Ok(Outcome::Supplement { message: message.id, change: Box::new(TicketChange { media, ..told }) })
    }
}
