//! How many customer-service messages may follow what a citizen did, and for how long (客服消息下发条数限制).

use jiesu_connector::BuildError;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::time::Duration;

/// What the gateway counts of the platform's quota for each citizen, as its "customer service message" page gives it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Whether the gateway counts. If not, the platform is asked at each answer, and its refusal decides.
    pub count: bool,
    /// What a message of the citizen allows.
    pub after_message: Allowance,
    /// What a click on the menu, a scan, or following the account allows.
    pub after_click: Allowance,
}

/// So many messages in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// How many messages.
    #[schemars(example = &5)]
    pub messages: u32,
    /// From the citizen's action on, as `"48h"`.
    #[schemars(with = "String", example = &"48h")]
    #[serde(deserialize_with = "length", serialize_with = "written")]
    pub within: Duration,
}

impl Default for Quota {
    fn default() -> Self {
        let allowance = |messages, seconds| Allowance { messages, within: Duration::from_secs(seconds) };
        Self { count: true, after_message: allowance(5, 48 * 3_600), after_click: allowance(3, 60) }
    }
}

impl Quota {
    pub(crate) fn faults(&self) -> Vec<BuildError> {
        let none = |(key, allowance): (&str, Allowance)| {
            let what = "is 0: nothing could ever be sent; write what the platform allows, or count = false";
            (allowance.messages == 0).then(|| BuildError::new(format!("quota.{key}.messages"), what))
        };
        [("after_message", self.after_message), ("after_click", self.after_click)]
            .into_iter()
            .filter_map(none)
            .collect()
    }
}

/// `"48h"`, `"1m"`, `"90s"`, `"2d"`.
fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || de::Error::custom("is no length of time from 1 s to 30 d; write for example \"48h\" or \"1m\"");
    let (digits, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=30 * 86_400).contains(seconds)).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

fn written<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let seconds = length.as_secs();
    let (size, unit) =
        [(3_600, "h"), (60, "m")].into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, "s"));
    serializer.collect_str(&format_args!("{}{unit}", seconds / size))
}

/// What opens a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A message.
    Message,
    /// A click, a scan, a follow.
    Click,
}

impl Trigger {
    /// What a push of `kind` (MsgType) and `event` opens, if anything: reports of the platform itself and opened links
    /// open nothing.
    pub fn of(kind: &str, event: &str) -> Option<Self> {
        match kind.to_ascii_lowercase().as_str() {
            "text" | "image" | "voice" | "video" | "shortvideo" | "location" | "link" => Some(Self::Message),
            "event" => match event.to_ascii_lowercase().as_str() {
                "subscribe" | "scan" | "click" | "scancode_push" | "scancode_waitmsg" => Some(Self::Click),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether a message may go out, as far as the gateway knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Nothing is known: the platform decides.
    Unknown,
    /// So many.
    For(u32),
    /// The citizen's last action is too long ago (the platform's error 45015).
    Late,
    /// As many as may follow the citizen's last action have been sent (the platform's error 45047).
    Spent,
}

/// What one kind of action allows still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Grant {
    /// Milliseconds since 1970.
    until: i64,
    left: u32,
}

/// What is known of one citizen. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// When it was last learned what the citizen may be sent: from what they did, or from the platform.
    pub at: i64,
    message: Grant,
    click: Grant,
}

impl Record {
    /// From the text in the shared memory.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').map(str::parse::<i64>);
        let mut next = || parts.next()?.ok();
        let at = next()?;
        let mut grant = || Some(Grant { until: next()?, left: next()?.try_into().ok()? });
        Some(Self { at, message: grant()?, click: grant()? })
    }

    /// As in the shared memory.
    pub fn to_text(self) -> String {
        let Self { at, message, click } = self;
        format!("{at} {} {} {} {}", message.until, message.left, click.until, click.left)
    }

    /// The citizen did something at `now`.
    pub fn open(&mut self, trigger: Trigger, quota: &Quota, now: i64) {
        let (grant, allowance) = match trigger {
            Trigger::Message => (&mut self.message, quota.after_message),
            Trigger::Click => (&mut self.click, quota.after_click),
        };
        let within = i64::try_from(allowance.within.as_millis()).unwrap_or(i64::MAX);
        *grant = Grant { until: now.saturating_add(within), left: allowance.messages };
        self.at = now;
    }

