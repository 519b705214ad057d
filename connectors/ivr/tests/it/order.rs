//! Any permutation, with any repetitions, of a call's events gives the same one appeal.

use crate::channel;
use jiesu_connector::{Appeal, Contact, Parts, Raw};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

fn raw(event: &Value) -> Raw {
    Raw { media_type: "application/json".into(), meta: Default::default(), body: event.to_string().into() }
}

fn event(kind: &str, second: u32, more: Value) -> Value {
    let mut event = json!({ "id": format!("{kind}-{second}"), "call": "c-1", "type": kind,
        "at": format!("2026-11-22T08:00:{second:02}+08:00") });
    more.as_object().unwrap().iter().for_each(|(key, value)| event[key] = value.clone());
    event
}

/// A call with everything.
fn call() -> Vec<Value> {
    vec![
        event("started", 0, json!({ "caller": "13900000000", "called": "12345" })),
        event("menu", 1, json!({ "digits": "2" })),
        event("menu", 2, json!({ "digits": "1" })),
        event("recording", 3, json!({ "recording": { "url": "https://rec.example/a.mp3", "seconds": 35 } })),
        event("transcript", 4, json!({ "text": "嘉州大道 123 号路灯坏了" })),
        event("transcript", 5, json!({ "text": "三天了没人来" })),
        event("ended", 6, json!({ "seconds": 61, "reason": "hangup" })),
        event("satisfaction", 7, json!({ "score": 4 })),
    ]
}

fn json_channel() -> Parts {
    channel(json!({ "dialect": "json", "secret": "env:SECRET",
        "digits": { "1": { "kind": "complaint" }, "21": { "category": "0503" }, "12": { "category": "0601" } } }))
}

fn gather(parts: &Parts, events: &[Raw]) -> Appeal {
    let raws: Vec<&Raw> = events.iter().collect();
    parts.parser.gather(&raws).unwrap()
}

/// What is there and what is lacking, as the store adds it up.
fn facts(parts: &Parts, events: &[Raw]) -> (u32, u32) {
    let contacts: Vec<Contact> = events.iter().map(|raw| parts.parser.contact(raw).unwrap()).collect();
    assert!(contacts.iter().all(|contact| contact.name == contacts[0].name), "one call");
    contacts.iter().fold((0, 0), |(brings, expects), one| (brings | one.brings, expects | one.expects))
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(of - 1);
    shorter
        .iter()
        .flat_map(|order| {
            (0..of).map(|place| {
                let mut order = order.clone();
                order.insert(place, of - 1);
                order
            })
        })
        .collect()
}

#[test]
fn every_order_of_a_call_s_events_gives_the_same_appeal() {
    let parts = json_channel();
    // All orders of six events that matter to each other; the others vary below.
    let events: Vec<Raw> =
        call().iter().filter(|event| event["id"] != "transcript-5" && event["id"] != "menu-1").map(raw).collect();
    let expected = gather(&parts, &events);
    let all = permutations(events.len());
    assert_eq!(all.len(), 720);
    for order in all {
        let shuffled: Vec<Raw> = order.iter().map(|place| events[*place].clone()).collect();
        assert_eq!(gather(&parts, &shuffled), expected, "{order:?}");
        assert_eq!(facts(&parts, &shuffled), facts(&parts, &events));
    }
}

