//! A contact (通话) that the channel itself delimits: a call, told in events that come in any order and repeatedly.

use std::{sync::Arc, time::Duration};

/// What one message adds to a contact.
///
/// What is expected and what is there are bits, each channel's own, at most 32. They only grow, so that the order of the
/// messages, and how often each comes, make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The channel's name for it.
    pub name: String,
    /// What is there with this message.
    pub brings: u32,
    /// What is to be expected, as far as this message tells.
    pub expects: u32,
    /// How long to wait.
    pub patience: Patience,
}

/// How long a contact waits for what it lacks, counted from its latest message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// For each bit, from the lowest on.
    pub waits: Arc<[Duration]>,
    /// When nothing is lacking, and at the least.
    pub settle: Duration,
}

impl Patience {
    /// How long to wait for the rest of a contact of which so much is there and so much expected.
    pub fn wait(&self, brings: u32, expects: u32) -> Duration {
        let missing = expects & !brings;
        let lacking = self.waits.iter().enumerate().filter(|(bit, _)| missing >> bit & 1 == 1);
        lacking.map(|(_, wait)| *wait).fold(self.settle, Duration::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_longest_decides_and_what_nobody_expects_does_not() {
        let seconds = Duration::from_secs;
        let patience = Patience { waits: [seconds(60), seconds(10), seconds(90)].into(), settle: seconds(2) };
        assert_eq!(patience.wait(0b000, 0b011), seconds(60));
        assert_eq!(patience.wait(0b001, 0b011), seconds(10));
        assert_eq!(patience.wait(0b011, 0b011), seconds(2));
        assert_eq!(patience.wait(0b100, 0b000), seconds(2));
        assert_eq!(patience.wait(0b000, 1 << 31), seconds(2), "a bit without a wait");
    }
}
