//! Ready-made profiles: what vendors push, as events of the gateway's own form. A profile is data: a jq filter, what it needs
//! beside the body, and the acknowledgement that the vendor waits for.

use crate::config::Profile;
use jiesu_mapping::{Caps, CompileError, Filter};
use serde_json::Value;

/// One vendor's.
#[derive(Debug)]
pub(crate) struct Traits {
    /// Sees `{ headers, query, body, text }`; yields events, or nothing.
    filter: &'static str,
    /// The headers that it sees.
    pub headers: &'static [&'static str],
    /// What the vendor waits for.
    pub ack: Ack,
    /// The body is signed in the vendor's own way ([`crate::auth`]).
    pub signs: bool,
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ack {
    pub media_type: &'static str,
    pub body: &'static str,
}

impl Ack {
    pub const EMPTY: Self = Self { media_type: "text/plain", body: "" };

    const fn json(body: &'static str) -> Self {
        Self { media_type: "application/json", body }
    }
}

/// <https://cloud.tencent.com/document/product/679/67256>, `…/86651`, `…/67259`.
const TCCC: Traits = Traits {
    filter: include_str!("profiles/tccc.jq"),
    headers: &["x-tccc-push-uuid"],
    ack: Ack::json(r#"{"ErrCode":0,"ErrMsg":""}"#),
    signs: false,
};

/// <https://help.aliyun.com/zh/ccs/use-cases/event-notification-formats>.
const ALIYUN_CCC: Traits = Traits {
    filter: include_str!("profiles/aliyun-ccc.jq"),
    headers: &[],
    ack: Ack::json(r#"{"code":0,"msg":""}"#),
    signs: false,
};

/// <https://help.aliyun.com/zh/vms/voicereport-7>, `…/voicerecordreport-6`.
const ALIYUN_VOICE: Traits = Traits {
    filter: include_str!("profiles/aliyun-voice.jq"),
    headers: &[],
    ack: Ack::json(r#"{"code":0,"msg":"接收成功"}"#),
    signs: false,
};

/// <https://support.huaweicloud.com/api-ccfs-cec/cec_07_0079.html>.
const HUAWEI: Traits = Traits {
    filter: include_str!("profiles/huawei.jq"),
    headers: &[],
    ack: Ack::json(r#"{"retCode":"0","retMsg":""}"#),
    signs: true,
};

/// The console's own field names.
const TRCLINK: Traits = Traits {
    filter: include_str!("profiles/trclink.jq"),
    headers: &[],
    ack: Ack::json(r#"{"result":"success"}"#),
    signs: false,
};

/// <https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_json_cdr_4653124>.
const FREESWITCH: Traits = Traits {
    filter: include_str!("profiles/freeswitch.jq"),
    headers: &[],
    ack: Ack { media_type: "text/plain", body: "OK" },
    signs: false,
};

impl Profile {
    pub(crate) fn traits(self) -> &'static Traits {
        match self {
            Self::Tccc => &TCCC,
            Self::AliyunCcc => &ALIYUN_CCC,
            Self::AliyunVoice => &ALIYUN_VOICE,
            Self::Huawei => &HUAWEI,
            Self::Trclink => &TRCLINK,
            Self::Freeswitch => &FREESWITCH,
        }
    }
}

/// A compiled filter.
#[derive(Debug, Clone)]
pub(crate) struct Map(Filter);

impl Map {
    /// # Errors
    /// A mistake in this build: the filters are part of it, and a test compiles each.
    pub fn of(traits: &Traits) -> Result<Self, CompileError> {
        Filter::map(traits.filter).map(Self)
    }

    /// The events of one push, not yet looked at.
    ///
    /// # Errors
    /// The push has another shape than the vendor documents.
    pub fn run(&self, input: Value) -> Result<Vec<Value>, String> {
        self.0.run(input, Caps::default()).map_err(|error| error.to_string())
    }
}
