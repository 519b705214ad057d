//! For fuzzing: whatever is stored is read without a panic.

use crate::{config::Profile, profile::Map, push::Push};
use jiesu_connector::Raw;
use std::sync::LazyLock;

/// The gateway's own form, and each vendor's.
static PUSHES: LazyLock<Vec<Push>> = LazyLock::new(|| {
    use Profile::{AliyunCcc, AliyunVoice, Freeswitch, Huawei, Tccc, Trclink};
    let vendors = [Tccc, AliyunCcc, AliyunVoice, Huawei, Trclink, Freeswitch].map(|profile| {
        let traits = profile.traits();
        Map::of(traits).ok().map(|map| (traits, map))
    });
    let profiles = vendors.into_iter().chain([None]);
    profiles.map(|profile| Push { auth: Default::default(), profile, public_url: "".into() }).collect()
});

/// Reads `body` as Twilio's form, as an event, and as a push of each vendor.
pub fn read(body: &[u8]) {
    let raw = Raw { media_type: String::new(), meta: Default::default(), body: body.to_vec().into() };
    let _ = crate::twilio::events(&raw, true);
    PUSHES.iter().for_each(|push| drop(push.events(&raw)));
}
