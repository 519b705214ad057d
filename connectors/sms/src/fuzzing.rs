//! What fuzz targets need of the inside; no part of the interface.

use crate::{
    cmpp::{self, Cmpp},
    session::Dialect,
    smpp::Smpp,
    text::Coding,
};
use bytes::Bytes;
use jiesu_connector::Secret;

fn try_all(dialect: &dyn Dialect, frame: &Bytes) {
    if dialect.hear(frame).is_ok() {
        let _ = (dialect.take(frame), dialect.defer(frame), dialect.logged_in(frame, frame));
        if let Ok(short) = dialect.read(frame) {
            let _ = (short.appeal(), short.said());
        }
    }
}

/// Any bytes as a PDU of CMPP, in both versions.
pub fn cmpp(bytes: &[u8]) {
    for (version, sniff_header) in [(cmpp::Version::V2, true), (cmpp::Version::V3, false)] {
        let (account, secret, service_id) = ("900001".into(), Secret::new("888888"), String::new());
        let cmpp = Cmpp { version, account, secret, service_id, strict: true, sniff_header };
        try_all(&cmpp, &Bytes::copy_from_slice(bytes));
    }
}

/// Any bytes as a PDU of SMPP.
pub fn smpp(bytes: &[u8]) {
    let (account, secret, system_type) = ("smppclient".into(), Secret::new("password"), String::new());
    let smpp = Smpp { account, secret, system_type, default_coding: Coding::Gsm7 };
    try_all(&smpp, &Bytes::copy_from_slice(bytes));
}
