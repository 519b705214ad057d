//! From a row to messages, and from a stored row to the appeal.

use crate::usual;
use jiesu_connector::{Appeal, DeliveryKey, Incoming, OnOtherContent, ParseError, Parser, Raw, digest};
use jiesu_mapping::{Map, MapError, Mapped};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Which appeal of its row a message is ([`Raw::meta`]).
const INDEX: &str = "index";

/// What rows mean.
#[derive(Clone)]
pub(crate) struct Meaning(pub Option<Arc<Map>>);

impl Meaning {
    /// What comes of `{ row, line, file }`.
    fn map(&self, mut input: Value) -> Result<Vec<Mapped>, MapError> {
        // A bare row will do for a sample.
        if !input.get("row").is_some_and(Value::is_object) {
            input = json!({ "row": input, "line": 1, "file": "sample" });
        }
        match &self.0 {
            Some(map) => map.run(input),
            None => {
                let row = input["row"].as_object().cloned().unwrap_or_default();
                let submission = usual::submission(&row);
                submission
                    .map(|submission| vec![Mapped::Appeal(Box::new(submission))])
                    .map_err(|faults| MapError::Output { index: 0, faults })
            }
        }
    }

    /// The messages of a row; none if it is to be skipped.
    ///
    /// # Errors
    /// Why it makes no appeal.
    pub fn messages(
        &self,
        row: serde_json::Map<String, Value>,
        line: u64,
        file: &str,
    ) -> Result<Vec<Incoming>, MapError> {
        // The row alone is its name: it may stand on another line of the next export.
        let own = serde_json::to_vec(&row).unwrap_or_default();
        let name: String = digest([own.as_slice()]).iter().map(|byte| format!("{byte:02x}")).collect();
        let input = json!({ "row": row, "line": line, "file": file });
        let body = bytes_of(&input);
        let mapped = self.map(input)?;
        let several = mapped.len() > 1;
        let submissions = mapped.into_iter().enumerate().filter_map(|(index, mapped)| match mapped {
            Mapped::Appeal(submission) => Some((index, *submission)),
            Mapped::Skip => None,
        });
        let messages = submissions.map(|(index, submission)| {
            let meta = if several { BTreeMap::from([(INDEX.into(), index.to_string())]) } else { BTreeMap::new() };
            let raw = Raw { media_type: "application/json".into(), meta, body: body.clone().into() };
            let (scope, value) = match &submission.id {
                Some(id) => ("id", id.clone()),
                None => ("row", format!("{name}/{index}")),
            };
            let key = DeliveryKey { scope: scope.into(), value, on_other_content: OnOtherContent::NewAppeal };
            Incoming::from_submission(submission, raw, vec![key])
        });
        Ok(messages.collect())
    }

    fn appeals(&self, raw: &Raw) -> Result<Vec<Mapped>, Result<MapError, String>> {
        let input = jiesu_mapping::json::read(&raw.body).map_err(|error| Err(error.to_string()))?;
        let mapped = self.map(input).map_err(Ok)?;
        Ok(match raw.meta.get(INDEX).and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => mapped.into_iter().nth(index).into_iter().collect(),
            None => mapped,
        })
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

impl Parser for Meaning {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let mapped =
            self.appeals(raw).map_err(|error| ParseError(error.map_or_else(|what| what, |error| error.to_string())))?;
        match mapped.into_iter().next() {
            Some(Mapped::Appeal(submission)) => submission.into_appeal().map_err(|faults| {
                let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
                ParseError(format!("no appeal; at fault: {}", fields.join(", ")))
            }),
            Some(Mapped::Skip) | None => Err(ParseError("the map skips this row now".into())),
        }
    }

    fn explain(&self, raw: &Raw) -> Result<Vec<Appeal>, String> {
        let mapped = self.appeals(raw).map_err(|error| error.map_or_else(|what| what, |error| error.detail()))?;
        let appeals = mapped.into_iter().filter_map(|mapped| match mapped {
            Mapped::Appeal(submission) => Some(submission.into_appeal().map_err(|faults| format!("{faults:?}"))),
            Mapped::Skip => None,
        });
        appeals.collect()
    }
}
