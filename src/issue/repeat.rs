//! The same citizen, the same matter (重复诉求): no second ticket, the count goes up, and the citizen is told its number.

use super::{
    Issuer, NotNow,
    compose::{pieces, place_of},
    link::rounded,
};
use crate::{
    assembly::Matter,
    channels::Channel,
    event::kind,
    number::Number,
    reply,
    revise::{Draft, Reviser},
    store::{NewReply, Outcome, StoreError, TicketChange, TicketRow},
    ticket::{self, Piece, Repeat, StoredFile},
};
use jiesu_linking::Decision;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Pieces of a ticket's transcript; of what is said again after that only files are added. The events have the words.
const MOST_PIECES: usize = 200;

impl Issuer {
    /// Counts `matter` to the ticket of `row`.
    pub(super) fn repeat(
        &self,
        channel: &Channel,
        mut matter: Matter,
        row: &TicketRow,
        decision: &Decision,
    ) -> Result<Outcome, NotNow> {
        let Some((first, _)) = matter.said.first() else { return Err(NotNow::Later) };
        let (number, sender) = (first.number, first.sender.clone());
        let messages = matter.messages();
        let content = matter.content();
        let mut draft = Draft::new(row);
        let length = |draft: &Draft, field: &str| draft.ticket[field].as_array().map_or(0, Vec::len);
        let (mut files, mut said, mut media, mut left_out) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (message, appeal) in &mut matter.said {
            let (from, files_before) = (files.len(), length(&draft, "attachments"));
            let attachments = std::mem::take(&mut appeal.attachments);
            self.keep(&row.number.to_string(), files_before, attachments, &mut files, &mut media)?;
            let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
            for (kind, text, file) in pieces(appeal) {
                let before = length(&draft, "transcript") + said.len();
                if before >= MOST_PIECES && file.is_none() {
                    left_out += 1;
                    continue;
                }
                let id = format!("m{}", before + 1);
                let attachment = file.and_then(|file| files.get(from + file)).map(|file: &StoredFile| file.id.clone());
                let location = place_of(kind, appeal);
                said.push(json!(Piece { id, at: at.clone(), kind, text, attachment, location }));
            }
        }
        draft.edit_list("transcript", |list| list.extend(said));
        draft.edit_list("attachments", |list| list.extend(files.iter().map(|file| json!(file))));
        let Repeat { count, score, reason, .. } = raised(row, &mut draft, decision, left_out);
        let reply = sender.filter(|_| channel.parts.replier.is_some()).map(|recipient| {
            let values = [("number", row.number.to_string()), ("count", count.to_string())];
            let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
            let words = self.words.fill("repeat.told", &values);
            let name = format!("rp_{}", length(&draft, "replies") + 1);
            let told = json!({ "id": name, "at": self.reviser.now(), "text": words, "public": false,
                "channel": &*channel.id, "state": reply::State::Pending.as_str(), "reason": null });
            draft.edit_list("replies", |replies| replies.push(told));
            let give_up = Timestamp::now().saturating_add(reply::LIFE).unwrap_or(Timestamp::MAX);
            NewReply { name, channel: channel.id.to_string(), recipient, words, give_up }
        });
        let change = json!({
            "content": content,
            "count": count,
            "score": score,
            "reason": reason,
            "number": number.to_string(),
        });
        let told = self.reviser.told(row, &draft, kind::REPEATED, change);
        let change = Box::new(TicketChange { reply, media, ..told });
        Ok(Outcome::Repeat { messages, number, code_hash: self.key.code_hash(number), change })
    }

    /// What a ticket of its own says of the one that it repeats, and what that does to the first.
    pub(super) fn counted(&self, row: &TicketRow, decision: &Decision) -> (Repeat, TicketChange) {
        let mut draft = Draft::new(row);
        let repeat = raised(row, &mut draft, decision, 0);
        (repeat, self.reviser.updated(row, &draft))
    }
}

/// The matter of `row`, whose `draft` this is, was raised once more; so many pieces of it are not in the transcript.
fn raised(row: &TicketRow, draft: &mut Draft, decision: &Decision, left_out: u64) -> Repeat {
    let repeat = Repeat {
        of: row.number.to_string(),
        count: draft.ticket["repeat"]["count"].as_u64().unwrap_or(1) + 1,
        reason: decision.reason.clone(),
        score: rounded(decision.score),
        first_at: draft.ticket["received_at"].clone(),
        left_out: draft.ticket["repeat"]["left_out"].as_u64().unwrap_or(0) + left_out,
    };
    draft.set("repeat", json!(repeat));
    repeat
}

/// Counts the ticket `later` to `first` as a repeat, both being there: the later one says which one it repeats, the first
/// one's count goes up. Tells the count; `None` if `first` is no ticket.
///
/// # Errors
/// The store cannot read or write.
pub async fn count_late(
    reviser: &Reviser,
    later: Number,
    first: Number,
    reason: &str,
    score: f64,
    edit: impl Fn(&mut Draft) + Send + Sync,
) -> Result<Option<u64>, StoreError> {
    let Some(row) = reviser.store.ticket(first).await? else { return Ok(None) };
    let earlier = Draft::new(&row).ticket;
    let count = earlier["repeat"]["count"].as_u64().unwrap_or(1) + 1;
    let repeat = json!({ "of": first.to_string(), "count": count, "reason": reason, "score": score,
        "first_at": earlier["received_at"] });
    let of_later = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        draft.set("repeat", repeat.clone());
        edit(&mut draft);
        reviser.updated(row, &draft)
    };
    reviser.revise(later, of_later).await?;
    let of_first = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        let mut counted = Some(&draft.ticket["repeat"]).filter(|it| it.is_object()).unwrap_or(&repeat).clone();
        counted["count"] = (draft.ticket["repeat"]["count"].as_u64().unwrap_or(1) + 1).into();
        draft.set("repeat", counted);
        reviser.updated(row, &draft)
    };
    reviser.revise(first, of_first).await?;
    Ok(Some(count))
}

/// One that counted to the ticket `first` does so no more.
///
/// # Errors
/// The store cannot read or write.
pub async fn uncount(reviser: &Reviser, first: Number) -> Result<(), StoreError> {
    let change = |row: &TicketRow| {
        let mut draft = Draft::new(row);
        let mut repeat = draft.ticket["repeat"].clone();
        match repeat["count"].as_u64() {
            Some(count) if count > 2 => repeat["count"] = (count - 1).into(),
            _ => repeat = Value::Null,
        }
        draft.set("repeat", repeat);
        reviser.updated(row, &draft)
    };
    reviser.revise(first, change).await.map(drop)
}
