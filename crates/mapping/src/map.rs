//! From a foreign message to appeals.

use crate::{Caps, Filter, RunError};
use jiesu_connector::{FieldFault, Submission};
use serde_json::Value;
use std::fmt;

/// Fields of a submission that are text; vendors write numbers there.
const TEXTS: &[&[&str]] = &[
    &["id"],
    &["title"],
    &["content"],
    &["demand"],
    &["hotline"],
    &["category"],
    &["occurred_at"],
    &["appellant", "name"],
    &["appellant", "phone"],
    &["appellant", "email"],
    &["appellant", "wechat_openid"],
    &["location", "text"],
    &["location", "region"],
];

/// A jq filter whose outputs are submissions, or null to skip.
#[derive(Debug, Clone)]
pub struct Map {
    filter: Filter,
    caps: Caps,
}

/// One output.
#[derive(Debug, Clone, PartialEq)]
pub enum Mapped {
    /// Null: nothing to be taken from this.
    Skip,
    /// An appeal; its fields are in order.
    Appeal(Box<Submission>),
}

/// A message could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapError {
    /// The filter failed.
    Filter(RunError),
    /// The filter yields something that is no submission.
    Output {
        /// Which output, from 0.
        index: usize,
        /// Every fault found.
        faults: Vec<FieldFault>,
    },
    /// The filter yields nothing at all, not even null.
    Nothing,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => write!(f, "map: {error}"),
            // Fields only: the details may quote the citizen.
            Self::Output { faults, .. } => {
                let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
                write!(f, "what the map yields is no appeal; at fault: {}", fields.join(", "))
            }
            Self::Nothing => f.write_str("the map yields nothing; let it yield null for what is to be skipped"),
        }
    }
}

impl std::error::Error for MapError {}

impl MapError {
    /// The same in full, which may quote the message: for whoever tries the map, never for a log.
    pub fn detail(&self) -> String {
        match self {
            Self::Filter(RunError { detail: Some(detail), .. }) => format!("{self}: {detail}"),
            Self::Output { faults, .. } => {
                let faults: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.field, fault.detail)).collect();
                format!("what the map yields is no appeal: {}", faults.join("; "))
            }
            _ => self.to_string(),
        }
    }
}

impl Map {
    /// Compiles a map with the standing caps.
    ///
    /// # Errors
    /// What is wrong with the filter, and where.
    pub fn compile(source: &str) -> Result<Self, crate::CompileError> {
        Ok(Self { filter: Filter::map(source)?, caps: Caps::default() })
    }

    /// The same map with other caps.
    #[must_use]
    pub fn within(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// The filter as it was written.
    pub fn source(&self) -> &str {
        self.filter.source()
    }

    /// What comes of `input`, output by output; an output that is an array counts as its items.
    ///
    /// # Errors
    /// The first fault; nothing of a message is taken if any of it is at fault.
    pub fn run(&self, input: Value) -> Result<Vec<Mapped>, MapError> {
        let outputs = self.filter.run(input, self.caps).map_err(MapError::Filter)?;
        if outputs.is_empty() {
            return Err(MapError::Nothing);
        }
        let items = outputs.into_iter().flat_map(|output| match output {
            Value::Array(items) => items,
            one => vec![one],
        });
        let mapped = items.enumerate().map(|(index, item)| match item {
            Value::Null => Ok(Mapped::Skip),
            item => {
                let submission = submission(item).map_err(|faults| MapError::Output { index, faults })?;
                Ok(Mapped::Appeal(Box::new(submission)))
            }
        });
        mapped.collect()
    }
}

/// Reads a submission; numbers are text where text is meant.
fn submission(mut item: Value) -> Result<Submission, Vec<FieldFault>> {
    for path in TEXTS {
        let field = path.iter().try_fold(&mut item, |value, name| value.get_mut(*name));
        if let Some(field @ Value::Number(_)) = field {
            *field = Value::String(field.to_string());
        }
    }
    let json = serde_json::to_vec(&item).unwrap_or_default();
    let submission = Submission::from_json(&json).map_err(|fault| vec![fault])?;
    let faults = submission.faults();
    if faults.is_empty() { Ok(submission) } else { Err(faults) }
}
