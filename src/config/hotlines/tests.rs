use super::*;
use jiff::civil::date;

#[test]
fn the_built_in_register_knows_the_usual_hotlines() {
    let register = Hotlines::parse(BUILT_IN).unwrap();
    assert_eq!(register, Hotlines::built_in());
    assert_eq!(register.get("12319").map(|hotline| hotline.name.as_str()), Some("城管热线"));
    assert_eq!(register.get("12366").map(|hotline| hotline.mode), Some(Mode::Subcentre));
    assert!(register.get("12345").is_some() && register.get("110").is_none());
    assert!(register.iter().count() >= 25);
}

#[test]
fn a_register_names_every_mistake_with_its_entry_and_key() {
    let text = r#"
        colour = "blue"
        [[hotlines]]
        code = "12319"
        name = "a"
        mode = "merged"
        subscriber = "nobody"
        [[hotlines]]
        code = "12345"
        name = ""
        mode = "absorbed"
        parallel_from = 2026-06-01
        absorbed_from = "2026-01-01"
        [[hotlines]]
        code = "12345"
        name = "b"
        mode = "absorbed"
        number_off_at = "2026-02-30"
        profile = "mars"
        [[hotlines]]
        code = "tax"
        name = "c"
        mode = "subcentre"
        region = "9999"
        parity_threshold = 98
        categories = { A1 = "05", A2 = "99" }
        columns = { numer = "编号" }
        [[hotlines]]
        name = "d"
        mod = "absorbed"
    "#;
    let (entries, mut faults) = Entries::read(text).unwrap();
    let known = Known { subscribers: vec!["tax"], profiles: vec!["leshan"], categories: vec!["05"] };
    faults.extend(entries.strangers(&known));
    let mut keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "colour",
            "hotlines[0].mode",
            "hotlines[0].subscriber",
            "hotlines[1].absorbed_from",
            "hotlines[1].name",
            "hotlines[2].code",
            "hotlines[2].number_off_at",
            "hotlines[2].profile",
            "hotlines[3].categories.A2",
            "hotlines[3].code",
            "hotlines[3].columns.numer",
            "hotlines[3].parity_threshold",
            "hotlines[3].region",
            "hotlines[4].code",
            "hotlines[4].mod",
            "hotlines[4].mode",
        ],
        "{faults:#?}"
    );
    let said = |key: &str| faults.iter().find(|(at, _)| at == key).unwrap().1.as_str();
    let mode = r#""merged" is not known; it must be one of "absorbed", "parallel", "subcentre""#;
    assert_eq!(said("hotlines[0].mode"), mode);
    assert_eq!(said("hotlines[2].code"), "12345 is there twice, first as hotlines[1]; each hotline once");
    assert!(said("hotlines[0].subscriber").contains("known: tax"));
    assert!(said("hotlines[1].absorbed_from").contains("before `parallel_from`, 2026-06-01"));
}

#[test]
fn the_mode_follows_the_days_of_the_road() {
    let line = |keys: &str| {
        let text = format!("[[hotlines]]\ncode = \"12319\"\nname = \"a\"\n{keys}");
        Hotlines::parse(&text).unwrap().get("12319").unwrap().clone()
    };
    let road = line(
        "mode = \"absorbed\"\nparallel_from = 2026-03-01\nabsorbed_from = 2026-09-01\nnumber_off_at = 2027-01-01\nsubscriber = \"s\"",
    );
    let modes = [(2026, 2, 28), (2026, 3, 1), (2026, 8, 31), (2026, 9, 1), (2027, 1, 1)].map(|(year, month, day)| {
        let day = date(year, month, day);
        (road.stage_on(day), road.mode_on(day).as_str(), road.also_to(day))
    });
    assert_eq!(
        modes,
        [
            (Stage::Before, "parallel", Some("s")),
            (Stage::Under, "parallel", Some("s")),
            (Stage::Under, "parallel", Some("s")),
            (Stage::Under, "absorbed", None),
            (Stage::Off, "absorbed", None),
        ]
    );
    let day = date(2026, 11, 22);
    assert_eq!(line("mode = \"absorbed\"").mode_on(day), Mode::Absorbed);
    assert_eq!(line("mode = \"parallel\"").mode_on(day), Mode::Parallel);
    assert_eq!(line("mode = \"parallel\"\nabsorbed_from = 2026-11-22").mode_on(day), Mode::Absorbed);
    let branch = line("mode = \"subcentre\"\nabsorbed_from = 2026-11-23");
    assert_eq!((branch.mode_on(day), branch.mode_on(date(2026, 11, 23))), (Mode::Subcentre, Mode::Absorbed));
}

#[test]
fn a_line_below_its_threshold_is_not_absorbed_without_a_reason() {
    let line = |keys: &str| {
        let text = format!("[[hotlines]]\ncode = \"12319\"\nname = \"a\"\nparity_threshold = 0.98\n{keys}");
        Hotlines::parse(&text).unwrap()
    };
    let day = date(2026, 11, 22);
    let register = line("mode = \"absorbed\"");
    let refusal = register.get("12319").unwrap().refusal(day, 0.9).unwrap();
    assert!(refusal.contains("90.00 %") && refusal.contains("98.00 %") && refusal.contains("absorbed_reason"));
    register.hold("12319", 0.9);
    let held = register.get("12319").unwrap();
    assert_eq!((held.mode_on(day), held.refusal(day, 0.9).is_some()), (Mode::Parallel, true));
    assert_eq!(held.refusal(day, 0.98), None);
    register.clone().hold("12319", 0.98);
    assert_eq!(held.mode_on(day), Mode::Absorbed, "as soon as a comparison finds enough");
    for free in [
        "mode = \"parallel\"",
        "mode = \"absorbed\"\nabsorbed_reason = \"旧系统已停用\"",
        "mode = \"absorbed\"\nabsorbed_from = 2027-01-01",
    ] {
        assert_eq!(line(free).get("12319").unwrap().refusal(day, 0.9), None, "{free}");
    }
}
