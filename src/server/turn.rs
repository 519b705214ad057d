//! Whose turn it is on a connection: shared by its socket, its exchanges and the watch over both.

use http::StatusCode;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client may send a request; nothing of it is here yet.
    Silent,
    /// The client has begun a request's head.
    Head,
    /// A handler is at work, or its answer is being written.
    Handling,
    /// A handler waits for more of the body.
    Body,
}

/// The state of one connection. One task reads and writes it, so relaxed atomics serve as cells that are `Sync`.
#[derive(Debug)]
pub(super) struct Turn {
    phase: AtomicU8,
    steps: AtomicU32,
    requests: AtomicU32,
    body_bytes: AtomicU64,
    body_open: AtomicBool,
    stalled: AtomicBool,
    flushed: AtomicBool,
    verdict: AtomicU16,
}

impl Turn {
    pub fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Silent as u8),
            steps: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            body_bytes: AtomicU64::new(0),
            body_open: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            flushed: AtomicBool::new(true),
            verdict: AtomicU16::new(0),
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.step();
    }

    fn step(&self) {
        self.steps.store(self.steps.load(Relaxed).wrapping_add(1), Relaxed);
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Silent,
            1 => Phase::Head,
            2 => Phase::Handling,
            _ => Phase::Body,
        }
    }

    /// Changes with everything that counts as progress.
    pub fn steps(&self) -> u32 {
        self.steps.load(Relaxed)
    }

    /// Requests begun so far.
    pub fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Bytes came in.
    pub fn received(&self) {
        if self.phase() == Phase::Silent {
            self.enter(Phase::Head);
        }
    }

    /// A head is complete; `body` says whether a body follows.
    pub fn request(&self, body: bool) {
        self.requests.store(self.requests.load(Relaxed).wrapping_add(1), Relaxed);
        self.body_bytes.store(0, Relaxed);
        self.body_open.store(body, Relaxed);
        self.enter(Phase::Handling);
    }

    /// The handler wants more of the body than is here.
    pub fn body_wanted(&self) {
        if self.phase() == Phase::Handling {
            self.enter(Phase::Body);
        }
    }

    /// A piece of the body came; `last` when it is complete.
    pub fn body_piece(&self, bytes: usize, last: bool) {
        self.body_bytes.store(self.body_bytes.load(Relaxed).saturating_add(bytes as u64), Relaxed);
        if last {
            self.body_open.store(false, Relaxed);
        }
        self.enter(Phase::Handling);
    }

    /// Bytes of the current body so far.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes.load(Relaxed)
    }

    /// Whether the current request has a body that is not read to its end.
    pub fn body_open(&self) -> bool {
        self.body_open.load(Relaxed)
    }

    /// The answer is in hyper's hands.
    pub fn answered(&self) {
        self.flushed.store(false, Relaxed);
        self.verdict.store(0, Relaxed);
        self.enter(Phase::Silent);
    }

    /// Everything written so far is in the kernel's hands.
    pub fn flushed(&self) {
        self.flushed.store(true, Relaxed);
    }

    /// Whether nothing of an answer is still to be written.
    pub fn clean(&self) -> bool {
        self.flushed.load(Relaxed) && matches!(self.phase(), Phase::Silent | Phase::Head)
    }

    /// The client takes no bytes (or takes them again).
    pub fn stall(&self, stalled: bool) {
        if stalled != self.stalled.load(Relaxed) {
            self.stalled.store(stalled, Relaxed);
            self.step();
        } else if !stalled && self.phase() == Phase::Handling {
            self.step();
        }
    }

    /// Whether the client takes no bytes.
    pub fn stalled(&self) -> bool {
        self.stalled.load(Relaxed)
    }

    /// Orders the exchange under way to answer `status` instead of waiting for its handler.
    pub fn sentence(&self, status: StatusCode) {
        self.verdict.store(status.as_u16(), Relaxed);
    }

    /// The order given, if any.
    pub fn verdict(&self) -> Option<StatusCode> {
        match self.verdict.load(Relaxed) {
            0 => None,
            code => StatusCode::from_u16(code).ok(),
        }
    }
}
