//! How far it is: a bar on a terminal, a line now and then elsewhere.

use jiesu_connector::Imported;
use std::{
    io::{IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Cells of the bar.
const WIDTH: u64 = 30;

pub struct Bar {
    name: String,
    terminal: bool,
    began: Instant,
    shown: Instant,
}

impl Bar {
    pub fn new(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let now = Instant::now();
        Self { name, terminal: std::io::stderr().is_terminal(), began: now, shown: now }
    }

    pub fn show(&mut self, so_far: &Imported) {
        let pace = Duration::from_millis(if self.terminal { 200 } else { 10_000 });
        if self.shown.elapsed() < pace {
            return;
        }
        self.shown = Instant::now();
        let Imported { read, size, rows, rejected, .. } = so_far;
        let percent = (read * 100).checked_div(*size).unwrap_or(100).min(100);
        let speed = (*rows as f64 / self.began.elapsed().as_secs_f64()) as u64;
        let words = format!("{percent:3} %  {rows} rows, {rejected} rejected, {speed} rows/s");
        let mut stderr = std::io::stderr();
        // Nobody is told less because a terminal has gone.
        let _ = if self.terminal {
            let full = percent * WIDTH / 100;
            let bar: String = (0..WIDTH).map(|cell| if cell < full { '█' } else { '░' }).collect();
            write!(stderr, "\r\x1b[K{} {bar} {words}", self.name).and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{}: {words}", self.name)
        };
    }

    pub fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
