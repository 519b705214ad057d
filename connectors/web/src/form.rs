//! From what was typed to a submission, with faults in the citizen's language.

use crate::{
    config::KINDS,
    fields::{FIELDS, Typed},
};
use jiesu_connector::{Appellant, Datum, FieldFault, Kind, Location, Submission, says_nothing};
use jiff::{Timestamp, civil::DateTime};

/// Names in the form and in the `api` body.
const NAMES: [(&str, &str); 6] = [
    ("appellant.name", "name"),
    ("appellant.phone", "phone"),
    ("appellant.email", "email"),
    ("location.text", "place"),
    ("location.lat", "lat"),
    ("location.lon", "lon"),
];

/// The submission in it, or every fault: `faults` and what else is found, named and ordered as on the page.
pub(crate) fn read(typed: &Typed, mut faults: Vec<FieldFault>) -> Result<Submission, Vec<FieldFault>> {
    let mut reader = Reader { typed, faults: &mut faults };
    let who = Appellant {
        name: typed.said("name"),
        phone: typed.said("phone"),
        email: typed.said("email"),
        wechat_openid: None,
        anonymous: reader.ticked("anonymous"),
        confidential: reader.ticked("confidential"),
    };
    let place = Location {
        text: typed.said("place"),
        lat: reader.degrees("lat"),
        lon: reader.degrees("lon"),
        // Only a browser's own position says so; what is typed may be from any map.
        datum: (typed.get("datum") == "wgs84").then_some(Datum::Wgs84),
        ..Location::default()
    };
    let place = Location { datum: place.datum.filter(|_| place.lat.is_some()), ..place };
    let submission = Submission {
        kind: reader.kind(),
        content: Some(typed.get("content").into()),
        demand: typed.said("demand"),
        hotline: typed.said("hotline"),
        appellant: (who != Appellant::default()).then_some(who),
        location: (place != Location::default()).then_some(place),
        occurred_at: reader.occurred_at(),
        publish: reader.ticked("publish").then_some(true),
        ..Submission::default()
    };
    if typed.said("files").is_some() {
        reader.fault("files", "附件没有随表单上传，请重新选择");
    }
    for fault in submission.faults() {
        let field = NAMES.iter().find(|(api, _)| *api == fault.field).map_or(fault.field.as_str(), |(_, form)| form);
        if !faults.iter().any(|known| known.field == field) {
            faults.push(FieldFault { field: field.into(), detail: in_words(field, typed.get(field)) });
        }
    }
    faults.sort_by_key(|fault| FIELDS.iter().position(|field| *field == fault.field));
    if faults.is_empty() { Ok(submission) } else { Err(faults) }
}

/// What is wrong with `text`, which the submission found at fault.
fn in_words(field: &str, text: &str) -> String {
    match field {
        "content" if says_nothing(text) => "请填写诉求内容".into(),
        _ if text.contains('\0') => "含有看不见的字符，已替您去掉，请核对后再提交".into(),
        "lat" | "lon" if text.trim().is_empty() => "请同时填写纬度和经度，或者都不填".into(),
        "lat" => "纬度应在 -90 到 90 之间".into(),
        "lon" => "经度应在 -180 到 180 之间".into(),
        _ => format!("太长了（{} 个字），请缩短", text.chars().count()),
    }
}

struct Reader<'a> {
    typed: &'a Typed,
    faults: &'a mut Vec<FieldFault>,
}

impl Reader<'_> {
    fn fault(&mut self, field: &str, detail: &str) {
        self.faults.push(FieldFault { field: field.into(), detail: detail.into() });
    }

    fn kind(&mut self) -> Option<Kind> {
        let text = self.typed.said("kind")?;
        let known = KINDS.iter().find(|(_, value, _)| *value == text.trim()).map(|(kind, ..)| *kind);
        if known.is_none() {
            self.fault("kind", "请从列出的诉求类型中选择");
        }
        known
    }

    fn ticked(&mut self, field: &str) -> bool {
        match self.typed.get(field).trim() {
            "yes" | "on" | "true" | "1" => true,
            "" | "no" | "off" | "false" | "0" => false,
            _ => {
                self.fault(field, "请勾选，或者不勾选");
                false
            }
        }
    }

    fn degrees(&mut self, field: &'static str) -> Option<f64> {
        let text = self.typed.said(field)?;
        let degrees = text.trim().parse().ok();
        if degrees.is_none() {
            self.fault(field, "应是数字，例如 29.55");
        }
        degrees
    }

    /// RFC 3339, or what `datetime-local` yields: a local time without a zone, which is China's (no summer time
    /// since 1991).
    fn occurred_at(&mut self) -> Option<String> {
        let text = self.typed.said("occurred_at")?;
        let text = text.trim();
        if text.len() <= 64 && text.parse::<Timestamp>().is_ok() {
            return Some(text.into());
        }
        let local = Some(text).filter(|text| text.len() <= 64).and_then(|text| text.parse::<DateTime>().ok());
        if local.is_none() {
            self.fault("occurred_at", "应是日期和时间，例如 2026-11-22 08:00");
        }
        local.map(|local| format!("{local}+08:00"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::decode;

    fn read_body(body: &str) -> Result<Submission, Vec<String>> {
        let decoded = decode(body.as_bytes());
        read(&decoded.typed, decoded.faults).map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn a_local_time_is_chinas_and_a_zoned_one_its_own() {
        let at = |text: &str| read_body(&format!("content=a&occurred_at={text}")).map(|s| s.occurred_at);
        let eight = Ok(Some("2026-11-22T08:00:00+08:00".to_owned()));
        assert_eq!(at("2026-11-22T08:00"), eight);
        assert_eq!(at("2026-11-22+08:00:00"), eight);
        assert_eq!(at("2026-11-22T08:00:00Z"), Ok(Some("2026-11-22T08:00:00Z".into())));
        assert_eq!(at(""), Ok(None));
        assert_eq!(at("gestern"), Err(vec!["occurred_at".into()]));
        assert_eq!(at("2026-02-30T08:00"), Err(vec!["occurred_at".into()]));
    }

    #[test]
    fn every_fault_is_named_once_in_the_order_of_the_page() {
        let fields = |body: &str| read_body(body).unwrap_err();
        assert_eq!(fields(""), ["content"]);
        assert_eq!(fields("content=+%0D%0A"), ["content"]);
        assert_eq!(fields("content=a%00b"), ["content"]);
        assert_eq!(fields("content=a&lat=29"), ["lon"]);
        assert_eq!(fields("content=a&lat=NaN&lon=181"), ["lat", "lon"]);
        assert_eq!(
            fields("files=a.jpg&publish=maybe&phone=%00&lat=north&lon=1&content=%ff&kind=rant"),
            ["kind", "content", "lat", "files", "phone", "publish"]
        );
        assert_eq!(fields(&format!("content=a&name={}", "x".repeat(101))), ["name"]);
    }

    #[test]
    fn what_was_not_said_is_not_there() {
        let plain = Submission { content: Some("a".into()), ..Submission::default() };
        assert_eq!(read_body("content=a&name=&phone=+&anonymous=no&place=%0A&kind="), Ok(plain));
    }
}
