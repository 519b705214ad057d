//! Rows out of b-tree pages (<https://www.sqlite.org/fileformat2.html#b_tree_pages>), trusting nothing.

use super::image::{Image, PAGE, Page};
use rusqlite::types::Value;

const INDEX_INTERIOR: u8 = 0x02;
const TABLE_INTERIOR: u8 = 0x05;
const INDEX_LEAF: u8 = 0x0A;
const TABLE_LEAF: u8 = 0x0D;
/// A row larger than this is none of ours: bodies are capped far below it.
const MAX_ROW: usize = 256 << 20;
/// Columns of a row at most.
const MAX_COLUMNS: usize = 32;

/// A row as it was found.
#[derive(Debug)]
pub(super) struct Row {
    /// Its key, in a table that has one.
    pub(super) rowid: Option<i64>,
    pub(super) values: Vec<Value>,
    /// Bytes of the last value that could not be read.
    pub(super) missing: usize,
}

/// What one page holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) rows: Vec<Row>,
    pub(super) children: Vec<u32>,
    /// It is a page of a table or an index.
    pub(super) tree: bool,
    /// Every cell was read whole.
    pub(super) whole: bool,
}

/// Reads what can be read of the page `number`.
pub(super) fn contents(image: &Image<'_>, number: u32) -> Contents {
    match image.page(number) {
        Some(page) => read(image, number, &page).unwrap_or_default(),
        None => Contents::default(),
    }
}

fn read(image: &Image<'_>, number: u32, page: &Page) -> Option<Contents> {
    // The first page begins with the header of the file.
    let start = if number == 1 { 100 } else { 0 };
    let bytes = &page.bytes[..];
    let kind = bytes[start];
    if !matches!(kind, INDEX_INTERIOR | TABLE_INTERIOR | INDEX_LEAF | TABLE_LEAF) {
        return None;
    }
    let interior = matches!(kind, INDEX_INTERIOR | TABLE_INTERIOR);
    let short = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let (cells, pointers) = (short(start + 3), start + if interior { 12 } else { 8 });
    if pointers + 2 * cells > PAGE {
        return None;
    }
    let mut contents = Contents { tree: true, whole: page.read == PAGE, ..Contents::default() };
    for cell in 0..cells {
        let at = short(pointers + 2 * cell);
        if at < pointers + 2 * cells || at >= PAGE {
            contents.whole = false;
            continue;
        }
        let mut cursor = Cursor { bytes: &bytes[..page.read], at };
        if interior && cursor.four().map(|child| contents.children.push(child)).is_none() {
            contents.whole = false;
            continue;
        }
        if kind == TABLE_INTERIOR {
            continue;
        }
        match row(image, &mut cursor, kind == TABLE_LEAF) {
            Some(row) => {
                contents.whole &= row.missing == 0;
                contents.rows.push(row);
            }
            None => contents.whole = false,
        }
    }
    if interior {
        contents.children.push(Cursor { bytes, at: start + 8 }.four()?);
    }
    Some(contents)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn four(&mut self) -> Option<u32> {
        let four = self.bytes.get(self.at..self.at + 4)?.try_into().ok()?;
        self.at += 4;
        Some(u32::from_be_bytes(four))
    }

    /// One to nine bytes, seven bits each, the ninth with eight.
    fn varint(&mut self) -> Option<i64> {
        let mut value: u64 = 0;
        for place in 0..9 {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if place == 8 {
                return Some((value << 8 | u64::from(byte)) as i64);
            }
            value = value << 7 | u64::from(byte & 0x7F);
            if byte < 0x80 {
                break;
            }
        }
        Some(value as i64)
    }
}

fn row(image: &Image<'_>, cursor: &mut Cursor<'_>, table: bool) -> Option<Row> {
    let total = usize::try_from(cursor.varint()?).ok().filter(|total| (2..=MAX_ROW).contains(total))?;
    let rowid = if table { Some(cursor.varint()?) } else { None };
    let most = if table { PAGE - 35 } else { (PAGE - 12) * 64 / 255 - 23 };
    let local = if total <= most {
        total
    } else {
        let least = (PAGE - 12) * 32 / 255 - 23;
        let spare = least + (total - least) % (PAGE - 4);
        if spare <= most { spare } else { least }
    };
    let here = cursor.bytes.get(cursor.at..cursor.at + local)?;
    if local == total {
        return record(here, total, rowid);
    }
    let mut payload = here.to_vec();
    cursor.at += local;
    overflow(image, cursor.four()?, total, &mut payload);
    record(&payload, total, rowid)
}

/// Follows the chain of pages that hold the rest of a row, as far as it is sound.
///
/// A page whose link cannot be right is not believed at all: its content is as doubtful.
fn overflow(image: &Image<'_>, mut next: u32, total: usize, payload: &mut Vec<u8>) {
    while payload.len() < total && next > 1 {
        let Some(page) = image.page(next) else { return };
        let wanted = (total - payload.len()).min(PAGE - 4);
        let Some(link) = (Cursor { bytes: &page.bytes[..page.read], at: 0 }).four() else { return };
        let last = payload.len() + wanted == total;
        // The file may end in the middle of the page.
        let there = wanted.min(page.read - 4);
        if last != (link == 0) {
            return;
        }
        payload.extend_from_slice(&page.bytes[4..4 + there]);
        if there < wanted {
            return;
        }
        next = link;
    }
}

/// Decodes a record of which `payload` is the beginning (<https://www.sqlite.org/fileformat2.html#record_format>).
fn record(payload: &[u8], total: usize, rowid: Option<i64>) -> Option<Row> {
    let mut header = Cursor { bytes: payload, at: 0 };
    let header_bytes = usize::try_from(header.varint()?).ok()?;
    let mut types = Vec::with_capacity(10);
    while header.at < header_bytes {
        if types.len() == MAX_COLUMNS {
            return None;
        }
        types.push(u64::try_from(header.varint()?).ok()?);
    }
    let size = |kind: u64| match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind as usize),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    };
    let sizes: Option<Vec<usize>> = types.iter().map(|kind| size(*kind)).collect();
    let sizes = sizes?;
    let sum = sizes.iter().try_fold(header_bytes, |sum, size| sum.checked_add(*size))?;
    if header.at != header_bytes || sum != total || types.is_empty() {
        return None;
    }
    let (mut at, mut missing) = (header_bytes, 0);
    let mut values = Vec::with_capacity(types.len());
    for (place, (kind, size)) in types.iter().zip(&sizes).enumerate() {
        let bytes = match payload.get(at..at + size) {
            Some(bytes) => bytes,
            // Only the last value may be cut short.
            None if place + 1 == types.len() && at <= payload.len() => {
                missing = at + size - payload.len();
                &payload[at..]
            }
            None => return None,
        };
        at += size;
        values.push(value(*kind, bytes)?);
    }
    Some(Row { rowid, values, missing })
}

fn value(kind: u64, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        0 => Value::Null,
        1..=6 => {
            // Big-endian, in two's complement.
            let sign = if bytes.first()? & 0x80 == 0 { 0 } else { -1 };
            Value::Integer(bytes.iter().fold(sign, |value: i64, byte| value << 8 | i64::from(*byte)))
        }
        7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
    })
}
