//! deliver_sm: a citizen's message, or what became of one of ours (SMPP 3.4, 4.6 and appendix B).

use crate::{
    number::{Line, Number},
    short::{Report, Short},
    text::{Coding, Segment, Udh},
};
use bytes::Bytes;
use rusmpp::{
    pdus::DeliverSm,
    tlvs::{Tlv, TlvValue},
    types::COctetString,
    values::{MessageState, Ton},
};

/// Bits of esm_class (5.2.12): the message is a receipt; it begins with a header.
const TYPE: u8 = 0b0011_1100;
const RECEIPT: u8 = 0b0000_0100;
const INTERMEDIATE: u8 = 0b0010_0000;
const HEADER: u8 = 0b0100_0000;

pub(super) fn read(deliver: &DeliverSm, default: Coding) -> Short {
    let text = |field: &COctetString<1, 21>| field.as_str().trim_end_matches('\0').to_owned();
    let class = u8::from(deliver.esm_class);
    let coding = Coding::of_smpp(u8::from(deliver.data_coding), default);
    let bytes = payload(deliver);
    let udh = match class & HEADER {
        0 => Udh { segment: None, text: &bytes },
        _ => Udh::read(&bytes),
    };
    let international = deliver.source_addr_ton == Ton::International;
    let line = Line {
        citizen: Number::of(&text(&deliver.source_addr), international),
        code: text(&deliver.destination_addr).trim_start_matches('+').to_owned(),
    };
    let named = find(deliver.tlvs(), |value| match value {
        TlvValue::ReceiptedMessageId(id) => Some(name(id.as_str().trim_end_matches('\0'))),
        _ => None,
    });
    let state =
        find(deliver.tlvs(), |value| if let TlvValue::MessageState(state) = value { Some(*state) } else { None });
    // Some centres tell of a receipt by its parameters alone.
    let told = state.filter(|_| named.is_some());
    if matches!(class & TYPE, RECEIPT | INTERMEDIATE) || told.is_some() {
        let said = String::from_utf8_lossy(udh.text).into_owned();
        let report = Report {
            id: named.or_else(|| word(&said, "id:").map(|id| name(&id))).unwrap_or_default(),
            status: word(&said, "stat:")
                .map(|word| word.to_ascii_uppercase())
                .or(state.map(status))
                .unwrap_or_default(),
        };
        let report = Some(report);
        return Short { line, id: None, coding, segment: None, text: Bytes::new(), report, link_id: None };
    }
    Short {
        line,
        id: named.filter(|id| !id.is_empty()),
        coding,
        // Both ways of counting at once exist: the header wins, because its bytes are there.
        segment: udh.segment.or_else(|| of_tlvs(deliver.tlvs())),
        text: Bytes::copy_from_slice(udh.text),
        report: None,
        link_id: None,
    }
}

/// The carrier's names are compared as texts, so they are spelt in one way.
pub(super) fn name(id: &str) -> String {
    id.split_whitespace().collect::<String>().to_ascii_lowercase()
}

/// The word of a receipt's text for a message_state (5.2.28).
fn status(state: MessageState) -> String {
    let word = match state {
        MessageState::Delivered => "DELIVRD",
        MessageState::Enroute => "ENROUTE",
        MessageState::Accepted => "ACCEPTD",
        MessageState::Expired => "EXPIRED",
        MessageState::Deleted => "DELETED",
        MessageState::Undeliverable => "UNDELIV",
        MessageState::Rejected => "REJECTD",
        _ => "UNKNOWN",
    };
    word.to_owned()
}

/// The short message, or the payload of those that are too long for it. Only one of them should be there; where both are,
/// the payload is the whole of which the short message is the beginning, or else its continuation.
fn payload(deliver: &DeliverSm) -> Bytes {
    let short = deliver.short_message().clone().into_bytes();
    let payload = find(deliver.tlvs(), |value| match value {
        TlvValue::MessagePayload(payload) => Some(payload.value.clone().into_bytes()),
        _ => None,
    });
    match payload {
        Some(payload) if payload.starts_with(&short) => payload,
        Some(payload) => [short, payload].concat().into(),
        None => short,
    }
}

fn of_tlvs(tlvs: &[Tlv]) -> Option<Segment> {
    let reference = find(tlvs, |value| if let TlvValue::SarMsgRefNum(number) = value { Some(*number) } else { None });
    let total = find(tlvs, |value| if let TlvValue::SarTotalSegments(number) = value { Some(*number) } else { None });
    let place = find(tlvs, |value| if let TlvValue::SarSegmentSeqnum(number) = value { Some(*number) } else { None });
    // Width 0: another way of counting is another name.
    Segment::new(reference?, 0, total?, place?)
}

fn find<T>(tlvs: &[Tlv], get: impl Fn(&TlvValue) -> Option<T>) -> Option<T> {
    tlvs.iter().filter_map(Tlv::value).find_map(get)
}

/// What follows `key` in a receipt's text, up to the next space.
fn word(text: &str, key: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().find(key)? + key.len();
    text.get(at..)?.split_whitespace().next().map(str::to_owned)
}
