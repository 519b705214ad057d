//! DELIVER: a citizen's message, or what became of one of ours (CMPP 3.0, 7.4.5).

use super::{Version, fields::Fields, opened};
use crate::{
    number::{Line, Number},
    session::Garbage,
    short::{Report, Short},
    text::{Coding, Udh, sniff},
};
use bytes::Bytes;

/// Bytes of a body without its text.
const fn bare(version: Version) -> usize {
    match version {
        Version::V2 => 73,
        Version::V3 => 97,
    }
}

/// Where the length of the text stands.
const fn length_at(version: Version) -> usize {
    match version {
        Version::V2 => 64,
        Version::V3 => 76,
    }
}

fn fits(version: Version, body: &[u8]) -> bool {
    body.get(length_at(version)).is_some_and(|length| body.len() == bare(version) + usize::from(*length))
}

/// Reads a whole PDU. The layout is that of `version`, unless only the other one fits its length.
///
/// # Errors
/// Why it is no message, for an operator.
pub(crate) fn read(version: Version, sniff_header: bool, frame: &Bytes) -> Result<Short, String> {
    let short = |_| "the DELIVER ends in the middle of a field".to_owned();
    let (_, _, body) = opened(frame).map_err(short)?;
    let other = if version == Version::V2 { Version::V3 } else { Version::V2 };
    let version = if !fits(version, body.0) && fits(other, body.0) { other } else { version };
    fields(version, sniff_header, body).map_err(short)
}

fn fields(version: Version, sniff_header: bool, mut body: Fields<'_>) -> Result<Short, Garbage> {
    let numbers = if version == Version::V2 { 21 } else { 32 };
    let id = body.long()?;
    let code = body.text(21)?;
    let (_service, _protocol) = (body.take(10)?, body.byte()?);
    let (header, format) = (body.byte()?, body.byte()?);
    let from = body.text(numbers)?;
    let pseudo = version == Version::V3 && body.byte()? == 1;
    let is_report = body.byte()? == 1;
    let length = body.byte()?;
    // Gateways that count wrongly still mean the text that is there.
    let text = body.take(usize::from(length).min(body.0.len()))?;
    let link_id = match version {
        Version::V2 => None,
        Version::V3 => body.text(20).ok().filter(|link| !link.is_empty()),
    };
    let citizen = if pseudo { Number::Pseudo(from) } else { Number::of(&from, false) };
    let udh = match header {
        1 => Udh::read(text),
        _ if sniff_header => sniff(text).unwrap_or(Udh { segment: None, text }),
        _ => Udh { segment: None, text },
    };
    let report = if is_report { Some(report(text)?) } else { None };
    Ok(Short {
        line: Line { citizen, code },
        id: (id != 0).then(|| format!("{id:016x}")),
        coding: Coding::of_cmpp(format),
        segment: udh.segment.filter(|_| !is_report),
        text: if is_report { Bytes::new() } else { Bytes::copy_from_slice(udh.text) },
        report,
        link_id,
    })
}

/// Told by its length, not by the link's version: 60 bytes with a number of 21, 71 with one of 32; both begin alike.
fn report(text: &[u8]) -> Result<Report, Garbage> {
    let mut fields = Fields(text);
    let id = fields.long()?;
    Ok(Report { id: format!("{id:016x}"), status: fields.text(7)? })
}
