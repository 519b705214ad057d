//! Messages that came in several pieces, put together from what is stored.

use crate::{
    channels::Channel,
    store::{Message, MessageId},
};
use jiesu_connector::{Appeal, ParseError, Piece, Raw};

/// The pieces of a conversation, each with its message.
#[derive(Default)]
pub(crate) struct Wholes(Vec<Whole>);

/// One message in pieces.
pub(crate) struct Whole {
    name: (String, u16),
    /// By their place; `None` for one that has not come.
    pieces: Vec<Option<Message>>,
}

impl Wholes {
    /// Adds the next piece, in the order in which they came. As in the store, a place that is taken begins another message.
    pub(crate) fn add(&mut self, piece: Piece, message: Message) {
        let (name, place) = ((piece.whole, piece.of), usize::from(piece.place) - 1);
        let latest = self.0.iter_mut().rfind(|whole| whole.name == name);
        match latest.and_then(|whole| whole.pieces.get_mut(place)).filter(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(message),
            None => {
                let mut pieces: Vec<Option<Message>> = Vec::new();
                pieces.resize_with(usize::from(piece.of), || None);
                if let Some(slot) = pieces.get_mut(place) {
                    *slot = Some(message);
                }
                self.0.push(Whole { name, pieces });
            }
        }
    }

    pub(crate) fn take(self) -> Vec<Whole> {
        self.0
    }
}

/// The message that came first and stands for all, what they say together, and the others.
type Joined = (Message, Appeal, Vec<MessageId>);

impl Whole {
    pub(crate) fn channel(&self) -> Option<&str> {
        self.pieces.iter().flatten().next().map(|message| message.channel.as_str())
    }

    /// What it says.
    ///
    /// # Errors
    /// No parser understands it: all its messages, for quarantine.
    pub(crate) fn join(self, channel: &Channel) -> Result<Joined, (Vec<MessageId>, ParseError)> {
        let raws: Vec<Option<&Raw>> = self.pieces.iter().map(|piece| piece.as_ref().map(|piece| &piece.raw)).collect();
        let joined = super::join(channel, &raws);
        let mut messages: Vec<Message> = self.pieces.into_iter().flatten().collect();
        messages.sort_by_key(|message| message.id);
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        match joined {
            Ok(appeal) if !messages.is_empty() => {
                let first = messages.swap_remove(0);
                Ok((first, appeal, ids.into_iter().skip(1).collect()))
            }
            Ok(_) => Err((ids, ParseError("no piece is there".into()))),
            Err(error) => Err((ids, error)),
        }
    }
}
