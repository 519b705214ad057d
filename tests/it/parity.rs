//! Cut-over parity: every planted difference is found, and no other.

use crate::harness::{Gateway, Site, get, post_all, random, seconds, today};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write, path::Path};

const LINE: &str = "12319";
const REGISTER: &str = "[[hotlines]]\ncode = \"12319\"\nname = \"城管热线\"\nmode = \"absorbed\"\nparity_threshold = 0.95\n\
    columns = { time = \"上报时间\" }\n[[hotlines]]\ncode = \"12345\"\nname = \"便民热线\"\nmode = \"absorbed\"\n";

const WHERE: [&str; 12] = [
    "嘉州大道",
    "滨江路",
    "人民南路",
    "柏杨街",
    "凤凰路",
    "龙游路",
    "春华路",
    "白燕路",
    "瑞祥路",
    "青江路",
    "沙湾街",
    "通江路",
];
const WHAT: [&str; 12] = [
    "路灯不亮已经好几天了，晚上走路很危险",
    "井盖丢失，有人差点掉下去",
    "占道经营严重，早上堵得水泄不通",
    "夜间施工噪声扰民，孩子没法睡觉",
    "垃圾桶满了没有人清运，臭味很大",
    "共享单车乱停乱放，挡住了盲道",
    "行道树枯死，树枝随时会掉下来",
    "广告牌松动，刮风时摇摇晃晃",
    "下水道堵塞，污水流到街上",
    "油烟直排，楼上住户开不了窗",
    "违章搭建，占用了消防通道",
    "道路坑洼积水，电动车经常摔倒",
];

struct Case {
    id: String,
    phone: String,
    name: String,
    content: String,
    at: Timestamp,
}

fn cases(count: usize) -> Vec<Case> {
    let now = Timestamp::now();
    (0..count)
        .map(|n| Case {
            id: format!("CG{n:05}"),
            phone: format!("138{:08}", 10_000_000 + n * 7919),
            name: format!("{}某{n}", ["王", "李", "张", "刘"][n % 4]),
            content: format!("{} {} 号附近：{}（第 {n} 次巡查）", WHERE[n % 12], n * 3 + 1, WHAT[n / 12 % 12]),
            at: now - SignedDuration::from_secs((n as i64) * 45),
        })
        .collect()
}

/// As a spreadsheet would write it.
fn csv(rows: &[(Option<&str>, &Case, &str, &str)]) -> String {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let mut text = String::from("\u{feff}工单编号,上报时间,联系电话,姓名,诉求内容\r\n");
    for (id, case, phone, content) in rows {
        let at = case.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
        let _ = write!(text, "{},{at},{phone},{},\"{content}\"\r\n", id.unwrap_or_default(), case.name);
    }
    text
}

