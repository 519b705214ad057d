//! Invitations (RFC 5545): what is told of the first event, in words.

use super::{
    body::Words,
    charset::{self, Charset},
    structure::Part,
    transfer,
};

/// What people want to know of an event.
const TOLD: [&str; 5] = ["SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION"];
/// Lines that are looked at.
const MAX_LINES: usize = 1_000;

/// The words of a part that is an invitation.
pub fn words(part: &Part<'_>, near: Option<Charset>) -> Option<Words> {
    if part.content_type.value != "text/calendar" && part.content_type.value != "application/ics" {
        return None;
    }
    let encoding = part.header.get("content-transfer-encoding").unwrap_or_default();
    let bytes = transfer::undo(part.body, encoding);
    let label = part.content_type.plain("charset").or(Some(b"utf-8"));
    let text = read(&charset::decode(&bytes, label, near));
    (!text.is_empty()).then(|| Words { text, ..Words::default() })
}

fn read(calendar: &str) -> String {
    // Long lines go on behind a space.
    let unfolded = calendar.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let event = unfolded.lines().take(MAX_LINES).skip_while(|line| !line.eq_ignore_ascii_case("BEGIN:VEVENT"));
    let event: Vec<&str> = event.take_while(|line| !line.eq_ignore_ascii_case("END:VEVENT")).collect();
    let told = TOLD.iter().filter_map(|wanted| {
        event.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.split(';').next()?.eq_ignore_ascii_case(wanted).then(|| unescape(value))
        })
    });
    told.filter(|value| !value.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

fn unescape(value: &str) -> String {
    value.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_invitation_is_told_in_words() {
        let calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;TZID=China Standard Time:20261201T090000\r\nSUMMARY:信访\r\n 接待\r\n\
                        LOCATION:政务大厅\\, 二楼\r\nDESCRIPTION:带材料\\n谢谢\r\nEND:VEVENT\r\n";
        assert_eq!(super::read(calendar), "信访接待\n20261201T090000\n政务大厅, 二楼\n带材料\n谢谢");
        assert_eq!(super::read("BEGIN:VCALENDAR"), "");
    }
}
