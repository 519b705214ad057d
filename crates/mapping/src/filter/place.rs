//! A place in a filter.

use std::fmt;

/// Where in a filter something is: its line and column, from 1, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The words from there, to the end of the line at most.
    pub words: String,
}

/// Characters of a filter that are shown.
const SHOWN: usize = 30;

impl Place {
    /// The place of `part`, if it is a slice of `source`.
    pub(crate) fn of(source: &str, part: &str) -> Option<Self> {
        Self::at(source, offset(source, part)?)
    }

    /// The place of a byte.
    pub(crate) fn at(source: &str, offset: usize) -> Option<Self> {
        let (before, from) = source.split_at_checked(offset)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        let rest = from.lines().next().unwrap_or_default();
        let mut words: String = rest.chars().take(SHOWN).collect();
        if words.len() < rest.len() {
            words.push('…');
        }
        Some(Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1, words })
    }
}

/// How far into `source` its slice `part` begins.
pub(crate) fn offset(source: &str, part: &str) -> Option<usize> {
    let offset = (part.as_ptr() as usize).checked_sub(source.as_ptr() as usize)?;
    (offset <= source.len() && offset + part.len() <= source.len()).then_some(offset)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if self.words.is_empty() { f.write_str(": the end") } else { write!(f, ": {}", self.words) }
    }
}
