//! One citizen across channels: the phone number, the mail address and the openid of one person lead to one key.
//!
//! A channel vouches for one name of whom it hears: the openid of a signed push, the number that an SMS came from, the
//! address of a mail that its domain signed, the first name that a partner with a key gives. Another name in the same
//! appeal becomes that citizen's too, unless it is somebody's already: then nothing is linked, and operators see it. A
//! citizen's own name is never enough.

use crate::{
    files,
    number::{Number, ReceiptKey},
    store::{Contested, Identity, Learnt, Store, StoreError},
};
use jiesu_connector::{Appellant, Proven, digit, is_email, is_phone, mask_email, mask_phone};
use jiesu_mapping::said;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Names that are remembered here; the store knows all.
const REMEMBERED: usize = 32_768;

/// What is remembered of citizens, and what the store has still to be told.
#[derive(Default)]
pub struct Citizens(Mutex<State>);

#[derive(Default)]
struct State {
    /// By name.
    known: HashMap<String, Owner>,
    learnt: Vec<Learnt>,
    /// Somebody changed it while a round was under way, which may remember what it had seen before.
    doubted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// Nobody has vouched for it: it stands for itself.
    Itself,
    Of {
        citizen: String,
        proven: bool,
    },
}

/// A name that an appeal gives.
struct Given {
    name: String,
    kind: &'static str,
    shown: String,
    proof: Proven,
}

/// Where and when an appeal said so.
pub struct Source<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The number on its receipt.
    pub number: Number,
    /// When it was received.
    pub at: Timestamp,
}

impl Citizens {
    /// The key of who speaks. `proven` is what the channel vouches for; `otherwise` names somebody of whom nothing is known.
    /// Asks the store for names that are not remembered, at most once.
    ///
    /// # Errors
    /// The store cannot read.
    pub async fn identify(
        &self,
        store: &dyn Store,
        key: &ReceiptKey,
        who: &Appellant,
        proven: Option<Proven>,
        source: &Source<'_>,
        otherwise: impl FnOnce() -> String,
    ) -> Result<String, StoreError> {
        let given = given(key, who);
        if given.is_empty() {
            return Ok(digest(key, &otherwise()));
        }
        let unknown: Vec<String> = {
            let state = self.state();
            given.iter().map(|it| &it.name).filter(|name| !state.known.contains_key(*name)).cloned().collect()
        };
        let found = if unknown.is_empty() { Vec::new() } else { store.identities(unknown.clone()).await? };
        let mut state = self.state();
        if state.known.len() + unknown.len() > REMEMBERED {
            state.known.clear();
        }
        for name in unknown {
            state.known.entry(name).or_insert(Owner::Itself);
        }
        for identity in found {
            let owner = Owner::Of { citizen: identity.citizen, proven: identity.proven };
            // What was learnt a moment ago may not be in the store yet.
            let known = state.known.entry(identity.name).or_insert(Owner::Itself);
            if *known == Owner::Itself {
                *known = owner;
            }
        }
        Ok(state.resolve(&given, proven, source))
    }

    /// What the store is to be told.
    pub fn take(&self) -> Vec<Learnt> {
        std::mem::take(&mut self.state().learnt)
    }

    /// Forgets whose names are whose: the store could not be told, or an operator has changed it.
    pub fn forget(&self) {
        let mut state = self.state();
        state.known.clear();
        state.doubted = true;
    }

