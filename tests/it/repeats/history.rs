//! `jiesu backtest` and `jiesu train`: a history through the production code.

use super::{server::Redis, *};

/// A small history: each matter raised twice by one citizen and once by another.
fn history() -> String {
    let places = ["滨江花园", "凤凰家园", "锦绣小区", "翠竹苑", "阳光公寓", "金湖广场", "银杏小区", "海棠家园"];
    let matters = [
        ("路灯坏了没有人维修，晚上漆黑一片，老人出行很危险", "路灯一直不亮，夜里看不见路，请尽快维修路灯"),
        ("楼下烧烤店油烟直排，气味呛人，影响居民休息", "烧烤店的油烟直接排到居民楼，熏得睡不着，请管一管"),
    ];
    let mut lines = Vec::new();
    for (place, name) in places.iter().enumerate() {
        let (first, again) = matters[place % 2];
        let event = format!("E{place}");
        for (turn, (user, text)) in [("a", first), ("a", again), ("b", again)].iter().enumerate() {
            let text = format!("{name}小区门口{text}。");
            let line = json!({ "id": format!("{place}-{turn}"), "user": format!("{user}{place}"), "subject": format!("{name}的问题"),
                "time": format!("2026-11-{:02}T0{turn}:00:00", place + 1), "text": text, "event_id": event });
            lines.push(line.to_string());
        }
    }
    lines.join("\n") + "\n"
}

pub(super) async fn run(site: &mut Site, name: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = site.command(name, arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_gets_the_same_decisions_in_memory_and_in_redis() {
    let mut site = Site::new().await;
    let path = site.data.join("history.jsonl").display().to_string();
    std::fs::write(&path, history()).unwrap();
    let in_memory = run(&mut site, "backtest", &[&path, "--labels"]).await;
    let table = String::from_utf8_lossy(&in_memory.stderr).into_owned();
    assert!(in_memory.status.success() && table.contains("B-cubed"), "{table}");
    let picture = std::fs::read_to_string(site.data.join("history.svg")).unwrap();
    assert!(picture.starts_with("<svg"));
    let decisions: Vec<Value> =
        String::from_utf8_lossy(&in_memory.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(decisions.len(), 24);
    for (place, decision) in decisions.iter().enumerate() {
        let first = place % 3 == 0;
        assert_eq!(decision["match"].is_null(), first, "{decision}");
        assert_eq!(decision["band"], if first { "new" } else { "auto" }, "{decision}");
        for field in ["id", "cluster", "score", "reason", "kind", "category", "priority"] {
            assert!(!decision[field].is_null(), "{field}: {decision}");
        }
    }
    let redis = Redis::start().await;
    site.set("repeats.url", redis.url());
    // As a program under Windows writes it.
    std::fs::write(&path, format!("\u{feff}{}", history().replace('\n', "\r\n"))).unwrap();
    let in_redis = run(&mut site, "backtest", &[&path]).await;
    assert_eq!(String::from_utf8_lossy(&in_redis.stdout), String::from_utf8_lossy(&in_memory.stdout));
    assert_eq!(redis.ask(&["DBSIZE"]), "0", "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_broken_off_leaves_nothing_in_redis() {
    let mut site = Site::new().await;
    let redis = Redis::start().await;
    site.set("repeats.url", redis.url());
    let path = site.data.join("history.jsonl").display().to_string();
    let line = |at: usize| {
        let text = format!("{at} 号楼门口的路灯不亮，第 {} 次反映", at * 7 % 1_000);
        json!({ "id": at, "user": format!("u{at}"), "time": "2026-11-01T08:00:00", "subject": "", "text": text })
            .to_string()
    };
    std::fs::write(&path, (0..40_000).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let mut command = site.command("backtest", &[&path]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let key = eventually("something is in Redis", seconds(60), async || {
        let key = redis.ask(&["RANDOMKEY"]);
        key.starts_with("{jiesu:backtest:").then_some(key)
    })
    .await;
    // What a kill leaves does not stay for the year that is looked back.
    let life: i64 = redis.ask(&["TTL", &key]).parse().unwrap();
    assert!((1..=72 * 3600).contains(&life), "{key} lives for {life} s");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(1), "it is not through");
    assert_eq!(redis.ask(&["DBSIZE"]), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_city_trains_models_of_its_own_and_uses_them() {
    let mut site = Site::new().await;
    let directory = site.data.clone();
    let path = directory.join("history.jsonl").display().to_string();
    std::fs::write(&path, history()).unwrap();
    let labelled = directory.join("labelled.jsonl").display().to_string();
    let texts = ["路灯不亮", "路灯损坏", "油烟扰民", "油烟刺鼻"];
    let lines: Vec<String> = texts
        .iter()
        .map(|text| {
            json!({ "text": text, "label": if text.starts_with("路灯") { "城乡建设" } else { "环境保护" } }).to_string()
        })
        .collect();
    std::fs::write(&labelled, lines.join("\n")).unwrap();
    let out = directory.display().to_string();
    let train = |arguments: Vec<String>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jiesu"));
        command.arg("train").args(arguments);
        command.output().unwrap()
    };
    let trained = train(vec!["repeats".into(), path.clone(), "--out".into(), out.clone()]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let trained = train(vec!["categories".into(), labelled, "--out".into(), out.clone()]);
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    for (key, file) in [
        ("repeat_model", "repeats.model.json"),
        ("repeat_words", "repeats.words"),
        ("category_model", "categories.model"),
    ] {
        site.set(&format!("policy.{key}"), directory.join(file).display().to_string());
    }
    let output = run(&mut site, "backtest", &[&path]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 24);
    std::fs::write(directory.join("repeats.model.json"), "{}").unwrap();
    let output = run(&mut site, "check", &[]).await;
    assert_eq!(output.status.code(), Some(2), "a model that is none is told");
}
