//! A mark on what goes out by way of a citizen's browser and comes back: only the gateway can make it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Makes marks. One key for all nodes of a gateway, which no connector ever sees.
pub trait Seal: Send + Sync {
    /// The mark of `parts`; of another `purpose` it is another.
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32];

    /// Whether `mark` is the beginning (at least 16 bytes) of that of `parts`; in constant time.
    fn is_good(&self, purpose: &str, parts: &[&[u8]], mark: &[u8]) -> bool {
        let good = self.mark(purpose, parts);
        mark.len() >= 16 && mark.len() <= good.len() && bool::from(good[..mark.len()].ct_eq(mark))
    }
}

/// A seal for one process, with a key of its own: for tests, and for commands that serve nobody.
pub struct LocalSeal([u8; 32]);

impl Default for LocalSeal {
    fn default() -> Self {
        let mut key = [0; 32];
        // Without randomness nothing that this process marks is worth anything to anybody: it serves nobody.
        let _ = getrandom::fill(&mut key);
        Self(key)
    }
}

impl Seal for LocalSeal {
    fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // Keys of any length are right for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_for_what_it_was_made_for_only() {
        let seal = LocalSeal::default();
        let mark = seal.mark("token", &[b"a", b"b"]);
        assert!(seal.is_good("token", &[b"a", b"b"], &mark) && seal.is_good("token", &[b"a", b"b"], &mark[..16]));
        assert!(!seal.is_good("file", &[b"a", b"b"], &mark) && !seal.is_good("token", &[b"ab", b""], &mark));
        assert!(!seal.is_good("token", &[b"a", b"b"], &mark[..15]) && !seal.is_good("token", &[b"a", b"b"], b""));
        assert!(!LocalSeal::default().is_good("token", &[b"a", b"b"], &mark));
    }
}
