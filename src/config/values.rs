//! Values written as text: `"90s"`, `"10MiB"`, `"20/s"`, `"Asia/Shanghai"`.

use std::{fmt, num::NonZeroU32, str::FromStr, time};

/// Gives a type that is written as text its `Deserialize`, `Serialize` and schema, by `FromStr` and `Display`.
macro_rules! text_value {
    ($type:ty, $name:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}
pub(super) use text_value;

/// A length of time: `"500ms"`, `"90s"`, `"5m"`, `"72h"`, `"30d"`, or several in a row (`"1h30m"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(time::Duration);

impl Duration {
    /// The longest that makes sense anywhere here.
    const MAX: time::Duration = time::Duration::from_secs(366 * 24 * 3600);

    /// Whole seconds, for defaults.
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// As the standard library has it.
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no duration; write for example \"90s\", \"5m\" or \"72h\"", clip(text));
        let mut total = time::Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_lowercase).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let millis = match &rest[digits..digits + letters] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            let part = number.checked_mul(millis).map(time::Duration::from_millis).ok_or_else(wrong)?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = &rest[digits + letters..];
        }
        match total {
            _ if text.is_empty() => Err(wrong()),
            time::Duration::ZERO => Err("a duration of nothing; it must be at least \"1ms\"".into()),
            total if total > Self::MAX => Err("longer than a year; at most \"366d\"".into()),
            total => Ok(Self(total)),
        }
    }
}

/// In the largest unit that divides it.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
        let (size, unit) = units.into_iter().find(|(size, _)| millis.is_multiple_of(*size)).unwrap_or((1, "ms"));
        write!(f, "{}{unit}", millis / size)
    }
}
text_value!(Duration, "Duration");

/// A number of bytes: `"64KiB"`, `"10MiB"`, `"1GiB"`, also `"5MB"` (decimal) and `"512B"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many MiB, for defaults.
    pub(crate) const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no size; write for example \"64KiB\" or \"10MiB\"", clip(text));
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
        let unit: u64 = match text[digits..].trim_start() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(wrong()),
        };
        match number.checked_mul(unit) {
            Some(0) => Err("a size of nothing; it must be at least \"1B\"".into()),
            Some(bytes) if bytes <= 1 << 40 => Ok(Self(bytes)),
            _ => Err("larger than 1 TiB; write for example \"10MiB\"".into()),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
        let (size, unit) = units.into_iter().find(|(size, _)| self.0.is_multiple_of(*size)).unwrap_or((1, "B"));
        write!(f, "{}{unit}", self.0 / size)
    }
}
text_value!(ByteSize, "ByteSize");

/// A rate limit: `"20/s"`, `"30/m"`, or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit.
    Off,
    /// So many a second.
    PerSecond(NonZeroU32),
    /// So many a minute.
    PerMinute(NonZeroU32),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no rate; write for example \"20/s\", \"30/m\" or \"off\"", clip(text));
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: u32 =
            count.parse().ok().filter(|count| *count <= 1_000_000).ok_or("more than 1000000; use \"off\"")?;
        let count = NonZeroU32::new(count).ok_or("a rate of 0 would refuse everybody; use at least 1, or \"off\"")?;
        match unit {
            "s" => Ok(Self::PerSecond(count)),
            "m" => Ok(Self::PerMinute(count)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::PerSecond(count) => write!(f, "{count}/s"),
            Self::PerMinute(count) => write!(f, "{count}/m"),
        }
    }
}
text_value!(Rate, "Rate");

/// A time zone of the IANA database: `"Asia/Shanghai"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(jiff::tz::TimeZone, String);

impl TimeZone {
    /// China's time, also on a machine without a time zone database: UTC+8 all year.
    pub(super) fn china() -> Self {
        Self(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)), "Asia/Shanghai".into())
    }

    /// As jiff has it.
    pub fn get(&self) -> &jiff::tz::TimeZone {
        &self.0
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        "Asia/Shanghai".parse().unwrap_or_else(|_| Self::china())
    }
}

impl FromStr for TimeZone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match jiff::tz::TimeZone::get(name) {
            Ok(zone) => Ok(Self(zone, name.into())),
            Err(_) if name == "Asia/Shanghai" => Ok(Self::china()),
            Err(_) => Err(format!(
                "`{}` is no time zone that this machine knows; write for example \"Asia/Shanghai\"",
                clip(name)
            )),
        }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}
text_value!(TimeZone, "TimeZone");

/// A day: `"2026-11-22"`; in TOML also without the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub jiff::civil::Date);

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no day; write for example \"2026-11-22\"", clip(text));
        match text.len() {
            10 => text.parse().map(Self).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
text_value!(Day, "Day");

/// A time of day: `"23:00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub jiff::civil::Time);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no time of day; write for example \"23:00\"", clip(text));
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let part = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2);
        let (hour, minute) = (part(hour).ok_or_else(wrong)?, part(minute).ok_or_else(wrong)?);
        jiff::civil::Time::new(hour, minute, 0, 0).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}
text_value!(TimeOfDay, "TimeOfDay");

/// The beginning of a value, for a message.
pub(super) fn clip(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_in_their_largest_unit() {
        for (text, millis, shown) in [
            ("90s", 90_000, "90s"),
            ("5m", 300_000, "5m"),
            ("72h", 259_200_000, "72h"),
            ("1h30m", 5_400_000, "90m"),
            ("250ms", 250, "250ms"),
            ("1d", 86_400_000, "24h"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!((duration.get().as_millis(), duration.to_string().as_str()), (millis, shown));
        }
        for text in ["", "90", "s", "5 m", "-1s", "1.5h", "0s", "0h0m", "367d", "99999999999999999999s", "1é"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_and_times_of_day_are_read_as_they_are_written() {
        assert_eq!("2026-11-22".parse::<Day>().unwrap().to_string(), "2026-11-22");
        assert_eq!("23:05".parse::<TimeOfDay>().unwrap().to_string(), "23:05");
        assert!(["2026-02-30", "22.11.2026", "2026-11-22T08:00:00", ""].iter().all(|day| day.parse::<Day>().is_err()));
        assert!(["24:00", "7:00", "23:60", "2300", "-1:00"].iter().all(|at| at.parse::<TimeOfDay>().is_err()));
    }

    #[test]
    fn sizes_and_rates_reject_nothing_and_nonsense() {
        assert_eq!("10MiB".parse::<ByteSize>().unwrap(), ByteSize::mib(10));
        assert_eq!("10 MiB".parse::<ByteSize>().unwrap().to_string(), "10MiB");
        assert_eq!("1500kB".parse::<ByteSize>().unwrap().bytes(), 1_500_000);
        for text in ["", "10", "0MiB", "MiB", "10mib", "2000GiB", "-1B"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for text in ["20/s", "30/m", "off"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "0/s", "20", "20/h", "+2/s", "x/s", "9999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
