//! China Mobile's CMPP, 2.0 and 3.0 (CMPP 3.0.0, 2003, chapters 7 and 8): fixed fields, big endian.

mod connect;
mod deliver;
mod fields;
mod submit;

use crate::{
    session::{Dialect, Garbage, Heard, Limits, Submission, Taken},
    short::Short,
};
use bytes::{BufMut, Bytes, BytesMut};
use fields::Fields;
use jiesu_connector::Secret;
use jiff::Timestamp;
use std::time::Duration;

/// Bytes of a header.
const HEADER: usize = 12;
/// W, C and T of section 5.2.4; the longest PDU is a SUBMIT to 99 numbers.
const LIMITS: Limits = Limits {
    header: HEADER,
    longest: 4_096,
    window: 16,
    idle: Duration::from_secs(180),
    answer: Duration::from_secs(60),
};

const CONNECT: u32 = 0x01;
const TERMINATE: u32 = 0x02;
const SUBMIT: u32 = 0x04;
const DELIVER: u32 = 0x05;
const ACTIVE_TEST: u32 = 0x08;
const RESPONSE: u32 = 0x8000_0000;

/// Which of the two layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2,
    V3,
}

/// One account at one gateway (SP).
pub(crate) struct Cmpp {
    /// Which layout it speaks.
    pub version: Version,
    /// The account: six characters.
    pub account: String,
    /// The shared secret.
    pub secret: Secret,
    /// What the carrier calls the service.
    pub service_id: String,
    /// A gateway that does not prove that it knows the secret is refused.
    pub strict: bool,
    /// Parts have a header, whether or not their link says so.
    pub sniff_header: bool,
}

fn pdu(command: u32, sequence: u32, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEADER + body.len());
    bytes.put_u32((HEADER + body.len()) as u32);
    bytes.put_u32(command);
    bytes.put_u32(sequence);
    bytes.put_slice(body);
    bytes.freeze()
}

/// Command, sequence and body.
fn opened(frame: &[u8]) -> Result<(u32, u32, Fields<'_>), Garbage> {
    let mut header = Fields(frame);
    let (_, command, sequence) = (header.number()?, header.number()?, header.number()?);
    Ok((command, sequence, header))
}

impl Dialect for Cmpp {
    fn name(&self) -> &'static str {
        "CMPP"
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn login(&self, sequence: u32, now: Timestamp) -> Bytes {
        connect::request(self, sequence, now)
    }

    fn logged_in(&self, login: &Bytes, frame: &Bytes) -> Result<(), String> {
        connect::answer(self, login, frame)
    }

    fn hear(&self, frame: &Bytes) -> Result<Heard, Garbage> {
        let (command, sequence, mut body) = opened(frame)?;
        Ok(match command {
            DELIVER => {
                // Without its Msg_Id it could not even be answered.
                body.take(8)?;
                Heard::Delivery
            }
            ACTIVE_TEST => Heard::Request(pdu(ACTIVE_TEST | RESPONSE, sequence, &[0])),
            TERMINATE => Heard::Bye(pdu(TERMINATE | RESPONSE, sequence, &[])),
            _ if command == SUBMIT | RESPONSE => {
                let id = body.long()?;
                // One byte in 2.0, four in 3.0; some gateways mix them up.
                let code = match body.0.len() {
                    0 => return Err(Garbage),
                    1..=3 => u32::from(body.byte()?),
                    _ => body.number()?,
                };
                let taken = match code {
                    0 => Taken::Yes(format!("{id:016x}")),
                    8 => Taken::Later("SUBMIT_RESP 8: the carrier's flow control".into()),
                    code => Taken::No(format!("SUBMIT_RESP {code}")),
                };
                Heard::Submitted(sequence, taken)
            }
            _ if command & RESPONSE != 0 => Heard::Answer(sequence),
            _ => Heard::Nothing,
        })
    }

    fn read(&self, frame: &Bytes) -> Result<Short, String> {
        deliver::read(self.version, self.sniff_header, frame)
    }

    fn take(&self, frame: &Bytes) -> Bytes {
        let sequence = frame.get(8..12).unwrap_or_default();
        let id = frame.get(12..20).unwrap_or(&[0; 8]);
        let sequence = sequence.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let result: &[u8] = if self.version == Version::V2 { &[0] } else { &[0; 4] };
        pdu(DELIVER | RESPONSE, sequence, &[id, result].concat())
    }

    /// Never a result other than 0: the carrier would give the message up. It sends again what is not answered.
    fn defer(&self, _: &Bytes) -> Option<Bytes> {
        None
    }

    fn ping(&self, sequence: u32) -> Bytes {
        pdu(ACTIVE_TEST, sequence, &[])
    }

    fn bye(&self, sequence: u32) -> Bytes {
        pdu(TERMINATE, sequence, &[])
    }

    fn submit(&self, sequence: u32, submission: &Submission) -> Bytes {
        submit::request(self, sequence, submission)
    }

    fn media_type(&self) -> &'static str {
        match self.version {
            Version::V2 => "application/x-cmpp; version=2.0",
            Version::V3 => "application/x-cmpp; version=3.0",
        }
    }
}
