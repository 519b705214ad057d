//! CSV (RFC 4180) as programs and people write it: `,`, `;` or tab, any end of line, quotes with line ends in them.
//!
//! A quote that is never closed would swallow the rest of the file. So a record that does not come out right is given up as
//! its first line alone, and reading goes on with the next.

use super::{
    lines::{Line, Lines},
    table::{Record, Records},
};
use std::collections::VecDeque;

/// A record in quotes, at most.
const MAX_LINES: usize = 200;
const MAX_BYTES: usize = 256 << 10;

/// Reads records.
pub(super) struct Csv {
    lines: Lines,
    /// Lines that were read ahead in vain.
    again: VecDeque<Line>,
    separator: char,
    columns: Option<usize>,
}

impl Csv {
    pub fn new(mut lines: Lines) -> Result<Self, String> {
        let mut again = VecDeque::new();
        let mut separator = None;
        // The first lines tell; a title may stand above them.
        while again.len() < 5 {
            let Some(line) = lines.next()? else { break };
            match line.text.strip_prefix("sep=").and_then(|rest| rest.chars().next()) {
                Some(named) if again.is_empty() => separator = Some(named),
                _ => again.push_back(line),
            }
        }
        let separator = separator.unwrap_or_else(|| likely(&again));
        Ok(Self { lines, again, separator, columns: None })
    }

    fn line(&mut self) -> Result<Option<Line>, String> {
        match self.again.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }
}

/// The separator that the first lines have most of.
fn likely(lines: &VecDeque<Line>) -> char {
    let count = |separator: char| {
        lines
            .iter()
            .map(|line| {
                let mut quoted = false;
                let outside = line.text.chars().filter(|character| {
                    quoted ^= *character == '"';
                    !quoted && *character == separator
                });
                outside.count()
            })
            .max()
            .unwrap_or_default()
    };
    // The last of the best: a comma, if nothing speaks for another.
    [';', '\t', ','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(',')
}

impl Records for Csv {
    fn next(&mut self) -> Result<Option<Record>, String> {
        let first = loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.text.trim().is_empty() && line.fault.is_none() => {}
                Some(line) => break line,
            }
        };
        let number = first.number;
        let bad = |line: &Line, separator: char, fault: String| Record {
            line: line.number,
            cells: plain(&line.text, separator),
            fault: Some(fault),
        };
        if let Some(fault) = &first.fault {
            return Ok(Some(bad(&first, self.separator, fault.clone())));
        }
        let mut cells = Cells::new(self.separator);
        let mut state = cells.add(&first.text);
        let mut taken: VecDeque<Line> = VecDeque::new();
        let mut bytes = first.text.len();
        while matches!(state, State::Open) && taken.len() < MAX_LINES && bytes < MAX_BYTES {
            let Some(line) = self.line()? else { break };
            bytes += line.text.len();
            state = if line.fault.is_some() { State::Broken } else { cells.add(&line.text) };
            taken.push_back(line);
        }
        let ragged = !taken.is_empty() && self.columns.is_some_and(|columns| cells.done.len() != columns);
        let fault = match state {
            State::Complete if !ragged => return Ok(Some(Record { line: number, cells: cells.done, fault: None })),
            State::Complete | State::Open => "a quote is opened in it and not closed",
            State::Broken => "there is text after a closing quote",
        };
        // Whatever was taken with it stands for itself.
        while let Some(line) = taken.pop_back() {
            self.again.push_front(line);
        }
        Ok(Some(bad(&first, self.separator, fault.into())))
    }

    fn expect(&mut self, columns: usize) -> bool {
        self.columns = Some(columns);
        false
    }
}

/// The pieces between separators, quotes and all.
fn plain(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::to_owned).collect()
}

#[derive(Clone, Copy)]
enum State {
    /// The record is whole.
    Complete,
    /// A quoted cell goes on in the next line.
    Open,
    /// It is no CSV.
    Broken,
}

/// The cells of one record, line by line.
struct Cells {
    separator: char,
    done: Vec<String>,
    cell: String,
    quoted: bool,
}

impl Cells {
    fn new(separator: char) -> Self {
        Self { separator, done: Vec::new(), cell: String::new(), quoted: false }
    }

    fn add(&mut self, line: &str) -> State {
        let mut characters = line.chars().peekable();
        if self.quoted {
            self.cell.push('\n');
        }
        loop {
            if self.quoted {
                loop {
                    match characters.next() {
                        None => return State::Open,
                        Some('"') if characters.next_if_eq(&'"').is_some() => self.cell.push('"'),
                        Some('"') => break,
                        Some(other) => self.cell.push(other),
                    }
                }
                self.quoted = false;
                match characters.peek() {
                    Some(next) if *next != self.separator => return State::Broken,
                    _ => {}
                }
            } else if self.cell.is_empty() && characters.next_if_eq(&'"').is_some() {
                self.quoted = true;
                continue;
            }
            loop {
                match characters.next() {
                    Some(character) if character == self.separator => {
                        self.done.push(std::mem::take(&mut self.cell));
                        break;
                    }
                    Some(character) => self.cell.push(character),
                    None => {
                        self.done.push(std::mem::take(&mut self.cell));
                        return State::Complete;
                    }
                }
            }
        }
    }
}
