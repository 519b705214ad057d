//! The log-in: both sides prove that they know the secret (CMPP 3.0, 7.4.1).

use super::{CONNECT, Cmpp, RESPONSE, Version, fields::fixed, opened, pdu};
use bytes::Bytes;
use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

const ACCOUNT: usize = 6;
const PROOF: usize = 16;

pub(super) fn request(cmpp: &Cmpp, sequence: u32, now: Timestamp) -> Bytes {
    let (stamp, account) = (stamp(now), fixed(&cmpp.account, ACCOUNT));
    let version = if cmpp.version == Version::V2 { 0x20 } else { 0x30 };
    // Ten digits in the proof, also from January to September; in the PDU they are a number.
    let number: u32 = stamp.parse().unwrap_or_default();
    let proof = proof(&account, cmpp.secret.expose(), &stamp);
    pdu(CONNECT, sequence, &[&account[..], &proof, &[version], &number.to_be_bytes()].concat())
}

/// MMDDHHMMSS in China's time.
fn stamp(now: Timestamp) -> String {
    now.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%m%d%H%M%S").to_string()
}

fn proof(account: &[u8], secret: &str, stamp: &str) -> [u8; PROOF] {
    let mut hash = Md5::new();
    hash.update(account);
    hash.update([0; 9]);
    hash.update(secret.as_bytes());
    hash.update(stamp.as_bytes());
    hash.finalize().into()
}

/// What the gateway says to `login`. Its own proof is made in at least four ways in the wild, so a wrong one is only
/// refused where the configuration asks for that.
pub(super) fn answer(cmpp: &Cmpp, login: &Bytes, frame: &Bytes) -> Result<(), String> {
    let broken = |_| "the gateway's answer to the log-in is no CONNECT_RESP".to_owned();
    let (command, _, mut body) = opened(frame).map_err(broken)?;
    if command != CONNECT | RESPONSE {
        return Err(format!("the gateway answers the log-in with command {command:#010x} instead of CONNECT_RESP"));
    }
    // By its length, because gateways of 2.0 answer to 3.0 and the other way round: a status of one or of four bytes.
    let (status, width) = match body.0.len() {
        18 => (u32::from(body.byte().map_err(broken)?), 1),
        21.. => (body.number().map_err(broken)?, 4),
        length => return Err(format!("the gateway's CONNECT_RESP has {length} bytes instead of 18 or 21")),
    };
    let theirs = body.take(PROOF).map_err(broken)?;
    match status {
        0 => {}
        1 => return Err("status 1: the gateway calls the log-in malformed; is `version` right?".into()),
        2 => return Err("status 2: the gateway does not know this address: have it put on the carrier's list".into()),
        3 => {
            return Err(
                "status 3: wrong account or secret: check `username`, `password` and this machine's clock".into()
            );
        }
        4 => return Err("status 4: the gateway speaks an older version: set `version = \"2.0\"`".into()),
        5 => return Err("status 5: the gateway refuses, often because an earlier session is still open there".into()),
        status => return Err(format!("status {status}: the gateway refuses the log-in")),
    }
    if cmpp.strict {
        let ours = login.get(super::HEADER + ACCOUNT..super::HEADER + ACCOUNT + PROOF).unwrap_or_default();
        let mut hash = Md5::new();
        hash.update(&status.to_be_bytes()[4 - width..]);
        hash.update(ours);
        hash.update(cmpp.secret.expose().as_bytes());
        if !bool::from(hash.finalize().as_slice().ct_eq(theirs)) {
            return Err("the gateway does not prove that it knows the secret (AuthenticatorISMG)".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::short::hex;

    #[test]
    fn the_timestamp_has_ten_digits_in_january_too() {
        let january: Timestamp = "2026-01-02T03:04:05+08:00".parse().unwrap();
        assert_eq!(stamp(january), "0102030405");
        // Of the specification's formula, computed with md5sum.
        let proof = proof(b"900001", "888888", "0102030405");
        assert_eq!(hex(&proof), hex(&Md5::digest(b"900001\0\0\0\0\0\0\0\0\08888880102030405")));
    }
}
