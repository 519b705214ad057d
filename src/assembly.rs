//! Step 4, assemble: parse the stored bytes; several messages of one citizen become one matter.

mod pieces;

pub(crate) use pieces::Wholes;

use crate::{
    channels::Channel,
    store::{Message, MessageId, Pace},
};
use jiesu_connector::{Appeal, Contact, Incoming, Intent, ParseError, Part, PartType, Piece, Raw, Said, Words};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One matter: what one ticket is made of.
#[derive(Debug)]
pub struct Matter {
    /// The messages, in order, each with what it says; never empty.
    pub said: Vec<(Message, Appeal)>,
    /// Messages that are in `said` already, as further pieces of one that is.
    pub also: Vec<MessageId>,
}

impl Matter {
    /// The first message that has a value, says it.
    pub fn first<T>(&self, get: impl Fn(&Appeal) -> Option<T>) -> Option<T> {
        self.said.iter().find_map(|(_, appeal)| get(appeal))
    }

    /// What the channel found out, each finding once.
    pub fn flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for flag in self.said.iter().flat_map(|(_, appeal)| &appeal.flags) {
            if !flags.contains(flag) {
                flags.push(flag.clone());
            }
        }
        flags
    }

    /// All its messages, in order.
    pub fn messages(&self) -> Vec<MessageId> {
        let mut messages: Vec<MessageId> = self.said.iter().map(|(message, _)| message.id).collect();
        messages.extend(&self.also);
        messages.sort_unstable();
        messages
    }

    /// All words of the citizen, in order.
    pub fn content(&self) -> String {
        let words = self.said.iter().map(|(_, appeal)| appeal.content.as_str()).filter(|words| !words.is_empty());
        words.collect::<Vec<_>>().join("\n")
    }
}

/// What a stored message says.
///
/// # Errors
/// No parser understands it, or the parser panicked: quarantine. A parser's panic stops neither the process nor the
/// line.
pub fn parse(channel: &Channel, message: &Message) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.parse(&message.raw))
}

/// What the pieces of one message say together; `None` for one that has not come.
///
/// # Errors
/// As [`parse`].
pub fn join(channel: &Channel, pieces: &[Option<&Raw>]) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.join(pieces))
}

/// How long the conversation waits for more after this message, by what it says.
pub fn pace(channel: &Channel, incoming: &Incoming) -> Pace {
    if channel.window.is_none() || !incoming.joins {
        return Pace::Usual;
    }
    match guarded(|| channel.parts.parser.parse(&incoming.raw)) {
        Ok(appeal) if appeal.intent == Intent::Appeal => pace_of(&appeal, &channel.words),
        _ => Pace::Usual,
    }
}

fn pace_of(appeal: &Appeal, words: &Words) -> Pace {
    let words_of = |part: &Part| part.kind == PartType::Voice || part.text.as_deref().is_some_and(|it| !it.is_empty());
    if appeal.content.trim().is_empty() {
        // A recording speaks, though nobody has written it down; the name of a place does not say what is the matter there.
        let spoken = appeal.transcript.iter().filter(|part| part.kind != PartType::Location).any(words_of);
        return if spoken { Pace::Usual } else { Pace::Wordless };
    }
    let said = Said::new(&appeal.content, words);
    match (said.is_urgent(), said.is_end()) {
        (true, _) => Pace::Urgent,
        (false, true) => Pace::End,
        (false, false) => Pace::Usual,
    }
}

/// Whether what the pieces among `messages` say together must not wait, though none of them says so alone: a word may begin
/// in one piece and end in the next.
pub fn is_urgent_together(channel: &Channel, messages: Vec<Message>) -> bool {
    let mut wholes = Wholes::default();
    for message in messages {
        if let Some(piece) = piece(channel, &message.raw) {
            wholes.add(piece, message);
        }
    }
    let said = wholes.take().into_iter().filter_map(|whole| whole.join(channel).ok());
    said.into_iter()
        .any(|(_, appeal, _)| appeal.intent == Intent::Appeal && pace_of(&appeal, &channel.words) == Pace::Urgent)
}

/// Whether it only says that nothing more follows.
pub fn ends(appeal: &Appeal, words: &Words) -> bool {
    appeal.attachments.is_empty() && Said::new(&appeal.content, words).is_end()
}

/// Takes the words that only ended a conversation out of what was said; they stay in the transcript. False if nothing
/// else was said.
pub fn without_ends(said: &mut [(Message, Appeal)], words: &Words) -> bool {
    let ends: Vec<bool> = said.iter().map(|(_, appeal)| ends(appeal, words)).collect();
    if ends.iter().all(|ends| *ends) {
        return false;
    }
    for ((_, appeal), _) in said.iter_mut().zip(ends).filter(|(_, ends)| *ends) {
        let content = std::mem::take(&mut appeal.content);
        if appeal.transcript.is_empty() {
            appeal.transcript.push(Part::text(content));
        }
    }
    true
}

/// Which piece of which message `raw` is, if it is one. A piece that makes no sense is a message by itself.
pub fn piece(channel: &Channel, raw: &Raw) -> Option<Piece> {
    let piece = catch_unwind(AssertUnwindSafe(|| channel.parts.parser.piece(raw))).unwrap_or_default();
    piece.filter(|piece| piece.of > 1 && (1..=piece.of).contains(&piece.place))
}

/// What `raw` adds to a contact, if the channel delimits such.
pub fn contact(channel: &Channel, raw: &Raw) -> Option<Contact> {
    catch_unwind(AssertUnwindSafe(|| channel.parts.parser.contact(raw))).unwrap_or_default()
}

/// What the messages of one contact say together.
///
/// # Errors
/// As [`parse`].
pub fn gather(channel: &Channel, messages: &[&Raw]) -> Result<Appeal, ParseError> {
    guarded(|| channel.parts.parser.gather(messages))
}

fn guarded(parse: impl FnOnce() -> Result<Appeal, ParseError>) -> Result<Appeal, ParseError> {
    let parsed = catch_unwind(AssertUnwindSafe(parse));
    parsed.unwrap_or_else(|_| Err(ParseError("the parser panicked: a bug; see the log".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::Location;

    #[test]
    fn a_photo_and_a_place_say_nothing_yet_and_a_recording_does() {
        let pace = |appeal: Appeal| pace_of(&appeal, &Words::default());
        let part = |kind, text: Option<&str>| vec![Part { kind, text: text.map(str::to_owned), attachment: None }];
        let place = Location { text: Some("嘉州大道123号".into()), ..Location::default() };
        let transcript = part(PartType::Location, Some("嘉州大道123号"));
        assert_eq!(pace(Appeal { transcript, location: place, ..Appeal::default() }), Pace::Wordless);
        assert_eq!(pace(Appeal { transcript: part(PartType::Image, None), ..Appeal::default() }), Pace::Wordless);
        assert_eq!(pace(Appeal { transcript: part(PartType::Voice, None), ..Appeal::default() }), Pace::Usual);
        assert_eq!(pace(Appeal { content: "路灯坏了".into(), ..Appeal::default() }), Pace::Usual);
        assert_eq!(pace(Appeal { content: "三楼着火了".into(), ..Appeal::default() }), Pace::Urgent);
        assert_eq!(pace(Appeal { content: "说完了。".into(), ..Appeal::default() }), Pace::End);
    }
}
