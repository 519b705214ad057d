//! A door that keeps its word in memory.

use async_trait::async_trait;
use jiesu_connector::{DeliveryKey, Door, Incoming, OnOtherContent, Receipt, Refusal};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The one door as the contract describes it, in memory: receipts from 1 on, redeliveries answered with the first.
#[derive(Default)]
pub struct FakeDoor(Mutex<State>);

#[derive(Default)]
struct State {
    kept: Vec<Incoming>,
    /// Every content that came under a scope and name.
    known: HashMap<(String, String), Vec<Known>>,
    refusal: Option<Refusal>,
}

impl FakeDoor {
    /// From now on refuses everything with `refusal`, or nothing.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.state().refusal = refusal;
    }

    /// What was kept, in order, without redeliveries.
    pub fn kept(&self) -> Vec<Incoming> {
        self.state().kept.clone()
    }

    /// Takes all of `messages` or none.
    ///
    /// # Errors
    /// The refusal that was asked for, or [`Refusal::OtherContent`].
    pub fn take(&self, messages: Vec<Incoming>) -> Result<Vec<Receipt>, Refusal> {
        let mut state = self.state();
        if let Some(refusal) = state.refusal {
            return Err(refusal);
        }
        let decided: Vec<_> = messages.iter().map(|message| state.decide(message)).collect::<Result<_, _>>()?;
        Ok(messages.into_iter().zip(decided).map(|(message, first)| state.keep(message, first)).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Known {
    digest: [u8; 16],
    receipt: Receipt,
}

#[async_trait]
impl Door for FakeDoor {
    async fn accept(&self, messages: Vec<Incoming>) -> Result<Vec<Receipt>, Refusal> {
        self.take(messages)
    }
}

impl State {
    /// The first receipt, if `message` is a redelivery. The keys are looked at in their order.
    fn decide(&self, message: &Incoming) -> Result<Option<Receipt>, Refusal> {
        for key in &message.keys {
            let Some(known) = self.known.get(&name(key)) else { continue };
            if let Some(first) = known.iter().find(|known| known.digest == message.digest) {
                return Ok(Some(first.receipt.clone()));
            }
            if key.on_other_content == OnOtherContent::Refuse {
                return Err(Refusal::OtherContent);
            }
        }
        Ok(None)
    }

    fn keep(&mut self, message: Incoming, first: Option<Receipt>) -> Receipt {
        if let Some(first) = first {
            // Names that are new with a redelivery stand for the first one.
            for key in &message.keys {
                let known = self.known.entry(name(key)).or_default();
                if known.iter().all(|known| known.digest != message.digest) {
                    known.push(Known { digest: message.digest, receipt: first.clone() });
                }
            }
            return Receipt { redelivery: true, ..first };
        }
        let digits = format!("20261122{:06}", self.kept.len() + 1);
        let receipt = Receipt {
            number: format!("{}-{}-{}", &digits[..8], &digits[8..], luhn(&digits)),
            code: Some("7Q3M-K9TD".into()),
            redelivery: false,
            received_at: Timestamp::UNIX_EPOCH,
        };
        for key in &message.keys {
            let known = Known { digest: message.digest, receipt: receipt.clone() };
            self.known.entry(name(key)).or_default().push(known);
        }
        self.kept.push(message);
        receipt
    }
}

fn name(key: &DeliveryKey) -> (String, String) {
    (key.scope.clone(), key.value.clone())
}

/// The check digit of decimal `digits` (ISO/IEC 7812-1, annex B).
fn luhn(digits: &str) -> u32 {
    let doubled = |(place, digit): (usize, u32)| match digit * 2 {
        _ if place % 2 == 1 => digit,
        twice if twice > 9 => twice - 9,
        twice => twice,
    };
    let sum: u32 = digits.chars().rev().filter_map(|digit| digit.to_digit(10)).enumerate().map(doubled).sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_the_standard() {
        assert_eq!(luhn("7992739871"), 3);
    }
}
