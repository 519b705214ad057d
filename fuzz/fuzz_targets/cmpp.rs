//! A carrier's PDUs: any bytes as what comes over a CMPP link, in both versions, and as a stored message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| jiesu_sms::fuzzing::cmpp(data));
