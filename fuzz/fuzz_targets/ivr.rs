//! What call centres push: any bytes as Twilio's form, as an event, and as a push of each vendor.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| jiesu_ivr::fuzzing::read(data));
