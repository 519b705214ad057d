use super::*;
use jiff::{SignedDuration, civil::date, tz::TimeZone};

fn span() -> Span {
    Span {
        from: date(2026, 11, 1),
        to: date(2026, 11, 30),
        within: SignedDuration::from_mins(30),
        zone: TimeZone::get("Asia/Shanghai").unwrap(),
    }
}

fn at(minute: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-10T12:00:00+08:00".parse().unwrap();
    noon + SignedDuration::from_mins(minute)
}

fn row(place: &str, id: Option<&str>, minute: i64, phone: Option<&str>, content: &str) -> Row {
    Row {
        place: place.into(),
        ids: id.iter().map(ToString::to_string).collect(),
        times: vec![at(minute)],
        phone: phone.map(str::to_owned),
        content: Some(content.into()),
        ..Row::default()
    }
}

fn verdicts(there: Vec<Row>, here: Vec<Row>) -> Vec<(String, String, String)> {
    let place = |row: &Option<Row>| row.as_ref().map_or("-".into(), |row| row.place.clone());
    let told = |one: &Comparison| match &one.verdict {
        Verdict::Different(fields) => fields.iter().map(|one| one.field).collect::<Vec<_>>().join("+"),
        other => format!("{other:?}"),
    };
    compare(there, here, &span()).iter().map(|one| (place(&one.there), place(&one.here), told(one))).collect()
}

fn told(there: &str, here: &str, verdict: &str) -> (String, String, String) {
    (there.into(), here.into(), verdict.into())
}

#[test]
fn the_number_decides_whatever_the_rest_says() {
    let there =
        vec![row("1", Some("A-1"), 0, Some("13800138000"), "路灯坏了"), row("2", Some("A-2"), 0, None, "井盖丢失")];
    let here = vec![
        row("h2", Some("a-2 "), 900, None, "井盖丢失"),
        row("h1", Some("A-1"), 0, Some("13900139000"), "路灯 坏了。"),
    ];
    assert_eq!(verdicts(there, here), [told("1", "h1", "phone"), told("2", "h2", "Matched")]);
}

#[test]
fn without_a_number_telephone_time_and_words_find_the_pair_and_the_best_pair_wins() {
    let lamp = "嘉州大道的路灯坏了三天，晚上很黑";
    let there = vec![
        row("1", None, 0, Some("+86 138-0013-8000"), lamp),
        row("2", None, 1, None, "小区停水两天了没有人管"),
        row("3", None, 2, Some("13700137000"), "学校门口车辆乱停乱放"),
        row("4", None, 200, Some("13800138000"), lamp),
    ];
    let here = vec![
        row("h1", None, 5, Some("13800138000"), "嘉州大道的路灯坏了三天，晚上很黑！"),
        row("h2", None, 9, Some("13600136000"), "小区停水两天了，没有人管"),
        row("h3", None, 9, Some("13700137001"), "学校门口车辆乱停乱放"),
        row("h4", None, 9, Some("13500135000"), "工地夜间施工噪声很大"),
    ];
    assert_eq!(
        verdicts(there, here),
        [
            told("1", "h1", "Matched"),
            told("2", "h2", "Matched"),
            told("3", "h3", "phone"),
            told("4", "-", "MissingHere"),
            told("-", "h4", "MissingThere"),
        ]
    );
}

#[test]
fn rows_of_other_days_are_found_but_not_missed() {
    let edge = Row {
        times: vec!["2026-10-31T23:59:50+08:00".parse().unwrap()],
        ..row("1", None, 0, Some("13800138000"), "路灯坏了三天")
    };
    let pair = Row {
        times: vec!["2026-11-01T00:00:05+08:00".parse().unwrap()],
        ..row("h", None, 0, Some("13800138000"), "路灯坏了三天")
    };
    let alone = Row { times: edge.times.clone(), ..row("2", None, 0, Some("13900139000"), "井盖丢失") };
    assert_eq!(verdicts(vec![edge, alone], vec![pair]), [told("1", "h", "Matched")]);
}

#[test]
fn a_time_that_was_said_is_compared_and_one_of_receipt_is_not() {
    let mut said = row("h", Some("A"), 0, None, "x");
    said.times = vec![at(60), at(0)];
    assert_eq!(verdicts(vec![row("1", Some("A"), 0, None, "x")], vec![said]), [told("1", "h", "time")]);
    let late = row("h", Some("A"), 60 * 24, None, "x");
    assert_eq!(verdicts(vec![row("1", Some("A"), 0, None, "x")], vec![late]), [told("1", "h", "Matched")]);
}
