//! Alibaba Cloud, SmsUp (上行短信): <https://help.aliyun.com/document_detail/101847.html>, and SmsReport (状态报告):
//! <https://help.aliyun.com/document_detail/101867.html>.

use super::body::{fields, text, words};
use crate::{
    number::{Line, Number},
    short::Short,
    text::Coding,
};
use serde_json::Value;

pub(super) fn read(body: &[u8]) -> Result<Short, String> {
    let fields = fields(body)?;
    let phone = text(&fields, "phone_number").filter(|phone| !phone.is_empty()).ok_or("phone_number is missing")?;
    if let (Some(name), Some(success)) = (text(&fields, "biz_id"), fields.get("success").and_then(Value::as_bool)) {
        let why = || text(&fields, "err_code").unwrap_or_default();
        return Ok(super::told(&phone, name, Some(if success { Ok(()) } else { Err(why()) })));
    }
    let content = words(&fields, "content").ok_or("content is missing")?;
    let (code, time) = (text(&fields, "dest_code").unwrap_or_default(), text(&fields, "send_time").unwrap_or_default());
    let id = text(&fields, "sequence_id").filter(|id| !id.is_empty());
    Ok(Short {
        line: Line { citizen: Number::of(&phone, false), code },
        // The time beside it: the numbers begin anew.
        id: id.map(|id| format!("{id}/{time}")),
        coding: Coding::Utf8,
        segment: None,
        text: content.into(),
        report: None,
        link_id: None,
    })
}
