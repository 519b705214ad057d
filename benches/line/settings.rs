//! What can be set from the environment.

use anyhow::{Context as _, Result, ensure};

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Rounds of every server; the table shows medians. `JIESU_BENCH_ROUNDS`.
    pub rounds: usize,
    /// Measured requests in a round. `JIESU_BENCH_REQUESTS`.
    pub requests: usize,
    /// Requests before them in each round, not measured. `JIESU_BENCH_WARMUP`.
    pub warm_up: usize,
    /// Keep-alive connections, each with one request under way. `JIESU_BENCH_CONNECTIONS`.
    pub connections: usize,
    /// Rows to measure, by their number in the table; empty for all. `JIESU_BENCH_ROWS`, such as `2,4`.
    pub rows: Vec<usize>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// A variable that is no number, or out of range.
    pub fn from_env() -> Result<Self> {
        let rows = std::env::var("JIESU_BENCH_ROWS").unwrap_or_default();
        let rows: Result<Vec<usize>> = rows
            .split(',')
            .filter(|row| !row.is_empty())
            .map(|row| row.trim().parse().with_context(|| format!("JIESU_BENCH_ROWS: `{row}` is no number")))
            .collect();
        let settings = Self {
            rounds: number("JIESU_BENCH_ROUNDS", 3)?,
            requests: number("JIESU_BENCH_REQUESTS", 30_000)?,
            warm_up: number("JIESU_BENCH_WARMUP", 3_000)?,
            connections: number("JIESU_BENCH_CONNECTIONS", 64)?,
            rows: rows?,
        };
        ensure!(settings.rounds > 0 && settings.requests > 0 && settings.connections > 0, "at least one of everything");
        ensure!(settings.requests + settings.warm_up < 1_000_000, "serials have six digits: ask for fewer requests");
        ensure!(settings.connections <= 2_000, "JIESU_BENCH_CONNECTIONS: at most 2000");
        Ok(settings)
    }
}

fn number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}: `{text}` is no number")),
        Err(_) => Ok(default),
    }
}
