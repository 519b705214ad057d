//! The fields of the form, as typed.

use jiesu_connector::FieldFault;
use percent_encoding::percent_decode;
use std::{borrow::Cow, collections::BTreeMap};

/// Every field, in the order of the page. Others are not ours (a browser's extension, a later page) and left alone.
pub(crate) const FIELDS: [&str; 20] = [
    "token",
    "patience",
    "altcha",
    "hotline",
    "kind",
    "content",
    "demand",
    "place",
    "lat",
    "lon",
    "datum",
    "occurred_at",
    "files",
    "name",
    "phone",
    "email",
    "anonymous",
    "confidential",
    "publish",
    HONEYPOT,
];
/// What no person sees, and programs fill in.
pub(crate) const HONEYPOT: &str = "website";
/// The references to files that are there already.
pub(crate) const KEPT: &str = "kept";
/// Pairs in one body, at most.
const MAX_PAIRS: usize = 200;

/// What was typed, by field. Never in `Debug`.
#[derive(Default, Clone)]
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

    /// The same with `text` in `field`; without the field, if there is none.
    pub fn with(mut self, field: &'static str, text: Option<String>) -> Self {
        match text {
            Some(text) => _ = self.0.insert(field, text),
            None => _ = self.0.remove(field),
        }
        self
    }

    /// The same without U+0000, which nobody can see and delete on the page that shows it again.
    pub fn visible(mut self) -> Self {
        self.0.values_mut().filter(|text| text.contains('\0')).for_each(|text| *text = text.replace('\0', ""));
        self
    }
}

/// A form, taken apart.
#[derive(Default)]
pub(crate) struct Decoded {
    /// What was typed.
    pub typed: Typed,
    /// References to files, not yet looked at.
    pub kept: Vec<String>,
    /// What cannot be kept.
    pub faults: Vec<FieldFault>,
}

/// Decodes a body (URL standard, section 5.1).
pub(crate) fn decode(body: &[u8]) -> Decoded {
    let spaced = |encoded: &[u8]| -> Vec<u8> {
        let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).collect()
    };
    let pairs = body.split(|byte| *byte == b'&').map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let value = pair.get(equals + 1..).unwrap_or_default();
        (Cow::Owned(spaced(&pair[..equals])), Cow::Owned(spaced(value)))
    });
    read_pairs(pairs)
}

/// Names and values, strictly: bytes that are no UTF-8 are a fault, never replaced. Line breaks, which browsers send as
/// CRLF, become LF.
pub(crate) fn read_pairs<'a>(pairs: impl Iterator<Item = (Cow<'a, [u8]>, Cow<'a, [u8]>)>) -> Decoded {
    let mut decoded = Decoded::default();
    let Decoded { typed, kept, faults } = &mut decoded;
    let mut fault = |field: &str, detail: &str| faults.push(FieldFault { field: field.into(), detail: detail.into() });
    for (index, (name, value)) in pairs.enumerate() {
        if index == MAX_PAIRS {
            fault("content", "提交的表单项太多");
            break;
        }
        if *name == *KEPT.as_bytes() {
            kept.push(String::from_utf8_lossy(&value).into_owned());
            continue;
        }
        let Some(field) = FIELDS.into_iter().find(|field| *name == *field.as_bytes()) else { continue };
        let Ok(value) = std::str::from_utf8(&value).map(|text| text.replace("\r\n", "\n")) else {
            fault(field, "含有不是 UTF-8 的文字，请重新填写");
            continue;
        };
        match typed.0.get(field) {
            None => _ = typed.0.insert(field, value),
            // Neither of them may vanish silently.
            Some(first) if *first != value => fault(field, "提交了两个不同的内容，请只填一个"),
            Some(_) => {}
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_typed_but_for_its_line_breaks() {
        let Decoded { typed, kept, faults } =
            decode("content=+a%0D%0Ab%26%2B%F0%9F%98%80+%0d&x=1&=&&publish&lat=%zz&kept=r&kept=s".as_bytes());
        assert_eq!((typed.get("content"), faults.len()), (" a\nb&+😀 \r", 0));
        assert_eq!((typed.said("publish"), typed.get("lat"), typed.get("x")), (None, "%zz", ""));
        assert_eq!(kept, ["r", "s"]);
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let names = |body: &str| decode(body.as_bytes()).faults.into_iter().map(|it| it.field).collect::<Vec<_>>();
        assert_eq!(names("content=%ff"), ["content"]);
        assert_eq!(names("name=a&name=b"), ["name"]);
        assert_eq!(names("name=a&name=a"), [""; 0]);
        assert_eq!(names(&"x&".repeat(1_000)), ["content"]);
    }
}
