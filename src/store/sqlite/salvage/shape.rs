//! Which table a row is of, told by its columns; and whether it can be true.

use super::page::Row;
use crate::number::Number;
use rusqlite::types::Value;
use serde::de::IgnoredAny;

/// A table, by what its rows look like.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) table: &'static str,
    /// A letter a column: `r` the row's own key, `i` integer, `t` text, `o` text or nothing, `b` bytes.
    pub(super) columns: &'static str,
}

/// Every table whose rows are carried over; leases are not: their holders are gone.
pub(super) const SHAPES: &[Shape] = &[
    Shape { table: "message", columns: "rittiottbbb" },
    Shape { table: "pending", columns: "rii" },
    Shape { table: "conversation", columns: "ttiiii" },
    Shape { table: "quarantine", columns: "riti" },
    Shape { table: "delivery_key", columns: "bbi" },
    Shape { table: "counter", columns: "iii" },
    Shape { table: "folded", columns: "ri" },
    Shape { table: "tally", columns: "ittiiiiii" },
    Shape { table: "ticket", columns: "ribtttttoit" },
    Shape { table: "repeat", columns: "rib" },
    Shape { table: "addition", columns: "rit" },
    Shape { table: "noted", columns: "riit" },
    Shape { table: "member", columns: "iiti" },
    Shape { table: "unchecked", columns: "r" },
    Shape { table: "reply", columns: "ritttttiiio" },
    Shape { table: "media", columns: "ittttii" },
    Shape { table: "unreachable", columns: "tti" },
    Shape { table: "core_update", columns: "itb" },
    Shape { table: "event", columns: "rttib" },
    Shape { table: "destination", columns: "tit" },
    Shape { table: "dead_letter", columns: "titiit" },
    Shape { table: "piece", columns: "biiibiii" },
    Shape { table: "contact", columns: "biiiii" },
    Shape { table: "contact_message", columns: "ii" },
    Shape { table: "reply_message", columns: "ttio" },
    Shape { table: "identity", columns: "ttttitii" },
    Shape { table: "learnt", columns: "rttttitii" },
    Shape { table: "contested", columns: "ttii" },
    Shape { table: "audit", columns: "ritti" },
    Shape { table: "paused_channel", columns: "t" },
    Shape { table: "paused_destination", columns: "ti" },
    Shape { table: "parity", columns: "rtiiitiiii" },
    Shape { table: "closed_day", columns: "rbbt" },
];

impl Shape {
    /// Of the table `name`.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        SHAPES.iter().find(|shape| shape.table == name)
    }

    /// The shape of `row`, with the row's key put in its place; `None` if it is no row of ours.
    pub(super) fn of(row: &mut Row) -> Option<&'static Self> {
        let found = SHAPES.iter().find(|shape| shape.fits(row))?;
        if let (true, Some(rowid)) = (found.columns.starts_with('r'), row.rowid) {
            row.values[0] = Value::Integer(rowid);
        }
        found.plausible(row).then_some(found)
    }

    fn fits(&self, row: &Row) -> bool {
        let fits = |(column, value): (char, &Value)| {
            matches!(
                (column, value),
                ('r' | 'o', Value::Null)
                    | ('i', Value::Integer(_))
                    | ('t' | 'o', Value::Text(_))
                    | ('b', Value::Blob(_))
            )
        };
        self.columns.len() == row.values.len()
            && self.columns.starts_with('r') == row.rowid.is_some()
            && self.columns.chars().zip(&row.values).all(fits)
    }

    /// Garbage may look like a row; what it says then makes no sense.
    fn plausible(&self, row: &Row) -> bool {
        let values = &row.values;
        // A message without its end is better than none; anything else would be a lie.
        if row.missing > 0 && self.table != "message" {
            return false;
        }
        match self.table {
            "message" => positive(&values[0]) && number(&values[1]) && time(&values[4]) && json(&values[7]),
            "pending" | "quarantine" => positive(&values[0]) && number(&values[1]),
            "delivery_key" => digest(&values[0]) && digest(&values[1]) && positive(&values[2]),
            "counter" => day(integer(&values[0])) && sequence(integer(&values[1])),
            "tally" => day(integer(&values[0])) && values[3..].iter().all(|count| integer(count) >= 0),
            "ticket" => {
                number(&values[0]) && positive(&values[1]) && time(&values[9]) && {
                    json(&values[10]) && text(&values[10]).contains(&Number::from_key(integer(&values[0])).to_string())
                }
            }
            "conversation" => number(&values[2]) && time(&values[3]) && time(&values[4]),
            "repeat" => number(&values[0]) && (integer(&values[1]) == 0 || number(&values[1])) && digest(&values[2]),
            "addition" => number(&values[0]) && number(&values[1]),
            "noted" => number(&values[0]) && (integer(&values[1]) == 0 || number(&values[1])) && time(&values[2]),
            "member" => number(&values[0]) && number(&values[1]) && time(&values[3]),
            "unchecked" => number(&values[0]),
            "reply" => positive(&values[0]) && number(&values[1]) && integer(&values[7]) >= 0,
            "piece" => digest(&values[0]) && number(&values[3]) && digest(&values[4]) && time(&values[6]),
            "contact" => digest(&values[0]) && number(&values[1]) && time(&values[4]) && time(&values[5]),
            "contact_message" => number(&values[0]) && positive(&values[1]),
            "identity" => number(&values[6]) && time(&values[7]),
            "learnt" => positive(&values[0]) && number(&values[7]) && time(&values[8]),
            "contested" => number(&values[2]) && time(&values[3]),
            "reply_message" => positive(&values[2]),
            "media" => number(&values[0]) && integer(&values[5]) >= 0,
            "unreachable" => time(&values[2]),
            "core_update" => number(&values[0]) && digest(&values[2]),
            "event" => {
                positive(&values[0])
                    && number(&values[3])
                    && matches!(&values[4], Value::Blob(body) if serde_json::from_slice::<IgnoredAny>(body).is_ok())
            }
            "destination" => (0..MOST_EVENTS).contains(&integer(&values[1])) && json(&values[2]),
            "dead_letter" => {
                positive(&values[1])
                    && integer(&values[3]) >= 0
                    && matches!(text(&values[5]), "dead" | "queued" | "delivered")
            }
            "audit" => positive(&values[0]),
            "paused_destination" => time(&values[1]),
            "parity" => day(integer(&values[2])) && day(integer(&values[3])) && time(&values[4]),
            "closed_day" => day(integer(&values[0])) && hash(&values[1]) && hash(&values[2]) && json(&values[3]),
            _ => true,
        }
    }
}

