//! Tencent Cloud, replies to short messages (短信回复): <https://cloud.tencent.com/document/product/382/59179>, and what
//! became of ours (下发状态通知): <https://cloud.tencent.com/document/product/382/5807>.

use super::body::{fields, text, words};
use crate::{
    number::{Line, Number},
    short::Short,
    text::Coding,
};
use jiesu_connector::digest;

pub(super) fn read(body: &[u8]) -> Result<Short, String> {
    let fields = fields(body)?;
    let mobile = text(&fields, "mobile").filter(|mobile| !mobile.is_empty()).ok_or("mobile is missing")?;
    if let (Some(name), Some(status)) = (text(&fields, "sid"), text(&fields, "report_status")) {
        let why = || text(&fields, "errmsg").unwrap_or_default();
        return Ok(super::told(&mobile, name, Some(if status == "SUCCESS" { Ok(()) } else { Err(why()) })));
    }
    let content = words(&fields, "text").ok_or("text is missing")?;
    let nation = text(&fields, "nationcode").unwrap_or_default();
    let nation = nation.trim_start_matches('+');
    let (code, time) = (text(&fields, "extend").unwrap_or_default(), text(&fields, "time").unwrap_or_default());
    let citizen = match nation {
        "" | "86" => Number::of(&mobile, false),
        nation => Number::of(&format!("{nation}{}", mobile.trim_start_matches('+').trim_start_matches(nation)), true),
    };
    // It has no id: the time of its sending tells two equal messages apart.
    let parts = [nation, &mobile, &code, &time, &content];
    let id = (!time.is_empty()).then(|| crate::short::hex(&digest(parts.map(str::as_bytes))));
    Ok(Short {
        line: Line { citizen, code },
        id,
        coding: Coding::Utf8,
        segment: None,
        text: content.into(),
        report: None,
        link_id: None,
    })
}
