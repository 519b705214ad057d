//! Proof of work, asked only of who comes too often: their browser has to count for a second (ALTCHA's format, version 1).
//!
//! Without scripts there is a slower way through: the page is good again after a minute ([`Challenges::patience`]).

use crate::token::hex;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiesu_connector::Seal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How long a challenge may be answered, in seconds.
pub(crate) const LIFE: i64 = 20 * 60;
/// How long who has no scripts waits, in seconds.
pub(crate) const WAIT: i64 = 60;
const ALGORITHM: &str = "SHA-256";

/// A riddle: which number, appended to `salt`, has the hash `challenge`?
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Challenge {
    algorithm: &'static str,
    challenge: String,
    maxnumber: u32,
    salt: String,
    signature: String,
}

impl Challenge {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Solution {
    algorithm: String,
    challenge: String,
    number: u64,
    salt: String,
    signature: String,
}

/// Makes the challenges of one channel and checks what comes back.
#[derive(Clone)]
pub(crate) struct Challenges {
    seal: Arc<dyn Seal>,
    channel: String,
    /// The largest number that it can be.
    difficulty: u32,
}

impl Challenges {
    pub fn new(seal: Arc<dyn Seal>, channel: &str, difficulty: u32) -> Self {
        Self { seal, channel: channel.to_owned(), difficulty }
    }

    /// A new one; `None` without randomness.
    pub fn issue(&self, now: Timestamp) -> Option<Challenge> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        // The mark at the end keeps the salt from being continued into the number (CVE-2025-68113).
        let salt = format!("{}?expires={}&", hex(&random[..12]), now.as_second() + LIFE);
        let number = u32::from_be_bytes([random[12], random[13], random[14], random[15]]) % (self.difficulty + 1);
        let challenge = hash(&salt, number.into());
        let signature = hex(&self.mark(&challenge));
        Some(Challenge { algorithm: ALGORITHM, challenge, maxnumber: self.difficulty, salt, signature })
    }

    /// The name of the challenge that `payload` solves, if it solves one of ours that is not over.
    pub fn solved(&self, payload: &str, now: Timestamp) -> Option<String> {
        let json = STANDARD.decode(payload.trim()).ok().filter(|json| json.len() < 2_000)?;
        let solution: Solution = serde_json::from_slice(&json).ok()?;
        let expires = solution.salt.strip_suffix('&')?.rsplit_once("?expires=")?.1.parse::<i64>().ok()?;
        let right = solution.algorithm == ALGORITHM
            && solution.number <= u64::from(self.difficulty)
            && expires >= now.as_second()
            && hash(&solution.salt, solution.number) == solution.challenge
            && hex(&self.mark(&solution.challenge)) == solution.signature;
        right.then_some(solution.challenge)
    }

    fn mark(&self, challenge: &str) -> [u8; 32] {
        self.seal.mark(&format!("web challenge/{}", self.channel), &[challenge.as_bytes()])
    }

    /// What the page of `token` carries so that it is good again after [`WAIT`].
    pub fn patience(&self, token: &str, now: Timestamp) -> String {
        let from = now.as_second() + WAIT;
        format!("{from}.{}", hex(&self.patience_mark(token, from)[..16]))
    }

    /// Whether it was waited for; then it is good as long as a challenge.
    pub fn waited(&self, token: &str, patience: &str, now: Timestamp) -> bool {
        let read = || {
            let (from, mark) = patience.split_once('.')?;
            let from = from.parse::<i64>().ok()?;
            let good = hex(&self.patience_mark(token, from)[..16]) == mark;
            Some(good && (from..from.checked_add(LIFE)?).contains(&now.as_second()))
        };
        read().unwrap_or(false)
    }

    fn patience_mark(&self, token: &str, from: i64) -> [u8; 32] {
        self.seal.mark(&format!("web patience/{}", self.channel), &[token.as_bytes(), &from.to_be_bytes()])
    }
}

fn hash(salt: &str, number: u64) -> String {
    hex(&Sha256::digest(format!("{salt}{number}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::LocalSeal;
    use serde_json::json;

    fn solve(challenge: &Challenge) -> (u64, String) {
        let number = (0..=u64::from(challenge.maxnumber)).find(|n| hash(&challenge.salt, *n) == challenge.challenge);
        (number.expect("there is an answer"), challenge.salt.clone())
    }

    fn payload(challenge: &Challenge, number: u64, salt: &str) -> String {
        let Challenge { algorithm, challenge, signature, .. } = challenge;
        let answer = json!({ "algorithm": algorithm, "challenge": challenge, "number": number, "salt": salt,
            "signature": signature, "took": 12 });
        STANDARD.encode(answer.to_string())
    }

    #[test]
    fn a_challenge_is_solved_by_work_only_and_in_time() {
        let seal: Arc<dyn Seal> = Arc::new(LocalSeal::default());
        let challenges = Challenges::new(seal.clone(), "a", 2_000);
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        let challenge = challenges.issue(at(0)).expect("randomness");
        let (number, salt) = solve(&challenge);
        let right = payload(&challenge, number, &salt);
        assert_eq!(challenges.solved(&right, at(LIFE)), Some(challenge.challenge.clone()));
        assert_eq!(challenges.solved(&right, at(LIFE + 1)), None, "too late");
        assert_eq!(challenges.solved(&payload(&challenge, number + 1, &salt), at(0)), None);
        assert_eq!(Challenges::new(seal, "b", 2_000).solved(&right, at(0)), None, "of another channel");
        // The number's first digits moved into the salt, so that it seems to expire later.
        let digits = number.to_string();
        let spliced = format!("{}{}", salt.trim_end_matches('&'), &digits[..1]);
        let rest = digits[1..].parse().unwrap_or_default();
        assert_eq!(challenges.solved(&payload(&challenge, rest, &spliced), at(0)), None);
        for nonsense in ["", "%", "e30=", "W10="] {
            assert_eq!(challenges.solved(nonsense, at(0)), None);
        }
    }

    #[test]
    fn who_waits_gets_through_and_who_does_not_does_not() {
        let challenges = Challenges::new(Arc::new(LocalSeal::default()), "a", 2_000);
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        let patience = challenges.patience("t", at(0));
        assert!(challenges.waited("t", &patience, at(WAIT)) && !challenges.waited("t", &patience, at(WAIT - 1)));
        assert!(!challenges.waited("t", &patience, at(WAIT + LIFE)) && !challenges.waited("u", &patience, at(WAIT)));
        assert!(!challenges.waited("t", "1.00", at(WAIT)) && !challenges.waited("t", "", at(WAIT)));
    }
}
