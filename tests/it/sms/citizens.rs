//! Citizens and their telephones: texts, cut into parts where telephones cut them.

use super::{
    carrier::{CODE, Carrier},
    wire::Mo,
};

/// A message in UCS-2, in as many parts as it takes, cut every 67 units whatever they are.
pub fn ucs2(carrier: &Carrier, from: &str, text: &str, reference: u8) -> Vec<Mo> {
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    parts(carrier, from, 8, &bytes, reference)
}

/// Bytes of any alphabet in as many parts as it takes.
pub fn parts(carrier: &Carrier, from: &str, format: u8, bytes: &[u8], reference: u8) -> Vec<Mo> {
    if bytes.len() <= 140 {
        return vec![mo(carrier, from, format, bytes.to_vec(), false)];
    }
    let pieces: Vec<&[u8]> = bytes.chunks(134).collect();
    let part = |(index, piece): (usize, &&[u8])| {
        let header = [5, 0, 3, reference, pieces.len() as u8, index as u8 + 1];
        mo(carrier, from, format, [&header[..], piece].concat(), true)
    };
    pieces.iter().enumerate().map(part).collect()
}

/// One part.
pub fn mo(carrier: &Carrier, from: &str, format: u8, text: Vec<u8>, header: bool) -> Mo {
    let (to, from, link_id) = (CODE.to_owned(), from.to_owned(), String::new());
    Mo { id: carrier.next_id(), to, from, pseudo: false, header, format, report: false, text, link_id }
}

/// In an order that nobody chose; the same for the same seed.
pub fn shuffled<T>(mut all: Vec<T>, mut seed: u64) -> Vec<T> {
    for end in (1..all.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all.swap(end, (seed >> 33) as usize % (end + 1));
    }
    all
}