proptest! {
    #[test]
    fn shuffled_and_repeated_a_call_is_the_same(
        order in Just((0..call().len()).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec((any::<Index>(), any::<Index>()), 0..12),
    ) {
        let parts = json_channel();
        let events: Vec<Raw> = call().iter().map(raw).collect();
        let expected = gather(&parts, &events);
        prop_assert_eq!(expected.category.as_deref(), Some("0503"), "keys count in the order in which they were pressed");
        let mut shuffled: Vec<Raw> = order.iter().map(|place| events[*place].clone()).collect();
        for (which, place) in again {
            let event = events[which.index(events.len())].clone();
            shuffled.insert(place.index(shuffled.len() + 1), event);
        }
        prop_assert_eq!(gather(&parts, &shuffled), expected);
        prop_assert_eq!(facts(&parts, &shuffled), facts(&parts, &events));
    }
}

#[test]
fn whoever_leans_on_a_key_does_not_push_the_words_out() {
    let parts = json_channel();
    let mut events: Vec<Raw> = (0..5_000)
        .map(|press| raw(&event("menu", 1, json!({ "id": format!("press-{press}"), "digits": "9" }))))
        .collect();
    events.extend(call().iter().map(raw));
    let appeal = gather(&parts, &events);
    assert_eq!(appeal.content, "嘉州大道 123 号路灯坏了\n三天了没人来");
    assert!(appeal.transcript.len() < 120, "{}", appeal.transcript.len());
}

#[test]
fn a_call_is_complete_when_it_has_ended_and_nothing_is_lacking() {
    let parts = json_channel();
    let events: Vec<Raw> = call().iter().map(raw).collect();
    let lacks = |events: &[Raw]| {
        let (brings, expects) = facts(&parts, events);
        expects & !brings
    };
    assert_eq!(lacks(&events), 0);
    assert_ne!(lacks(&events[..6]), 0, "its end");
    assert_ne!(lacks(&events[1..]), 0, "its beginning");
    let silent = [events[0].clone(), raw(&event("ended", 6, json!({ "reason": "hangup" })))];
    assert_ne!(lacks(&silent), 0, "anything that was said");
    let given_up = [events[0].clone(), raw(&event("ended", 6, json!({ "reason": "abandoned" })))];
    assert_eq!(lacks(&given_up), 0, "nobody said anything, and nothing will come");
    let wants_both =
        channel(json!({ "dialect": "json", "secret": "env:SECRET", "expect": ["recording", "transcript"] }));
    let without_words = [0, 3, 6].map(|place| events[place].clone());
    let (brings, expects) = facts(&wants_both, &without_words);
    assert_ne!(expects & !brings, 0, "its words");
}

#[test]
fn what_becomes_of_a_call_without_words_is_policy() {
    let of = |policy: Value, reason: Option<&str>, pressed: bool| {
        let mut config = json!({ "dialect": "json", "secret": "env:SECRET" });
        policy.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
        let mut events = vec![raw(&event("started", 0, json!({ "caller": "anonymous" })))];
        events.extend(pressed.then(|| raw(&event("menu", 1, json!({ "digits": "1" })))));
        events.extend(reason.map(|reason| raw(&event("ended", 2, json!({ "reason": reason })))));
        let appeal = gather(&channel(config), &events);
        assert_eq!(appeal.appellant.phone, None);
        (appeal.note.is_none(), appeal.flags.contains(&"callback".to_owned()), appeal.title)
    };
    let (ticket, flagged, title) = of(json!({}), Some("abandoned"), false);
    assert!(ticket && flagged && title.as_deref() == Some("漏接回拨"), "{title:?}");
    assert!(of(json!({}), Some("failed"), false).0);
    assert!(of(json!({}), None, false).0, "nobody knows how it ended");
    assert!(of(json!({}), Some("hangup"), true).0, "who pressed a key wanted something");
    assert!(!of(json!({}), Some("hangup"), false).0);
    assert!(!of(json!({}), Some("transferred"), false).0);
    assert!(of(json!({ "silent": "callback" }), Some("hangup"), false).0);
    assert!(!of(json!({ "missed": "note" }), Some("abandoned"), false).0);
    // Nobody but us has heard Twilio's callers.
    let twilio = |more: Value| {
        let mut config = json!({ "dialect": "twilio", "auth_token": "env:TOKEN" });
        more.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
        let form = "CallSid=CA1&From=anonymous&To=12345&CallStatus=completed&CallDuration=4";
        let media_type = "application/x-www-form-urlencoded".into();
        let ended = Raw { media_type, meta: [("step".to_owned(), "/status".to_owned())].into(), body: form.into() };
        gather(&channel(config), &[ended]).note.is_none()
    };
    assert!(twilio(json!({})) && !twilio(json!({ "silent": "note" })));
}
