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
    reply,
    revise::Draft,
    store::{NewReply, Outcome, TicketChange, TicketRow},
    ticket::{self, Piece, StoredFile},
};
use jiesu_linking::Decision;
use jiff::Timestamp;
use serde_json::json;

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
        let (mut files, mut said, mut media) = (Vec::new(), Vec::new(), Vec::new());
        for (message, appeal) in &mut matter.said {
            let (from, files_before) = (files.len(), length(&draft, "attachments"));
            let attachments = std::mem::take(&mut appeal.attachments);
            self.keep(&row.number.to_string(), files_before, attachments, &mut files, &mut media)?;
            let at = ticket::rfc3339(message.received_at, &self.reviser.zone);
            for (kind, text, file) in pieces(appeal) {
                let id = format!("m{}", length(&draft, "transcript") + said.len() + 1);
                let attachment = file.and_then(|file| files.get(from + file)).map(|file: &StoredFile| file.id.clone());
                let location = place_of(kind, appeal);
                said.push(json!(Piece { id, at: at.clone(), kind, text, attachment, location }));
            }
        }
        draft.edit_list("transcript", |list| list.extend(said));
        draft.edit_list("attachments", |list| list.extend(files.iter().map(|file| json!(file))));
        // How often it was raised in all: the first time counts too.
        let count = draft.ticket["repeat"]["count"].as_u64().unwrap_or(1) + 1;
        let (score, reason) = (rounded(decision.score), decision.reason.as_str());
        draft.set(
            "repeat",
            json!({
                "of": row.number.to_string(),
                "count": count,
                "reason": reason,
                "score": score,
                "first_at": draft.ticket["received_at"],
            }),
        );
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
}
