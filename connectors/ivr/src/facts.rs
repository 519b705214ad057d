//! What a call has, and what it lacks, as bits.

use crate::event::{Event, Reason, What};
use jiesu_connector::{Contact, Patience};
use std::{sync::Arc, time::Duration};

/// It began: who called is known.
const STARTED: u32 = 1;
/// It ended.
const ENDED: u32 = 1 << 1;
/// A recording.
pub(crate) const RECORDING: u32 = 1 << 2;
/// Words.
pub(crate) const TRANSCRIPT: u32 = 1 << 3;
/// Something that was said, whichever.
const CONTENT: u32 = 1 << 4;

/// How a channel's calls wait.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// What follows a call that was answered.
    pub expected: u32,
    /// What follows a recording.
    pub after_recording: u32,
    patience: Patience,
}

/// The waits of a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub settle: Duration,
    pub end: Duration,
    pub recording: Duration,
    pub transcript: Duration,
    pub content: Duration,
}

impl Waiting {
    pub fn new(expected: u32, after_recording: u32, waits: Waits) -> Self {
        let Waits { settle, end, recording, transcript, content } = waits;
        // In the order of the bits. Who called is told at once, if at all.
        let waits: Arc<[Duration]> = [content, end, recording, transcript, content].into();
        Self { expected, after_recording, patience: Patience { waits, settle } }
    }

    /// What these events, of one call, add to it.
    pub fn contact(&self, call: &str, events: &[Event]) -> Contact {
        let (mut brings, mut expects) = (0, STARTED | ENDED);
        for event in events {
            let (brought, expected) = self.of(&event.what);
            brings |= brought;
            expects |= expected;
        }
        Contact { name: call.to_owned(), brings, expects, patience: self.patience.clone() }
    }

    fn of(&self, what: &What) -> (u32, u32) {
        match what {
            What::Started { .. } => (STARTED, 0),
            What::Recording(Some(_)) => (RECORDING | CONTENT, self.after_recording),
            What::Recording(None) => (RECORDING, 0),
            What::Announced(_) => (0, RECORDING | self.after_recording),
            What::Transcript(text) if text.is_empty() => (TRANSCRIPT, 0),
            What::Transcript(_) => (TRANSCRIPT | CONTENT, 0),
            What::Ended { reason: Reason::Abandoned | Reason::Failed, .. } => (ENDED, 0),
            What::Ended { .. } => (ENDED, CONTENT | self.expected),
            What::Menu { .. } | What::Satisfaction { .. } | What::Other => (0, 0),
        }
    }
}
