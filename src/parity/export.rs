//! An old system's export: CSV in UTF-8 or GB 18030, its columns by their names.

use super::Row;
use crate::{config::Hotline, triage};
use jiesu_mapping::said;
use jiff::Timestamp;
use std::{borrow::Cow, collections::BTreeMap, fs::File, io::Read, path::Path};

/// The longest export, in bytes.
const MAX: u64 = 512 << 20;

/// The export cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadExport(
    /// What is wrong, and what would be right.
    pub String,
);

/// What columns are usually called, folded.
const USUAL: [(&str, &[&str]); 9] = [
    ("id", &["id", "number", "编号", "工单编号", "工单号", "受理编号", "受理号", "诉求编号", "业务编号", "流水号"]),
    (
        "time",
        &[
            "time",
            "at",
            "receivedat",
            "createdat",
            "occurredat",
            "时间",
            "来电时间",
            "受理时间",
            "创建时间",
            "登记时间",
            "诉求时间",
            "反映时间",
        ],
    ),
    (
        "phone",
        &[
            "phone",
            "mobile",
            "tel",
            "caller",
            "电话",
            "联系电话",
            "来电号码",
            "手机",
            "手机号",
            "手机号码",
            "联系方式",
            "主叫号码",
        ],
    ),
    ("name", &["name", "姓名", "诉求人", "来电人", "联系人", "诉求人姓名", "来电人姓名"]),
    ("title", &["title", "subject", "标题", "工单标题", "诉求标题", "主题"]),
    (
        "content",
        &["content", "text", "内容", "诉求内容", "工单内容", "问题描述", "反映内容", "来电内容", "主要内容", "描述"],
    ),
    ("category", &["category", "分类", "诉求分类", "类别", "问题分类", "事项分类", "分类代码"]),
    ("location", &["location", "address", "地址", "地点", "事发地址", "诉求地址", "事发地点", "问题地址"]),
    ("kind", &["kind", "type", "类型", "诉求类型", "工单类型", "诉求性质"]),
];

/// Reads the export of `line`.
///
/// # Errors
/// [`BadExport`]
pub fn read(path: &Path, line: &Hotline) -> Result<Vec<Row>, BadExport> {
    let shown = path.display();
    let bad = |what: String| BadExport(format!("{shown}: {what}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| bad(format!("cannot be read ({error})")))?;
    file.take(MAX + 1).read_to_end(&mut bytes).map_err(|error| bad(format!("cannot be read ({error})")))?;
    if bytes.len() as u64 > MAX {
        return Err(bad(format!("longer than {} MiB; split it by days", MAX >> 20)));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(bad("a spreadsheet; save it as CSV".into()));
    }
    let text = decoded(&bytes);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b'\t', b';'].into_iter().max_by_key(|mark| first.matches(char::from(*mark)).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
    let places = places(&headers, line).map_err(&bad)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.to_string()))?;
        let at = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let get = |field: &str| {
            let text = record.get(*places.get(field)?).unwrap_or_default().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let time = match get("time") {
            Some(text) => Some(time(&text).ok_or_else(|| {
                bad(format!("line {at}: {:?} is no time; it must be such as 2026-11-22 08:00:00", clip(&text)))
            })?),
            None => None,
        };
        let translate = |code: String| line.categories.get(&code).cloned();
        rows.push(Row {
            place: at.to_string(),
            ids: get("id").into_iter().collect(),
            times: time.into_iter().collect(),
            phone: get("phone"),
            name: get("name"),
            title: get("title"),
            content: get("content"),
            // A code that the register does not translate can be compared with nothing.
            category: get("category").and_then(translate),
            location: get("location"),
            kind: get("kind").and_then(|text| said::kind(&text)).map(|kind| triage::name(kind).to_owned()),
        });
    }
    Ok(rows)
}

fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode(bytes).0,
    }
}

fn time(text: &str) -> Option<Timestamp> {
    said::time(text)?.parse().ok()
}

fn clip(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(30).collect()
}

/// Which column is which field.
fn places(headers: &csv::StringRecord, line: &Hotline) -> Result<BTreeMap<&'static str, usize>, String> {
    let plain =
        |text: &str| text.trim().to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let seen = || headers.iter().map(clip).collect::<Vec<_>>().join(", ");
    let mut places = BTreeMap::new();
    for (field, usual) in USUAL {
        let place = match line.columns.get(field) {
            Some(named) => Some(headers.iter().position(|header| header.trim() == named).ok_or_else(|| {
                format!("there is no column {named:?}, which the register names for `{field}`; it has: {}", seen())
            })?),
            None => headers.iter().position(|header| usual.contains(&plain(header).as_str())),
        };
        places.extend(place.map(|place| (field, place)));
    }
    if places.contains_key("id") || places.contains_key("phone") || places.contains_key("content") {
        return Ok(places);
    }
    Err(format!(
        "no column for the number, the telephone or the words; name them in the register, as columns = {{ id = \"工单编号\" }}; \
         it has: {}",
        seen()
    ))
}
