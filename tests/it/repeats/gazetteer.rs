//! A city that has written down its places: in a backtest, in the line, and when the file changes.

use super::{history::run, server::Redis, *};

const PLACES: &str = "[[places]]\nname = \"沙县\"\n\
    [[places]]\nname = \"阳光花园小区\"\naliases = [\"阳光花园\", \"大坪地块安置房\"]\nparent = \"沙县\"\n\
    [[places]]\nname = \"月光花园小区\"\naliases = [\"月光花园\"]\nparent = \"沙县\"\n";

fn lift(place: &str) -> String {
    format!("{place}的电梯又坏了，老人上不了楼，物业一直不来修，请派人来看看")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_knows_places_by_all_their_names_and_the_check_tells_what_is_wrong_with_them() {
    let mut site = Site::new().await;
    let places = ["阳光花园小区", "大坪地块安置房", "月光花园"];
    let lines: Vec<String> = (1..)
        .zip(places)
        .map(|(day, place)| {
            json!({ "id": day, "user": format!("u{day}"), "time": format!("2026-11-0{day}T08:00:00"), "subject": "",
                "text": lift(place) })
            .to_string()
        })
        .collect();
    let path = site.data.join("history.jsonl").display().to_string();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let bands = async |site: &mut Site| {
        let output = run(site, "backtest", &[&path]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let band = |line: &str| serde_json::from_str::<Value>(line).unwrap()["band"].as_str().unwrap().to_owned();
        String::from_utf8_lossy(&output.stdout).lines().map(band).collect::<Vec<_>>()
    };
    assert_ne!(bands(&mut site).await[1], "auto", "nobody knows that it is the same place");
    let file = site.data.join("places.toml");
    std::fs::write(&file, PLACES).unwrap();
    site.set("policy.gazetteer", file.display().to_string());
    assert_eq!(bands(&mut site).await, ["new", "auto", "new"]);
    let wrong = "[[places]]\nname = \"沙县\"\nparent = \"三明\"\n[[places]]\nname = \"虬城\"\naliases = [\"沙县\"]\n";
    std::fs::write(&file, wrong).unwrap();
    let output = run(&mut site, "check", &[]).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("places.toml") && told.contains("places[0].parent") && told.contains("places[1].aliases[0]"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_of_another_gazetteer_is_not_compared_with_and_the_new_one_is_filled() {
    let redis = Redis::start().await;
    let mut site = Site::new().await;
    site.set("repeats.url", redis.url());
    let mut gateway = site.start().await;
    let (first, _) = say(&gateway, "13800138000", &lift("阳光花园小区")).await;
    told(&site, "ticket.created", &first).await;
    gateway.terminate();
    assert!(gateway.ended(seconds(10)).await.success());
    let file = site.data.join("places.toml");
    std::fs::write(&file, PLACES).unwrap();
    site.set("policy.gazetteer", file.display().to_string());
    let gateway = site.start().await;
    let (second, _) = say(&gateway, "13900139000", &lift("大坪地块安置房")).await;
    told(&site, "ticket.joined", &second).await;
    assert_eq!(redis.ask(&["GET", "{jiesu:repeats:4}:n"]), "1", "what was read without it is left to expire");
    let (third, _) = say(&gateway, "13700137000", &lift("月光花园")).await;
    told(&site, "ticket.created", &third).await;
    assert!(ticket(&gateway, &third).await["incident"].is_null(), "another place");
}
