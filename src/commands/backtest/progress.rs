//! A bar on stderr, if that is a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

const WIDTH: usize = 40;
const EVERY: Duration = Duration::from_millis(100);

pub struct Bar {
    all: usize,
    shown: bool,
    started: Instant,
    last: Instant,
}

impl Bar {
    pub fn new(all: usize) -> Self {
        let now = Instant::now();
        Self { all, shown: std::io::stderr().is_terminal(), started: now, last: now - EVERY }
    }

    pub fn at(&mut self, done: usize) {
        if self.shown && (self.last.elapsed() >= EVERY || done == self.all) {
            self.last = Instant::now();
            let full = done * WIDTH / self.all.max(1);
            let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full.min(WIDTH)));
            let _ = write!(std::io::stderr(), "\r{bar} {done}/{} {rate:.0}/s ", self.all);
        }
    }

    pub fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}
