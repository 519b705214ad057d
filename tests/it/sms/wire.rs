//! CMPP as its specification writes it (CMPP 3.0.0, 2003, chapter 7; the fields of 2.0 beside), seen from the carrier's
//! side. Independent of the connector: nothing of it is used here.

use md5::{Digest, Md5};

pub const CONNECT: u32 = 1;
pub const TERMINATE: u32 = 2;
pub const SUBMIT: u32 = 4;
pub const DELIVER: u32 = 5;
pub const ACTIVE_TEST: u32 = 8;
pub const RESPONSE: u32 = 0x8000_0000;

/// A PDU with its header.
pub fn pdu(command: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u32 + 12;
    [&length.to_be_bytes()[..], &command.to_be_bytes(), &sequence.to_be_bytes(), body].concat()
}

pub fn padded(text: &[u8], length: usize) -> Vec<u8> {
    let mut field = text.to_vec();
    assert!(field.len() <= length, "{text:?} in {length} bytes");
    field.resize(length, 0);
    field
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

fn trimmed(bytes: &[u8]) -> String {
    String::from_utf8(bytes.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
}

/// Command, sequence and body of a PDU without its length.
pub fn opened(rest: &[u8]) -> (u32, u32, &[u8]) {
    (word(&rest[..4]), word(&rest[4..8]), &rest[8..])
}

/// A citizen's message, or one part of it, or a report.
#[derive(Debug, Clone)]
pub struct Mo {
    pub id: u64,
    pub to: String,
    pub from: String,
    pub pseudo: bool,
    pub header: bool,
    pub format: u8,
    pub report: bool,
    pub text: Vec<u8>,
    pub link_id: String,
}

impl Mo {
    pub fn body(&self, v3: bool) -> Vec<u8> {
        let numbers = if v3 { 32 } else { 21 };
        let mut body = self.id.to_be_bytes().to_vec();
        body.extend(padded(self.to.as_bytes(), 21));
        body.extend(padded(b"HOTLINE", 10));
        body.extend([0, u8::from(self.header), self.format]);
        body.extend(padded(self.from.as_bytes(), numbers));
        if v3 {
            body.push(u8::from(self.pseudo));
        }
        body.extend([u8::from(self.report), self.text.len() as u8]);
        body.extend(&self.text);
        body.extend(padded(if v3 { self.link_id.as_bytes() } else { b"" }, if v3 { 20 } else { 8 }));
        body
    }

    /// A report on the message `about`, in the layout of the version.
    pub fn report(id: u64, about: u64, status: &str, number: &str, v3: bool) -> Self {
        let mut text = about.to_be_bytes().to_vec();
        text.extend(padded(status.as_bytes(), 7));
        text.extend(b"26112208002611220801");
        text.extend(padded(number.as_bytes(), if v3 { 32 } else { 21 }));
        text.extend([0, 0, 0, 7]);
        assert_eq!(text.len(), if v3 { 71 } else { 60 });
        let (to, from, link_id) = ("1065712345".into(), number.into(), String::new());
        Self { id, to, from, pseudo: false, header: false, format: 0, report: true, text, link_id }
    }
}

/// A message of the hotline's.
#[derive(Debug, Clone, PartialEq)]
pub struct Mt {
    pub from: String,
    pub to: String,
    pub pseudo: bool,
    pub report: bool,
    pub header: bool,
    pub format: u8,
    pub text: Vec<u8>,
    pub link_id: String,
}

impl Mt {
    /// Reads a SUBMIT to its last byte.
    pub fn read(body: &[u8], v3: bool) -> Self {
        let numbers = if v3 { 32 } else { 21 };
        let mut rest = body;
        let mut take = |length: usize| {
            let (field, after) = rest.split_at(length);
            rest = after;
            field
        };
        assert_eq!(take(8), [0; 8], "Msg_Id is the carrier's");
        let counts = take(2);
        assert!(counts[0] >= 1 && (1..=counts[0]).contains(&counts[1]), "Pk_total, Pk_number: {counts:?}");
        let report = take(2)[0] == 1;
        take(10 + 1 + numbers + usize::from(v3) + 1);
        let header = take(1)[0] == 1;
        let format = take(1)[0];
        assert_eq!(trimmed(take(6)), "901234", "Msg_src");
        take(2 + 6 + 17 + 17);
        let from = trimmed(take(21));
        assert_eq!(take(1), [1], "one recipient");
        let to = trimmed(take(numbers));
        let pseudo = v3 && take(1)[0] == 1;
        let length = usize::from(take(1)[0]);
        assert!(length <= if format == 0 { 159 } else { 140 }, "Msg_Length {length}");
        let text = take(length).to_vec();
        let link_id = trimmed(take(if v3 { 20 } else { 8 }));
        assert_eq!(rest.len(), 0, "nothing after Reserve");
        Self { from, to, pseudo, report, header, format, text, link_id }
    }

    /// The text without its header.
    pub fn said(&self) -> String {
        let text = if self.header { &self.text[6..] } else { &self.text[..] };
        match self.format {
            0 => String::from_utf8(text.to_vec()).unwrap(),
            8 => {
                let units = text.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                char::decode_utf16(units).map(|unit| unit.expect("no half of a character")).collect()
            }
            other => panic!("Msg_Fmt {other}"),
        }
    }
}

/// The log-in: whether its proof is right, and its version.
pub fn log_in(body: &[u8], account: &str, secret: &str) -> (bool, u8, [u8; 16]) {
    assert_eq!(body.len(), 27);
    let (source, proof, version, stamp) = (&body[..6], &body[6..22], body[22], word(&body[23..]));
    let expected = Md5::digest([source, &[0; 9], secret.as_bytes(), format!("{stamp:010}").as_bytes()].concat());
    (source == account.as_bytes() && proof == &expected[..], version, proof.try_into().unwrap())
}

/// CONNECT_RESP.
pub fn welcome(status: u32, proof: &[u8; 16], secret: &str, v3: bool) -> Vec<u8> {
    let status = if v3 { status.to_be_bytes().to_vec() } else { vec![status as u8] };
    let theirs = Md5::digest([&status[..], proof, secret.as_bytes()].concat());
    [&status[..], &theirs, &[if v3 { 0x30 } else { 0x20 }]].concat()
}
