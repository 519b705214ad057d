//! What a row means where no map says so: the column names that Chinese and English exports use.

use jiesu_connector::{Appellant, FieldFault, Location, Submission};
use jiesu_mapping::said;
use serde_json::{Map, Value};

/// Names of columns, for each field; the first that is there and filled counts.
#[rustfmt::skip]
const NAMES: &[(&str, &[&str])] = &[
    ("id", &["编号", "工单编号", "工单号", "诉求编号", "受理编号", "案件编号", "流水号", "单号", "序列号", "id", "number", "ticketid", "caseid", "orderid", "serial"]),
    ("kind", &["诉求类型", "诉求类别", "类型", "工单类型", "业务类型", "kind", "type"]),
    ("title", &["标题", "诉求标题", "工单标题", "主题", "title", "subject"]),
    ("content", &["诉求内容", "内容", "工单内容", "问题描述", "诉求描述", "描述", "反映内容", "投诉内容", "来电内容", "事项内容", "详情", "content", "description", "text", "body", "details"]),
    ("demand", &["办理要求", "诉求目的", "诉求要求", "要求", "demand", "request"]),
    ("name", &["姓名", "诉求人", "诉求人姓名", "来电人", "来电人姓名", "联系人", "市民姓名", "反映人", "name", "contact", "caller"]),
    ("phone", &["电话", "联系电话", "手机", "手机号", "手机号码", "电话号码", "来电号码", "主叫号码", "诉求人电话", "phone", "mobile", "tel", "telephone", "phonenumber"]),
    ("email", &["邮箱", "电子邮箱", "邮件", "email", "mail"]),
    ("place", &["地址", "事发地址", "诉求地址", "发生地址", "地点", "事发地点", "问题地址", "位置", "address", "place", "location"]),
    ("lat", &["纬度", "lat", "latitude"]),
    ("lon", &["经度", "lon", "lng", "longitude"]),
    ("region", &["区划代码", "行政区划代码", "行政区划", "region", "regioncode"]),
    ("at", &["时间", "诉求时间", "受理时间", "来电时间", "登记时间", "创建时间", "发生时间", "提交时间", "time", "occurredat", "createdat", "date", "createtime"]),
    ("category", &["分类", "诉求分类", "问题分类", "事项分类", "分类代码", "类别代码", "category", "categorycode"]),
    ("hotline", &["热线", "热线号码", "被叫号码", "hotline"]),
];

/// The name without spaces, marks and case.
fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether there is a column for the citizen's words at all.
pub(crate) fn has_content<'a>(mut columns: impl Iterator<Item = &'a String>) -> bool {
    let names = NAMES.iter().find(|(field, _)| *field == "content").map_or(&[][..], |(_, names)| names);
    columns.any(|column| names.contains(&plain(column).as_str()))
}

/// The appeal in a row.
pub(crate) fn submission(row: &Map<String, Value>) -> Result<Submission, Vec<FieldFault>> {
    let (submission, mut faults) = read(row);
    faults.extend(submission.faults());
    if faults.is_empty() { Ok(submission) } else { Err(faults) }
}

/// What can be read of a row, whether it makes an appeal or not; and what cannot be read.
pub fn read(row: &Map<String, Value>) -> (Submission, Vec<FieldFault>) {
    let row: Vec<(String, String)> = row
        .iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((plain(name), text.trim().to_owned())),
            Value::Number(number) => Some((plain(name), number.to_string())),
            _ => None,
        })
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let field = |field: &str| {
        let (_, names) = NAMES.iter().find(|(name, _)| *name == field)?;
        names.iter().find_map(|name| row.iter().find(|(column, _)| column == name)).map(|(_, text)| text.clone())
    };
    let mut faults = Vec::new();
    let mut fault = |field: &str, detail: &str| {
        faults.push(FieldFault { field: field.into(), detail: detail.into() });
    };
    let mut degrees = |name: &str| {
        let text = field(name)?;
        let degrees = text.parse::<f64>().ok();
        if degrees.is_none() {
            fault(name, "is no number of degrees");
        }
        degrees
    };
    let (lat, lon) = (degrees("lat"), degrees("lon"));
    let occurred_at = field("at").and_then(|text| {
        let at = said::time(&text);
        if at.is_none() {
            fault("occurred_at", "is no time that can be read, as 2026-11-22 08:00");
        }
        at
    });
    let phone = field("phone").and_then(|text| {
        let phone = said::phone(&text);
        phone.map_err(|error| fault("appellant.phone", &error.to_string())).ok()
    });
    let location = Location { text: field("place"), lat, lon, region: field("region"), datum: None };
    let appellant = Appellant { name: field("name"), phone, email: field("email"), ..Appellant::default() };
    let submission = Submission {
        id: field("id"),
        kind: field("kind").and_then(|word| said::kind(&word)),
        title: field("title"),
        content: field("content"),
        demand: field("demand"),
        appellant: (appellant != Appellant::default()).then_some(appellant),
        location: (location != Location::default()).then_some(location),
        hotline: field("hotline"),
        category: field("category"),
        occurred_at,
        ..Submission::default()
    };
    (submission, faults)
}
