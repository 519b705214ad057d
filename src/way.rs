//! Which channel reaches a citizen who cannot be answered by the one they came by (contract §6, §7).

use crate::{channels::Channels, reply, revise::Draft, store::NewReply};
use jiesu_connector::Appellant;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The first channel, but for those in `tried`, that reaches the citizen of `ticket`, and its name for them.
pub fn find(channels: &Channels, ticket: &Value, tried: &HashSet<&str>) -> Option<(String, String)> {
    let said = |field: &str| ticket["appellant"][field].as_str().map(str::to_owned);
    let who = Appellant { phone: said("phone"), email: said("email"), ..Appellant::default() };
    channels.values().filter(|channel| !tried.contains(&*channel.id) && !channel.is_paused()).find_map(|channel| {
        let recipient = channel.parts.replier.as_ref()?.reaches(&who)?;
        Some((channel.id.to_string(), recipient))
    })
}

/// After `failed`, the next channel that can reach the citizen, as a reply of its own: an entry of the ticket's
/// `replies`, and what goes out. None is tried twice with the same words.
pub fn next(channels: &Channels, draft: &mut Draft, failed: &NewReply) -> Option<NewReply> {
    let replies = draft.ticket["replies"].as_array().cloned().unwrap_or_default();
    let of = |name: &str| replies.iter().find(|reply| reply["id"] == name);
    let mut tried = HashSet::from([failed.channel.as_str()]);
    let mut before = of(&failed.name);
    // Back to the first; a chain longer than the list is none.
    for _ in 0..replies.len() {
        let Some(reply) = before else { break };
        tried.extend(reply["channel"].as_str());
        before = reply["instead_of"].as_str().and_then(of);
    }
    let (channel, recipient) = find(channels, &draft.ticket, &tried)?;
    let first = of(&failed.name)?;
    let name = format!("rp_{}", replies.len() + 1);
    let entry = json!({
        "id": name,
        "at": first["at"],
        "text": first["text"],
        "public": first["public"],
        "channel": channel,
        "state": reply::State::Pending.as_str(),
        "reason": null,
        "instead_of": failed.name,
    });
    draft.edit_list("replies", |list| list.push(entry));
    Some(NewReply { name, channel, recipient, words: failed.words.clone(), give_up: failed.give_up })
}
