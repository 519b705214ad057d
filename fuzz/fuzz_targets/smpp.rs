//! A message centre's PDUs: any bytes as what comes over an SMPP link, and as a stored message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| jiesu_sms::fuzzing::smpp(data));
