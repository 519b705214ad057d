//! What citizens are known by.

use crate::number::Number;
use jiff::Timestamp;

/// A name that a citizen is known by: a phone number, a mail address, an openid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A keyed digest of the name, in the shape of a citizen's key.
    pub name: String,
    /// The citizen's key.
    pub citizen: String,
    /// What it is: `phone`, `email`, `wechat_openid`.
    pub kind: &'static str,
    /// The name, masked.
    pub shown: String,
    /// A channel has vouched for it; otherwise it was named beside one that was vouched for.
    pub proven: bool,
    /// The channel that said so first.
    pub channel: String,
    /// The appeal in which it did.
    pub number: Number,
    /// When it did.
    pub at: Timestamp,
}

/// A name that a citizen gave although it is another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contested {
    /// The name, as [`Identity::name`].
    pub name: String,
    /// The key of who gave it.
    pub citizen: String,
    /// The appeal in which they first did.
    pub number: Number,
    /// When.
    pub at: Timestamp,
}

/// What is learnt of citizens from an appeal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learnt {
    /// This name is this citizen's. Changes nothing of whose it is if it has an owner; only that it is proven is added.
    Known(Identity),
    /// A citizen gave another's name.
    Contested(Contested),
}