    /// Forgets once more, if that was asked for while the round was under way that is over now.
    pub fn round_is_over(&self) {
        let mut state = self.state();
        if std::mem::take(&mut state.doubted) {
            state.known.clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn resolve(&mut self, given: &[Given], proven: Option<Proven>, source: &Source<'_>) -> String {
        let vouched = proven.and_then(|proven| given.iter().find(|it| it.proof == proven));
        let Some(vouched) = vouched else {
            return given.first().map(|first| self.citizen(&first.name)).unwrap_or_default();
        };
        let citizen = self.citizen(&vouched.name);
        self.own(vouched, &citizen, true, source);
        for claimed in given.iter().filter(|it| it.name != vouched.name) {
            match self.known.get(&claimed.name) {
                Some(Owner::Of { citizen: owner, .. }) if *owner == citizen => {}
                Some(Owner::Of { .. }) => {
                    let contested = Contested {
                        name: claimed.name.clone(),
                        citizen: citizen.clone(),
                        number: source.number,
                        at: source.at,
                    };
                    self.learnt.push(Learnt::Contested(contested));
                }
                Some(Owner::Itself) | None => self.own(claimed, &citizen, false, source),
            }
        }
        citizen
    }

    fn citizen(&self, name: &str) -> String {
        match self.known.get(name) {
            Some(Owner::Of { citizen, .. }) => citizen.clone(),
            Some(Owner::Itself) | None => name.to_owned(),
        }
    }

    /// The name is the citizen's, as far as it is not known yet.
    fn own(&mut self, given: &Given, citizen: &str, proven: bool, source: &Source<'_>) {
        if matches!(self.known.get(&given.name), Some(Owner::Of { proven: known, .. }) if *known || !proven) {
            return;
        }
        self.known.insert(given.name.clone(), Owner::Of { citizen: citizen.to_owned(), proven });
        self.learnt.push(Learnt::Known(Identity {
            name: given.name.clone(),
            citizen: citizen.to_owned(),
            kind: given.kind,
            shown: given.shown.clone(),
            proven,
            channel: source.channel.to_owned(),
            number: source.number,
            at: source.at,
        }));
    }
}

/// The names that an appeal gives, the one that counts first first.
fn given(key: &ReceiptKey, who: &Appellant) -> Vec<Given> {
    let mut given = Vec::new();
    let mut add = |proof, kind, identity: String, shown| {
        given.push(Given { name: digest(key, &identity), kind, shown, proof });
    };
    // One that a spreadsheet has shortened is that of many.
    let phone = who.phone.as_deref().and_then(|phone| said::phone(phone).ok());
    if let Some(phone) = phone.as_deref().filter(|phone| is_phone(phone)).map(normal_phone) {
        add(Proven::Phone, "phone", format!("tel:{phone}"), mask_phone(&phone));
    }
    if let Some(email) = who.email.as_deref().map(|email| email.trim().to_lowercase()).filter(|it| is_email(it)) {
        add(Proven::Email, "email", format!("mailto:{email}"), mask_email(&email));
    }
    if let Some(openid) = who.wechat_openid.as_deref().filter(|it| !it.is_empty()) {
        let shown = format!("{}****", openid.chars().take(3).collect::<String>());
        add(Proven::Openid, "wechat_openid", format!("openid:{openid}"), shown);
    }
    given
}

fn digest(key: &ReceiptKey, identity: &str) -> String {
    format!("ap_{}", files::hex(&key.mac("citizen", &[identity.as_bytes()])[..10]))
}

/// A key for a name that an operator has taken from a citizen at this time: its own, unless that is the citizen's.
pub fn apart(key: &ReceiptKey, name: &str, from: &str, at: Timestamp) -> String {
    match name == from {
        true => digest(key, &format!("apart:{name}:{}", at.as_millisecond())),
        false => name.to_owned(),
    }
}

/// Digits only, without China's country code.
pub(crate) fn normal_phone(phone: &str) -> String {
    let digits: String = phone.chars().filter_map(digit).filter_map(|digit| char::from_digit(digit, 10)).collect();
    let bare = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86").filter(|rest| rest.len() >= 11));
    bare.map_or(digits.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phone_in_many_spellings_is_one_citizen() {
        for spelling in
            ["13800138000", "+86 138-0013-8000", "0086 13800138000", "8613800138000", "１３８００１３８０００"]
        {
            assert_eq!(normal_phone(spelling), "13800138000");
        }
        assert_eq!(normal_phone("0833-2435678"), "08332435678");
        assert_eq!(normal_phone("86123456"), "86123456", "a local number that begins with 86");
    }

    fn who(phone: &str, email: &str, openid: &str) -> Appellant {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Appellant { phone: some(phone), email: some(email), wechat_openid: some(openid), ..Appellant::default() }
    }

    #[test]
    fn what_stands_for_no_number_makes_nobody_one_citizen() {
        let key = ReceiptKey::new([7; 32]);
        for (phone, email) in [("无", ""), ("00000000000", "无"), ("12345", "")] {
            assert!(given(&key, &who(phone, email, "")).is_empty(), "{phone} {email}");
        }
    }

    #[test]
    fn names_become_one_citizens_only_beside_a_proven_one_and_never_somebody_elses() {
        let key = ReceiptKey::new([7; 32]);
        let mut state = State::default();
        let number = "20261122-000001-8".parse().unwrap_or(Number { day: 20_261_122, sequence: 1 });
        let source = Source { channel: "app", number, at: Timestamp::UNIX_EPOCH };
        let mut ask = |who: &Appellant, proven| {
            let citizen = state.resolve(&given(&key, who), proven, &source);
            (citizen, std::mem::take(&mut state.learnt))
        };
        let (first, learnt) = ask(&who("13800138000", "Wang@Example.com", ""), None);
        assert!(learnt.is_empty(), "nobody has vouched: {learnt:?}");
        assert_ne!(ask(&who("", "wang@example.com", ""), None).0, first);
        let (same, learnt) = ask(&who("13800138000", "wang@example.com", ""), Some(Proven::Phone));
        assert_eq!((&same, learnt.len()), (&first, 2));
        assert_eq!(ask(&who("", "WANG@example.com", ""), None).0, first, "linked now");
        assert_eq!(ask(&who("+8613800138000", "wang@example.com", ""), Some(Proven::Phone)).1, []);
        // The address proves itself, and stays whose it is.
        let (same, learnt) = ask(&who("", "wang@example.com", ""), Some(Proven::Email));
        assert!(same == first && matches!(&learnt[..], [Learnt::Known(it)] if it.proven), "{learnt:?}");
        // Somebody else gives it.
        let (other, learnt) = ask(&who("13900139000", "wang@example.com", "oX"), Some(Proven::Openid));
        assert_ne!(other, first);
        let contested = |it: &&Learnt| matches!(it, Learnt::Contested(it) if it.citizen == other);
        assert_eq!(learnt.iter().filter(contested).count(), 1, "{learnt:?}");
        assert_eq!(ask(&who("13900139000", "", ""), None).0, other);
        assert_eq!(ask(&who("", "wang@example.com", ""), None).0, first);
    }
}
