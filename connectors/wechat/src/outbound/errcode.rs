//! The platform's error codes (全局返回码), each with what to do next. HTTP says 200 for all of them.

use crate::quota::Room;
use jiesu_connector::Failure;
use jiff::{Timestamp, ToSpan, tz};
use std::{net::IpAddr, time::Duration};

/// The account's own faults are looked at by people: trying every second would not help.
const WHILE_PEOPLE_LOOK: Duration = Duration::from_secs(600);

/// What a code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is done.
    Done,
    /// The token is bad: get another one, once.
    Renew,
    /// The citizen cannot be written to freely now: a notice may still pass. [`Room::Late`] or [`Room::Spent`].
    Window(Room, Failure),
    /// Anything else.
    Fail(Failure),
}

/// What `code` asks for. `message` is the platform's `errmsg`.
pub fn action(code: i64, message: &str, now: Timestamp) -> Action {
    let why = |words: &str| format!("{code} {words}");
    let refused = |words: &str| Action::Fail(Failure::Refused { why: why(words) });
    let retry = |after, words: &str| Action::Fail(Failure::Retry { after, why: why(words) });
    match code {
        0 => Action::Done,
        40001 | 40014 | 42001 => Action::Renew,
        -1 => retry(None, "the platform is busy"),
        45009 => retry(Some(until_tomorrow(now)), "the account's calls for today are used up"),
        45011 => retry(Some(Duration::from_secs(60)), "too many calls this minute"),
        45015 => Action::Window(
            Room::Late,
            Failure::Refused {
                why: why("the citizen's last message is too long ago (48 hours), or they left the account"),
            },
        ),
        45047 => Action::Window(
            Room::Spent,
            Failure::Refused { why: why("the messages that may follow the citizen's last one are used up") },
        ),
        40013 => retry(Some(WHILE_PEOPLE_LOOK), "app_id is not known to the platform"),
        40125 => retry(Some(WHILE_PEOPLE_LOOK), "app_secret is wrong: copy it again from the account's console"),
        40164 => {
            let address = named_address(message).map_or_else(|| "of this gateway".to_owned(), |ip| ip.to_string());
            let words = format!(
                "the address {address} is not on the account's IP whitelist (IP 白名单): add it in the console"
            );
            retry(Some(WHILE_PEOPLE_LOOK), &words)
        }
        40003 => refused("the openid is not one of this account"),
        40007 => refused("the media is gone, or was never there"),
        40037 | 47001 | 47003 => refused(&format!("the template or its data is wrong: {}", clip(message))),
        43004 => refused("the citizen does not follow the account"),
        43101 => refused("the citizen did not agree to this notice"),
        45002 => refused("the text is too long"),
        48001 | 48004 | 50002 => refused("the account may not use this call"),
        // The platform's range for what the caller did; anything else may pass.
        40000..=49999 => refused(&clip(message)),
        _ => retry(None, &clip(message)),
    }
}

/// The address that an error 40164 names: `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`.
fn named_address(message: &str) -> Option<IpAddr> {
    message.split([' ', ',']).find_map(|word| word.parse().ok())
}

/// Quotas begin anew at midnight in China.
fn until_tomorrow(now: Timestamp) -> Duration {
    let local = now.to_zoned(tz::TimeZone::fixed(tz::offset(8)));
    let tomorrow = local.start_of_day().and_then(|day| day.checked_add(1.day()));
    let left = tomorrow.map(|tomorrow| tomorrow.timestamp().duration_since(now));
    left.ok().and_then(|left| left.try_into().ok()).unwrap_or(Duration::from_secs(3_600))
}

fn clip(message: &str) -> String {
    message.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_action() {
        let now: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
        let kind = |code| match action(code, "", now) {
            Action::Done => "done",
            Action::Renew => "renew",
            Action::Window(..) => "window",
            Action::Fail(Failure::Retry { after: None, .. }) => "retry",
            Action::Fail(Failure::Retry { after: Some(_), .. }) => "wait",
            Action::Fail(_) => "refused",
        };
        for (expected, codes) in [
            ("done", &[0][..]),
            ("renew", &[40001, 40014, 42001]),
            ("window", &[45015, 45047]),
            ("retry", &[-1, 61024, 99999]),
            ("wait", &[45009, 45011, 40013, 40125, 40164]),
            ("refused", &[40003, 40007, 40037, 43004, 43101, 45002, 47001, 47003, 48001, 48004, 40241]),
        ] {
            for code in codes {
                assert_eq!(kind(*code), expected, "{code}");
            }
        }
    }

    #[test]
    fn a_daily_quota_waits_until_midnight_in_china() {
        assert_eq!(until_tomorrow("2026-11-22T15:59:00Z".parse().unwrap()), Duration::from_secs(60));
        assert_eq!(until_tomorrow("2026-11-22T16:00:00Z".parse().unwrap()), Duration::from_secs(86_400));
    }

    #[test]
    fn a_blocked_address_is_named() {
        let message = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1";
        let Action::Fail(failure) = action(40164, message, Timestamp::UNIX_EPOCH) else { panic!() };
        assert!(failure.to_string().starts_with("40164 the address 203.0.113.7 is not on"), "{failure}");
    }
}