/// Sequences have sixteen digits in an event.
pub(super) const MOST_EVENTS: i64 = 10_000_000_000_000_000;

pub(super) fn integer(value: &Value) -> i64 {
    if let Value::Integer(value) = value { *value } else { 0 }
}

pub(super) fn text(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

fn positive(value: &Value) -> bool {
    integer(value) > 0
}

fn number(value: &Value) -> bool {
    let number = Number::from_key(integer(value));
    number.to_key() == integer(value) && day(i64::from(number.day)) && sequence(i64::from(number.sequence))
}

/// `YYYYMMDD` of this century.
fn day(day: i64) -> bool {
    (20_000_101..=20_991_231).contains(&day) && (1..=12).contains(&(day / 100 % 100)) && (1..=31).contains(&(day % 100))
}

/// Numbers have nine digits of sequence at most.
fn sequence(sequence: i64) -> bool {
    (1..1_000_000_000).contains(&sequence)
}

/// Milliseconds of this century.
fn time(value: &Value) -> bool {
    (946_684_800_000..4_102_444_800_000).contains(&integer(value))
}

fn json(value: &Value) -> bool {
    serde_json::from_str::<IgnoredAny>(text(value)).is_ok()
}

fn hash(value: &Value) -> bool {
    matches!(value, Value::Blob(bytes) if bytes.len() == 32)
}

fn digest(value: &Value) -> bool {
    matches!(value, Value::Blob(bytes) if bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::collections::BTreeMap;

    #[test]
    fn every_table_of_the_schema_has_its_shape_and_no_two_are_alike() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT s.name, group_concat(CASE
                     WHEN c.type = 'INTEGER' AND c.pk = 1 AND s.sql NOT LIKE '%WITHOUT ROWID%' THEN 'r'
                     WHEN c.type = 'TEXT' AND NOT c.\"notnull\" AND c.pk = 0 THEN 'o'
                     ELSE lower(substr(c.type, 1, 1)) END, '')
                 FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c WHERE s.type = 'table' AND s.name <> 'lease'
                 GROUP BY s.name",
            )
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let schema: BTreeMap<String, String> = rows.collect::<Result<_, _>>().unwrap();
        let shapes = SHAPES.iter().map(|shape| (shape.table.to_owned(), shape.columns.to_owned()));
        assert_eq!(schema, shapes.collect());
        let mut columns: Vec<_> = SHAPES.iter().map(|shape| shape.columns.replace('o', "t")).collect();
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), SHAPES.len());
    }
}
