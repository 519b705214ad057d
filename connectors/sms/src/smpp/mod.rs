//! SMPP 3.4, with `rusmpp` for the PDUs. What it cannot read is kept as it came.

mod deliver;
mod mend;
mod submit;

use crate::{
    session::{Dialect, Garbage, Heard, Limits, Submission, Taken},
    short::Short,
    text::Coding,
};
use bytes::{Bytes, BytesMut};
use jiesu_connector::Secret;
use jiff::Timestamp;
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    pdus::{BindTransceiver, DeliverSmResp},
    tokio_codec::CommandCodec,
    types::COctetString,
    values::InterfaceVersion,
};
use std::time::Duration;
use tokio_util::codec::{Decoder, Encoder};

/// Bytes of a header.
const HEADER: usize = 16;
/// A message_payload of 64 KiB, and the rest.
const LONGEST: usize = 70_000;
/// The specification leaves the window open (section 2.9); ten is what it names.
const LIMITS: Limits = Limits {
    header: HEADER,
    longest: LONGEST,
    window: 10,
    idle: Duration::from_secs(30),
    answer: Duration::from_secs(30),
};
/// Beyond it a message_id is none.
const LONGEST_ID: usize = 65;

/// One account at one centre (ESME).
pub(crate) struct Smpp {
    /// `system_id`.
    pub account: String,
    /// `password`.
    pub secret: Secret,
    /// `system_type`.
    pub system_type: String,
    /// What `data_coding = 0` means on this link.
    pub default_coding: Coding,
}

/// `text` as a field of at most `MAX` bytes with its NUL; what is too long was refused with the configuration.
fn field<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
    let bytes = text.bytes().filter(|byte| *byte != 0).take(MAX - 1).chain([0]).collect();
    COctetString::from_vec(bytes).unwrap_or_else(|_| COctetString::empty())
}

fn encoded(status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) -> Bytes {
    let mut bytes = BytesMut::new();
    // Encoding into memory does not fail.
    let _ = CommandCodec::new().encode(&Command::new(status, sequence, pdu), &mut bytes);
    bytes.freeze()
}

fn decoded(frame: &Bytes) -> Result<Command, String> {
    let mut codec = CommandCodec::new().with_max_length(LONGEST);
    match codec.decode(&mut BytesMut::from(&frame[..])) {
        Ok(Some(command)) => Ok(command),
        Ok(None) => Err("the PDU is not whole".into()),
        Err(error) => Err(format!("the PDU cannot be read: {error}")),
    }
}

/// Command, status and sequence.
fn header(frame: &[u8]) -> Result<(CommandId, u32, u32), Garbage> {
    let word = |at: usize| {
        let bytes = frame.get(at..at + 4).ok_or(Garbage)?;
        Ok(bytes.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)))
    };
    Ok((CommandId::from(word(4)?), word(8)?, word(12)?))
}

fn sequence(frame: &[u8]) -> u32 {
    header(frame).map_or(0, |(.., sequence)| sequence)
}

impl Dialect for Smpp {
    fn name(&self) -> &'static str {
        "SMPP"
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn login(&self, sequence: u32, _: Timestamp) -> Bytes {
        let bind = BindTransceiver::builder()
            .system_id(field(&self.account))
            .password(field(self.secret.expose()))
            .system_type(field(&self.system_type))
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        encoded(CommandStatus::EsmeRok, sequence, bind)
    }

    fn logged_in(&self, _: &Bytes, frame: &Bytes) -> Result<(), String> {
        let (id, status, _) = header(frame).map_err(|garbage| garbage.to_string())?;
        if !matches!(id, CommandId::BindTransceiverResp | CommandId::GenericNack) {
            return Err(format!("the centre answers the bind with {id:?}"));
        }
        Err(match status {
            0 if id == CommandId::BindTransceiverResp => return Ok(()),
            0x05 => "status 0x05: already bound, often because an earlier session is still open there".into(),
            0x0D => "status 0x0d: the bind failed; check `username` and this machine's address at the carrier".into(),
            0x0E => "status 0x0e: wrong password: check `password`".into(),
            0x0F => "status 0x0f: wrong account: check `username`".into(),
            status => format!("status {status:#04x}: the centre refuses the bind"),
        })
    }

    fn hear(&self, frame: &Bytes) -> Result<Heard, Garbage> {
        let (id, status, sequence) = header(frame)?;
        let ok = |pdu: Pdu| encoded(CommandStatus::EsmeRok, sequence, pdu);
        Ok(match id {
            CommandId::DeliverSm => Heard::Delivery,
            CommandId::EnquireLink => Heard::Request(ok(Pdu::EnquireLinkResp)),
            CommandId::Unbind => Heard::Bye(ok(Pdu::UnbindResp)),
            CommandId::SubmitSmResp => Heard::Submitted(sequence, taken(status, frame)),
            // Neither has an answer (SMPP 3.4, 4.1.7 and 4.12).
            CommandId::AlertNotification | CommandId::Outbind => Heard::Nothing,
            CommandId::GenericNack => {
                Heard::Submitted(sequence, Taken::No(format!("generic_nack, status {status:#04x}")))
            }
            id if u32::from(id) & 0x8000_0000 != 0 => Heard::Answer(sequence),
            _ => Heard::Request(encoded(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack)),
        })
    }

    fn read(&self, frame: &Bytes) -> Result<Short, String> {
        let command = decoded(frame).or_else(|why| match mend::mended(frame) {
            Some(mended) => decoded(&mended),
            None => Err(why),
        })?;
        match command.pdu() {
            Some(Pdu::DeliverSm(deliver)) => Ok(deliver::read(deliver, self.default_coding)),
            _ => Err("the PDU is no deliver_sm".into()),
        }
    }

    fn take(&self, frame: &Bytes) -> Bytes {
        encoded(CommandStatus::EsmeRok, sequence(frame), DeliverSmResp::default())
    }

    /// A temporary error: the centre sends it again later.
    fn defer(&self, frame: &Bytes) -> Option<Bytes> {
        Some(encoded(CommandStatus::EsmeRxTAppn, sequence(frame), DeliverSmResp::default()))
    }

    fn ping(&self, sequence: u32) -> Bytes {
        encoded(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink)
    }

    fn bye(&self, sequence: u32) -> Bytes {
        encoded(CommandStatus::EsmeRok, sequence, Pdu::Unbind)
    }

    fn submit(&self, sequence: u32, submission: &Submission) -> Bytes {
        encoded(CommandStatus::EsmeRok, sequence, submit::request(submission))
    }

    fn media_type(&self) -> &'static str {
        "application/x-smpp; version=3.4"
    }
}

/// The body of a submit_sm_resp is the message_id; with an error it may be missing.
fn taken(status: u32, frame: &Bytes) -> Taken {
    match status {
        0 => {
            let id = frame.get(HEADER..).unwrap_or_default();
            let id: Vec<u8> = id.iter().copied().take_while(|byte| *byte != 0).take(LONGEST_ID).collect();
            Taken::Yes(deliver::name(&String::from_utf8_lossy(&id)))
        }
        0x14 | 0x58 => Taken::Later(format!("submit_sm_resp {status:#04x}: the centre's flow control")),
        status => Taken::No(format!("submit_sm_resp {status:#04x}")),
    }
}