async fn parity(site: &mut Site, gateway: Option<&Gateway>, file: &Path, json: bool) -> (String, String) {
    let today = today();
    let (from, to) = (today.yesterday().unwrap().to_string(), today.to_string());
    let file = file.display().to_string();
    let mut arguments = vec![LINE, "--from", &from, "--to", &to, &file];
    arguments.extend(json.then_some("--json"));
    let output = match gateway {
        Some(gateway) => site.run_beside(gateway, "parity", &arguments).await,
        None => site.run_alone("parity", &arguments).await,
    };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_fifty_planted_differences_is_found_and_no_other() {
    let mut site = Site::new().await;
    site.write("hotlines.toml", REGISTER);
    let mut gateway = site.start().await;
    let all = cases(400);
    // The last fifteen are in the export only; half of the others came without their number in the old system.
    let bodies = all[..385].iter().enumerate().map(|(n, case)| {
        let mut body = json!({
            "hotline": LINE, "content": case.content, "occurred_at": case.at.to_string(),
            "appellant": { "name": case.name, "phone": case.phone },
        });
        if n % 2 == 0 {
            body["id"] = json!(case.id);
        }
        body
    });
    let numbers = post_all(gateway.public, bodies.collect(), 8).await;
    assert_eq!(numbers.len(), 385);
    site.core.has_all(&numbers, seconds(60)).await;

    // Fifty: 15 only there, 15 only here, 10 other telephones, 10 other words. Which ones, nobody chose.
    let start = random(80) as usize;
    let mut planted: BTreeSet<String> = all[385..].iter().map(|case| format!("there {}", case.content)).collect();
    let mut rows = Vec::new();
    let changed: Vec<(usize, String, String)> = (0..385)
        .map(|n| {
            let case = &all[n];
            match (n + 385 - start) % 385 {
                place if place < 100 && place % 10 == 0 => {
                    (n, format!("139{}", &case.phone[3..]), case.content.clone())
                }
                place if place < 100 && place % 10 == 5 => {
                    (n, case.phone.clone(), case.content.replace("附近", "门口"))
                }
                _ => (n, case.phone.clone(), case.content.clone()),
            }
        })
        .collect();
    for (n, phone, content) in &changed {
        let (case, place) = (&all[*n], (n + 385 - start) % 385);
        match place {
            100..250 if place % 10 == 0 => {
                planted.insert(format!("here {}", case.content));
                continue;
            }
            place if place < 100 && place % 10 == 0 => _ = planted.insert(format!("phone {}", case.content)),
            place if place < 100 && place % 10 == 5 => _ = planted.insert(format!("content {}", case.content)),
            _ => {}
        }
        // Some rows differ only as two programs write the same thing.
        rows.push((Some(case.id.as_str()), case, phone.as_str(), content.as_str()));
    }
    rows.extend(
        all[385..].iter().map(|case| (Some(case.id.as_str()), case, case.phone.as_str(), case.content.as_str())),
    );
    assert_eq!(planted.len(), 50);
    // What the old system has written twice is no finding.
    rows.extend([rows[7], rows[70]]);
    let text = csv(&rows).replace("（第", " (第").replace("次巡查）", "次巡查)");
    let file = site.write("old-system.csv", &text);

    let (said, _) = parity(&mut site, Some(&gateway), &file, true).await;
    let found: Value = serde_json::from_str(&said).unwrap();
    let mut told = BTreeSet::new();
    for finding in found["findings"].as_array().unwrap() {
        let here = finding["here"]["content"].as_str();
        let there =
            || finding["there"]["content"].as_str().unwrap().replace(" (第", "（第").replace("次巡查)", "次巡查）");
        match finding["verdict"].as_str() {
            Some("missing_here") => _ = told.insert(format!("there {}", there())),
            Some("missing_there") => _ = told.insert(format!("here {}", here.unwrap())),
            _ => {
                for difference in finding["verdict"]["different"].as_array().unwrap() {
                    told.insert(format!("{} {}", difference["field"].as_str().unwrap(), here.unwrap()));
                }
            }
        }
    }
    assert_eq!(told, planted);
    assert_eq!(
        (&found["matched"], &found["different"], &found["missing_here"], &found["missing_there"]),
        (&json!(350), &json!(20), &json!(15), &json!(15))
    );
    assert_eq!((&found["twice_in_export"], &found["unreadable"]), (&json!(2), &json!(0)));
    let picture = std::fs::read_to_string(site.data.with_file_name(found["picture"].as_str().unwrap())).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("350") && picture.trim_end().ends_with("</svg>"));

    // It is below the threshold: the declaration needs a reason, and until then the line is not absorbed.
    let output = site.run_beside(&gateway, "check", &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("12319") && said.contains("87.50 %") && said.contains("absorbed_reason"), "{said}");
    // At once: from now on it is a parallel line.
    let reply = gateway
        .appeal(&json!({ "hotline": LINE, "content": "比对之后的诉求", "occurred_at": "2026-01-01T08:00:00+08:00" }))
        .await;
    let after = reply.json()["number"].as_str().unwrap().to_owned();
    site.core.has_all([&after], seconds(10)).await;
    let ticket = get(gateway.admin, &format!("/api/v1/tickets/{after}")).await.json();
    assert_eq!(ticket["hotline"]["mode"], "parallel", "{ticket}");
    gateway.terminate();
    gateway.ended(seconds(15)).await;

    // The same without a gateway, as a table; and the last result without a file.
    let (table, _) = parity(&mut site, None, &file, false).await;
    assert!(table.contains("一致 350") && table.contains("符合率 87.50 %") && table.contains("未达到"), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("网关缺失")).count(), 15);
    assert!(!table.contains(&all[start % 385].phone), "telephones are masked on the screen");
    let output = site.run_alone("parity", &[LINE]).await;
    assert!(String::from_utf8(output.stdout).unwrap().contains("一致 350"));
    assert_eq!(site.run_alone("check", &[]).await.status.code(), Some(2));
    let gateway = site.start().await;
    assert!(gateway.log().contains("is not absorbed yet"), "{}", gateway.log());
    let held = gateway.accept("held", "并行期间的诉求").await;
    gateway.appeal(&json!({ "hotline": LINE, "content": "核对期间的诉求" })).await;
    site.core.has_all([&held], seconds(10)).await;
    let shown = String::from_utf8(site.run_beside(&gateway, "hotlines", &[]).await.stdout).unwrap();
    let line = shown.lines().find(|line| line.starts_with(LINE)).unwrap();
    assert!(line.contains("双号并行") && line.contains("87.50 %") && line.contains("暂不并入"), "{line}");
    drop(gateway);
    site.write(
        "hotlines.toml",
        &REGISTER
            .replace("parity_threshold = 0.95", "parity_threshold = 0.95\nabsorbed_reason = \"旧系统数据另行移交\""),
    );
    assert_eq!(site.run_alone("check", &[]).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_cannot_be_read_is_refused_with_what_would_be_right() {
    let mut site = Site::new().await;
    site.write("hotlines.toml", REGISTER);
    drop(site.start().await);
    let mut refused = async |text: &str, arguments: &[&str], expected: &str| {
        let file = site.write("export.csv", text).display().to_string();
        let arguments = [&[LINE, "--from", "2026-11-01", "--to", "2026-11-30"], arguments, &[&file]].concat();
        let output = site.run_alone("parity", &arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(expected), "{expected} in {said}");
    };
    refused("a,b\n1,2\n", &[], "上报时间").await;
    refused("上报时间,b\n2026-11-02 08:00,2\n", &[], "columns = { id").await;
    refused("上报时间,内容\n昨天,路灯\n", &[], "no time").await;
    let output = site.run_alone("parity", &["12399"]).await;
    assert!(String::from_utf8(output.stderr).unwrap().contains("known: 12319, 12345"));
}
