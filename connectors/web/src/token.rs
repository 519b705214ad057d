//! The token of one page: what makes a second click the same submit, and an old page known as such.

use jiesu_connector::Seal;
use jiff::Timestamp;
use std::sync::Arc;

/// How long a page may be open before it is sent, in seconds.
const LIFE: i64 = 4 * 3600;
/// Clocks of several nodes differ, in seconds.
const AHEAD: i64 = 120;
/// Random bytes.
const RANDOM: usize = 12;
/// Bytes of the mark.
const MARK: usize = 16;

/// What a token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// There is none: no page of ours was filled in.
    Absent,
    /// Ours, and still good. Its name.
    Good(String),
    /// Too old, or not ours.
    Stale,
}

/// Makes and reads the tokens of one channel.
#[derive(Clone)]
pub(crate) struct Tokens {
    seal: Arc<dyn Seal>,
    purpose: String,
}

impl Tokens {
    pub fn new(seal: Arc<dyn Seal>, channel: &str) -> Self {
        Self { seal, purpose: format!("web form/{channel}") }
    }

    /// A new one; `None` without randomness, and the page works without.
    pub fn issue(&self, now: Timestamp) -> Option<String> {
        let mut token = [0; 4 + RANDOM];
        token[..4].copy_from_slice(&u32::try_from(now.as_second()).unwrap_or_default().to_be_bytes());
        getrandom::fill(&mut token[4..]).ok()?;
        let mark = self.seal.mark(&self.purpose, &[&token]);
        Some(hex(&[&token[..], &mark[..MARK]].concat()))
    }

    /// What `text` is worth at `now`.
    pub fn read(&self, text: &str, now: Timestamp) -> Token {
        if text.is_empty() {
            return Token::Absent;
        }
        let bytes = unhex(text).filter(|bytes| bytes.len() == 4 + RANDOM + MARK);
        let Some((token, mark)) = bytes.as_ref().and_then(|bytes| bytes.split_at_checked(4 + RANDOM)) else {
            return Token::Stale;
        };
        let issued = token.first_chunk::<4>().map_or(0, |bytes| i64::from(u32::from_be_bytes(*bytes)));
        let age = now.as_second() - issued;
        match (-AHEAD..=LIFE).contains(&age) && self.seal.is_good(&self.purpose, &[token], mark) {
            true => Token::Good(hex(token)),
            false => Token::Stale,
        }
    }
}

/// In lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From hexadecimal, if it is such.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiesu_connector::LocalSeal;

    #[test]
    fn a_token_is_good_for_its_channel_and_for_a_while() {
        let seal: Arc<dyn Seal> = Arc::new(LocalSeal::default());
        let (tokens, other) = (Tokens::new(seal.clone(), "a"), Tokens::new(seal, "b"));
        let at = |second| Timestamp::from_second(1_800_000_000 + second).unwrap_or_default();
        let token = tokens.issue(at(0)).expect("randomness");
        let Token::Good(name) = tokens.read(&token, at(0)) else { panic!("it is good") };
        assert_eq!(tokens.read(&token, at(LIFE)), Token::Good(name));
        assert_eq!(tokens.read(&token, at(LIFE + 1)), Token::Stale);
        assert_eq!(tokens.read(&token, at(-AHEAD - 1)), Token::Stale);
        assert_eq!(other.read(&token, at(0)), Token::Stale);
        assert_eq!(tokens.read("", at(0)), Token::Absent);
        for made_up in ["0", "zz", "0123456789abcdef0123456789abcdef", &token[2..], &token.replace(&token[..2], "00")] {
            assert_eq!(tokens.read(made_up, at(0)), Token::Stale, "{made_up}");
        }
        assert_ne!(tokens.issue(at(0)), Some(token));
    }
}
