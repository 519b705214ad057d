//! The fields of the form, as typed.

use jiesu_connector::FieldFault;
use percent_encoding::percent_decode;
use std::collections::BTreeMap;

/// Every field, in the order of the page. Others are not ours (a browser's extension, a later page) and left alone.
pub(crate) const FIELDS: [&str; 15] = [
    "token",
    "kind",
    "content",
    "demand",
    "place",
    "lat",
    "lon",
    "occurred_at",
    "name",
    "phone",
    "email",
    "anonymous",
    "confidential",
    "publish",
    "files",
];
/// Random bytes in a token.
const TOKEN: usize = 16;
/// Pairs in one body, at most.
const MAX_PAIRS: usize = 100;

/// What was typed, by field. Never in `Debug`.
#[derive(Default)]
pub(crate) struct Typed(BTreeMap<&'static str, String>);

impl Typed {
    /// The text of `field`; empty if there is none.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// The text of `field`, unless it is blank.
    pub fn said(&self, field: &str) -> Option<String> {
        self.0.get(field).filter(|text| !text.trim().is_empty()).cloned()
    }

    /// The token of the page that it was typed into, if it is one of ours by its looks.
    pub fn token(&self) -> Option<&str> {
        let token = self.get("token");
        let ours = token.len() == TOKEN * 2 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        ours.then_some(token)
    }

    /// The same with a token: a new one, unless it has one. Without randomness the page still works, only without one.
    pub fn with_token(mut self) -> Self {
        let mut random = [0; TOKEN];
        if self.token().is_none() && getrandom::fill(&mut random).is_ok() {
            let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
            self.0.insert("token", token);
        }
        self
    }

    /// The same without U+0000, which nobody can see and delete on the page that shows it again.
    pub fn visible(mut self) -> Self {
        self.0.values_mut().filter(|text| text.contains('\0')).for_each(|text| *text = text.replace('\0', ""));
        self
    }
}

/// Decodes a body (URL standard, section 5.1), but strictly: bytes that are no UTF-8 are a fault, never replaced. Line
/// breaks, which browsers send as CRLF, become LF.
pub(crate) fn decode(body: &[u8]) -> (Typed, Vec<FieldFault>) {
    let (mut typed, mut faults) = (Typed::default(), Vec::new());
    let mut fault = |field: &str, detail: &str| faults.push(FieldFault { field: field.into(), detail: detail.into() });
    for (index, pair) in body.split(|byte| *byte == b'&').enumerate() {
        if index == MAX_PAIRS {
            fault("content", "提交的表单项太多");
            break;
        }
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let name = text(&pair[..equals]);
        let Some(field) = FIELDS.into_iter().find(|field| name.as_deref() == Some(field)) else { continue };
        let Some(value) = text(pair.get(equals + 1..).unwrap_or_default()) else {
            fault(field, "含有不是 UTF-8 的文字，请重新填写");
            continue;
        };
        match typed.0.get(field) {
            None => {
                typed.0.insert(field, value);
            }
            // Neither of them may vanish silently.
            Some(first) if *first != value => fault(field, "提交了两个不同的内容，请只填一个"),
            Some(_) => {}
        }
    }
    (typed, faults)
}

fn text(encoded: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().ok()?;
    Some(decoded.replace("\r\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_typed_but_for_its_line_breaks() {
        let (typed, faults) = decode("content=+a%0D%0Ab%26%2B%F0%9F%98%80+%0d&x=1&=&&publish&lat=%zz".as_bytes());
        assert_eq!((typed.get("content"), faults.len()), (" a\nb&+😀 \r", 0));
        assert_eq!((typed.said("publish"), typed.get("lat"), typed.get("x")), (None, "%zz", ""));
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let names = |body: &str| decode(body.as_bytes()).1.into_iter().map(|fault| fault.field).collect::<Vec<_>>();
        assert_eq!(names("content=%ff"), ["content"]);
        assert_eq!(names("name=a&name=b"), ["name"]);
        assert_eq!(names("name=a&name=a"), [""; 0]);
        assert_eq!(names(&"x&".repeat(1_000)), ["content"]);
    }
}
