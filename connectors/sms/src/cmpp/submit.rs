//! SUBMIT: a message of ours, to one citizen (CMPP 3.0, 7.4.3).

use super::{Cmpp, SUBMIT, Version, fields::fixed, pdu};
use crate::{number::Number, session::Submission};
use bytes::{BufMut, Bytes, BytesMut};

pub(super) fn request(cmpp: &Cmpp, sequence: u32, submission: &Submission) -> Bytes {
    let v3 = cmpp.version == Version::V3;
    let numbers = if v3 { 32 } else { 21 };
    let (number, pseudo) = match &submission.line.citizen {
        // Gateways of all carriers take a bare number of eleven digits.
        Number::Subscriber(number) => (number.strip_prefix("+86").unwrap_or(number.trim_start_matches('+')), 0),
        Number::Service(number) => (number.as_str(), 0),
        Number::Pseudo(number) => (number.as_str(), 1),
    };
    let part = &submission.part;
    let mut body = BytesMut::with_capacity(400);
    body.put_u64(0);
    body.put_slice(&[1, 1, u8::from(submission.report), 0]);
    body.put_slice(&fixed(&cmpp.service_id, 10));
    // The hotline pays, and its citizens never do: user type 2 (SP), free of charge.
    body.put_u8(2);
    body.put_bytes(0, numbers);
    if v3 {
        body.put_u8(0);
    }
    body.put_slice(&[0, u8::from(part.header), if part.ucs2 { 8 } else { 0 }]);
    body.put_slice(&fixed(&cmpp.account, 6));
    body.put_slice(b"01");
    body.put_slice(b"000000");
    body.put_bytes(0, 17 + 17);
    body.put_slice(&fixed(&submission.line.code, 21));
    body.put_u8(1);
    body.put_slice(&fixed(number, numbers));
    if v3 {
        body.put_u8(pseudo);
    }
    body.put_u8(part.bytes.len() as u8);
    body.put_slice(&part.bytes);
    match v3 {
        true => body.put_slice(&fixed(submission.link_id.as_deref().unwrap_or_default(), 20)),
        false => body.put_bytes(0, 8),
    }
    pdu(SUBMIT, sequence, &body)
}