    /// What may go out at `now`.
    pub fn room(&self, now: i64) -> Room {
        let open = [self.message, self.click].into_iter().filter(|grant| grant.until > now);
        match open.map(|grant| grant.left).reduce(u32::saturating_add) {
            None => Room::Late,
            Some(0) => Room::Spent,
            Some(left) => Room::For(left),
        }
    }

    /// A message went out at `now`; what ends first is used first.
    pub fn spend(&mut self, now: i64) {
        let open = [&mut self.message, &mut self.click].into_iter().filter(|grant| grant.until > now && grant.left > 0);
        if let Some(grant) = open.min_by_key(|grant| grant.until) {
            grant.left -= 1;
        }
    }

    /// The platform has said so.
    pub fn shut(&mut self, room: Room, now: i64) {
        for grant in [&mut self.message, &mut self.click] {
            *grant = Grant { until: if room == Room::Late { 0 } else { grant.until }, left: 0 };
        }
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn read(quota: Value) -> Result<Quota, String> {
        from_value(quota).map_err(|error| error.to_string())
    }

    #[test]
    fn five_messages_in_48_hours_and_three_in_a_minute_unless_a_city_says_otherwise() {
        let standard = read(json!({})).unwrap();
        assert!(standard.count && standard.faults().is_empty());
        assert_eq!(standard.after_message, Allowance { messages: 5, within: Duration::from_secs(172_800) });
        assert_eq!(standard.after_click, Allowance { messages: 3, within: Duration::from_secs(60) });
        let own = read(json!({ "after_message": { "messages": 20, "within": "2d" } })).unwrap();
        assert_eq!(own.after_message, Allowance { messages: 20, within: Duration::from_secs(172_800) });
        for wrong in ["", "48", "h", "0h", "31d", "-1h", "1.5h", "48 h", "99999999999999999999h"] {
            let fault = read(json!({ "after_click": { "messages": 1, "within": wrong } })).unwrap_err();
            assert!(fault.contains("\"48h\""), "{wrong}: {fault}");
        }
        let none = read(json!({ "after_click": { "messages": 0, "within": "1m" } })).unwrap().faults();
        assert_eq!(none[0].key, "quota.after_click.messages");
    }

    #[test]
    fn a_window_closes_with_its_time_or_its_last_message_and_opens_anew() {
        let quota = Quota::default();
        let mut record = Record::default();
        assert_eq!(record.room(0), Room::Late);
        record.open(Trigger::Message, &quota, 1_000);
        for left in (1..=5).rev() {
            assert_eq!(record.room(2_000), Room::For(left));
            record.spend(2_000);
        }
        assert_eq!(record.room(2_000), Room::Spent);
        // A click allows three for a minute, beside.
        record.open(Trigger::Click, &quota, 3_000);
        assert_eq!(record.room(62_999), Room::For(3));
        assert_eq!(record.room(63_000), Room::Spent);
        assert_eq!(record.room(1_000 + 48 * 3_600_000), Room::Late);
        record.open(Trigger::Message, &quota, 70_000);
        record.open(Trigger::Click, &quota, 70_000);
        record.spend(70_001);
        assert_eq!(record.room(131_000), Room::For(5), "the click's are used first");
        assert_eq!(Record::read(&record.to_text()), Some(record));
    }

    #[test]
    fn what_the_platform_says_counts_until_the_citizen_does_something() {
        let quota = Quota::default();
        let mut record = Record::default();
        record.open(Trigger::Message, &quota, 0);
        record.shut(Room::Spent, 1);
        assert_eq!(record.room(2), Room::Spent);
        record.shut(Room::Late, 3);
        assert_eq!(record.room(4), Room::Late);
        record.open(Trigger::Message, &quota, 5);
        assert_eq!(record.room(6), Room::For(5));
        for garbage in ["", "1", "1 2 3 4", "a b c d e", "1 2 -3 4 5", "1 2 99999999999 4 5"] {
            assert_eq!(Record::read(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn only_what_a_citizen_does_opens_a_window() {
        assert_eq!(Trigger::of("TEXT", ""), Some(Trigger::Message));
        assert_eq!(Trigger::of("event", "CLICK"), Some(Trigger::Click));
        assert_eq!(Trigger::of("event", "subscribe"), Some(Trigger::Click));
        for (kind, event) in [("event", "unsubscribe"), ("event", "VIEW"), ("event", "LOCATION"), ("hologram", "")] {
            assert_eq!(Trigger::of(kind, event), None, "{kind} {event}");
        }
    }
}
