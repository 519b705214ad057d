//! NDJSON: one object a line.

use super::{Row, Rows, lines::Lines};
use serde_json::Value;

/// Reads objects.
pub(super) struct NdJson {
    lines: Lines,
    columns: Vec<String>,
}

impl NdJson {
    pub fn new(lines: Lines) -> Self {
        Self { lines, columns: vec!["row".into()] }
    }
}

impl Rows for NdJson {
    fn next(&mut self) -> Result<Option<Row>, String> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            if line.text.trim().is_empty() && line.fault.is_none() {
                continue;
            }
            let fields = match line.fault {
                Some(fault) => Err(fault),
                None => match jiesu_mapping::json::read(line.text.as_bytes()) {
                    Ok(Value::Object(fields)) => Ok(fields),
                    Ok(_) => Err("the line is no JSON object".into()),
                    Err(error) => Err(error.to_string()),
                },
            };
            return Ok(Some(Row { line: line.number, cells: vec![line.text], fields }));
        }
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }
}
