//! Exports of legacy hotlines: each good row is one ticket and each bad row is told, whatever happens midway.

use crate::harness::{Gateway, Site, TOKEN, eventually, get, post, random, seconds, setting, until};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

const COLUMNS: &str = "工单编号,联系人,联系电话,诉求内容,事发地点,受理时间";

/// A watched folder of a site.
fn watched(site: &mut Site) -> PathBuf {
    let folder = site.data.with_file_name("exports");
    fs::create_dir_all(&folder).unwrap();
    site.set("channels.old.type", "files");
    site.set("channels.old.hotline", "12345");
    site.set("channels.old.watch", folder.display().to_string());
    site.set("channels.old.settle", "1s");
    folder
}

/// Moves `bytes` into the folder in one step.
fn dropped(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(format!("{name}.part")), bytes).unwrap();
    fs::rename(folder.join(format!("{name}.part")), folder.join(name)).unwrap();
}

fn row(name: &str, number: usize) -> String {
    let phone = 13_000_000_000 + number + name.len() * 100_000_000;
    format!("{name}-{number},张三,{phone},{},嘉州大道 {number} 号,2026-11-22 08:00", content(name, number))
}

fn content(name: &str, number: usize) -> String {
    format!("{name} 第 {number} 条：路灯不亮")
}

/// Every seventh row is broken, each in one of four ways.
fn broken(number: usize) -> bool {
    number.is_multiple_of(7)
}

fn csv(name: &str, rows: usize) -> Vec<u8> {
    let mut bytes = encoding_rs::GB18030.encode(COLUMNS).0.into_owned();
    bytes.extend(b"\r\n");
    for number in 1..=rows {
        let good = row(name, number);
        match number % 28 {
            7 => bytes.extend([good.replace(',', ";").as_bytes(), &[0x81]].concat()),
            14 => bytes.extend(
                &*encoding_rs::GB18030
                    .encode(&good.replace("路灯", "\"路灯").replace(&format!(",{name} 第"), &format!(",\"{name} 第")))
                    .0,
            ),
            21 => bytes.extend(&*encoding_rs::GB18030.encode(&format!("{name}-{number},李四")).0),
            0 => bytes.extend(&*encoding_rs::GB18030.encode(&good.replace(&content(name, number), " ")).0),
            // Commas, quotes and line ends in quotes are no fault.
            1 => bytes.extend(
                &*encoding_rs::GB18030
                    .encode(
                        &good
                            .replace("：路灯不亮", "：路灯不亮\"")
                            .replace(&format!(",{name} 第"), &format!(",\"{name} 第")),
                    )
                    .0,
            ),
            _ => bytes.extend(&*encoding_rs::GB18030.encode(&good).0),
        }
        bytes.extend(b"\r\n");
    }
    bytes
}

fn python(script: &str, arguments: &[&str]) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/python");
    let status = Command::new(python).arg("-c").arg(script).args(arguments).status().unwrap();
    assert!(status.success(), "make setup installs openpyxl");
}

/// A workbook by a writer that is not ours, with a title over the table, dates as dates and telephones as numbers.
const WORKBOOK: &str = r#"
import sys, datetime
from openpyxl import Workbook
out, name, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
book = Workbook(write_only=True)
sheet = book.create_sheet("诉求")
sheet.append(["2026 年诉求登记表"])
sheet.append("工单编号,联系人,联系电话,诉求内容,事发地点,受理时间".split(","))
for i in range(1, rows + 1):
    words = None if i % 7 == 0 else f"{name} 第 {i} 条：路灯不亮"
    sheet.append([f"{name}-{i}", "李四", 17000000000 + i, words, f"=HYPERLINK(\"{i}\")", datetime.datetime(2026, 11, 22, 8, 0)])
book.save(out)
"#;

/// The tickets of each content, as the core hears of them.
#[derive(Clone, Default)]
struct Tickets(Arc<Mutex<HashMap<String, HashSet<String>>>>);

impl Tickets {
    fn of(site: &Site) -> Self {
        let tickets = Self::default();
        let seen = tickets.0.clone();
        site.core.witness(move |delivery| {
            assert_eq!(delivery.signature, Ok(()), "{}", delivery.id);
            if delivery.kind() == "ticket.created" {
                let mut seen = seen.lock().unwrap();
                seen.entry(delivery.content().to_owned()).or_default().insert(delivery.subject().to_owned());
            }
        });
        tickets
    }

    async fn all_once(&self, name: &str, rows: usize, within: u64) {
        let mut good: Vec<String> = (1..=rows).filter(|row| !broken(*row)).map(|row| content(name, row)).collect();
        let count = good.len();
        until(&format!("{count} rows of {name} at the core"), seconds(within), || {
            let seen = self.0.lock().unwrap();
            while good.pop_if(|content| seen.contains_key(content)).is_some() {}
            good.is_empty().then_some(())
        })
        .await;
        let seen = self.0.lock().unwrap();
        let own = seen.iter().filter(|(content, _)| content.starts_with(&format!("{name} ")));
        let own: Vec<_> = own.inspect(|(content, tickets)| assert_eq!(tickets.len(), 1, "{content}")).collect();
        assert_eq!(own.len(), count, "and nothing else");
    }
}

/// The rows in a reject file, which opens with the row's line and a reason.
fn rejected(file: &Path) -> usize {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    assert!(lines.next().unwrap().starts_with("line,reason,工单编号"), "{text}");
    let told = lines.map(|line| {
        let (line, rest) = line.split_once(',').unwrap();
        assert!(line.parse::<u64>().is_ok() && rest.len() > 10, "{line},{rest}");
    });
    told.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_read_through_five_kills_make_each_row_once() {
    let rows = setting("JIESU_TEST_ROWS", 2_800);
    let mut site = Site::new().await;
    let folder = watched(&mut site);
    dropped(&folder, "old.csv", &csv("甲", rows));
    let book = folder.join("new.xlsx.part");
    python(WORKBOOK, &[&book.display().to_string(), "乙", &rows.to_string()]);
    fs::rename(&book, folder.join("new.xlsx")).unwrap();
    let (mut most, tickets) = (0, Tickets::of(&site));
    let mut gateway: Gateway = site.start().await;
    for _ in 0..5 {
        let before = site.core.count();
        let some = 1 + usize::try_from(random(rows as u64 / 4)).unwrap();
        // Midway, if there is a midway left.
        until("some rows at the core", seconds(120), || {
            most = most.max(gateway.memory());
            let through = site.core.count() >= (rows - rows / 7) * 2;
            (through || site.core.count() >= before + some.min(rows / 8)).then_some(())
        })
        .await;
        gateway.kill();
        gateway = site.start().await;
    }
    let done = folder.join("done");
    until("both files put away", seconds(60 + rows as u64 / 50), || {
        most = most.max(gateway.memory());
        (done.join("old.csv").exists() && done.join("new.xlsx").exists()).then_some(())
    })
    .await;
    until("every good row at the core", seconds(60 + rows as u64 / 50), || {
        most = most.max(gateway.memory());
        (site.core.count() >= 2 * (rows - rows / 7)).then_some(())
    })
    .await;
    tickets.all_once("甲", rows, 60).await;
    tickets.all_once("乙", rows, 60).await;
    assert_eq!(rejected(&done.join("old.csv.rejected.csv")), rows / 7);
    assert_eq!(rejected(&done.join("new.xlsx.rejected.csv")), rows / 7);
    println!("{} rows twice; {} MiB at most", rows, most >> 20);
    assert!(most < 300 << 20, "{} MiB", most >> 20);
    let left: Vec<_> = fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_imported_once_beside_a_gateway_and_without() {
    let mut site = Site::new().await;
    site.set("channels.old.type", "files");
    site.set("channels.old.hotline", "12345");
    let file = site.data.with_file_name("export.csv");
    fs::write(&file, csv("丙", 280)).unwrap();
    let path = file.display().to_string();
    // Without a gateway, killed at some moment.
    let mut killed =
        site.command("import", &["old", &path]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(random(400))).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let said = |output: std::process::Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let mut again = site.command("import", &["old", &path]);
    let (code, text) = said(tokio::task::spawn_blocking(move || again.output().unwrap()).await.unwrap());
    assert!(code == Some(0) && text.contains("280 rows") && text.contains("40 rejected"), "{code:?} {text}");
    let tickets = Tickets::of(&site);
    let gateway = site.start().await;
    tickets.all_once("丙", 280, 60).await;
    // The next export has the same rows and some more.
    fs::write(&file, csv("丙", 350)).unwrap();
    let (code, text) = said(site.run_beside(&gateway, "import", &["old", &path]).await);
    assert!(code == Some(0) && text.contains("60 new, 240 known, 0 skipped, 50 rejected"), "{code:?} {text}");
    let (code, text) = said(site.run_beside(&gateway, "import", &["old", &path]).await);
    assert!(code == Some(0) && text.contains("0 new, 300 known"), "{code:?} {text}");
    tickets.all_once("丙", 350, 60).await;
    assert_eq!(rejected(&file.with_file_name("export.csv.rejected.csv")), 50);
    let day = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(day["balanced"], true, "{day}");
    for (arguments, expected) in [
        (["old", "missing.csv"], "cannot be opened"),
        (["nothing", "missing.csv"], "there is no channel \"nothing\""),
        (["app", "missing.csv"], "of type api"),
    ] {
        let (code, text) = said(site.run_beside(&gateway, "import", &arguments).await);
        assert!(code == Some(1) && text.contains(expected), "{code:?} {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_read_hold_up_nothing() {
    let mut site = Site::new().await;
    let (folder, tickets) = (watched(&mut site), Tickets::of(&site));
    let gateway = site.start().await;
    dropped(&folder, "empty.csv", b"");
    dropped(&folder, "old.xls", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    dropped(&folder, "no-content.csv", b"a,b\n1,2\n");
    dropped(&folder, "torn.xlsx", b"PK\x03\x04 and nothing more");
    fs::write(folder.join("unfinished.csv.part"), csv("丁", 7)).unwrap();
    let bomb = folder.join("bomb.xlsx.part");
    python(BOMB, &[&bomb.display().to_string()]);
    fs::rename(&bomb, folder.join("bomb.xlsx")).unwrap();
    dropped(&folder, "good.csv", &csv("戊", 70));
    gateway.accept("beside", "同时的一条").await;
    tickets.all_once("戊", 70, 60).await;
    for (name, reason) in [
        ("empty.csv", "the file is empty"),
        ("old.xls", "save it as .xlsx"),
        ("no-content.csv", "no column is known"),
        ("torn.xlsx", "no whole XLSX"),
        ("bomb.xlsx", "swells beyond measure"),
    ] {
        let told = folder.join("failed").join(format!("{name}.reason.txt"));
        let text = until(name, seconds(120), || fs::read_to_string(&told).ok().filter(|text| !text.is_empty())).await;
        assert!(text.contains(reason), "{name}: {text}");
        assert!(folder.join("failed").join(name).exists(), "{name}");
    }
    assert!(gateway.memory() < 300 << 20, "{} MiB", gateway.memory() >> 20);
    assert!(folder.join("unfinished.csv.part").exists(), "still being written");
    fs::rename(folder.join("unfinished.csv.part"), folder.join("finished.csv")).unwrap();
    eventually("the finished one", seconds(60), async || folder.join("done/finished.csv").exists().then_some(())).await;
    assert!(gateway.log().contains("a file could not be read"), "operators hear of it");
    assert!(!gateway.log().contains("路灯"), "and of nobody's words");
}

/// A cell of 400 MiB in some hundred KiB.
const BOMB: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as book:
    book.writestr("xl/workbook.xml", '<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>')
    book.writestr("xl/_rels/workbook.xml.rels", '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>')
    with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
        sheet.write(b'<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>')
        for _ in range(400):
            sheet.write(b"A" * (1 << 20))
"#;

/// Rows of one citizen, of the same words: each was a work order there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_say_the_same_are_tickets_of_their_own_and_name_the_first() {
    let mut site = Site::new().await;
    for channel in ["old", "counting"] {
        site.set(&format!("channels.{channel}.type"), "files");
    }
    site.set("channels.counting.repeats", "count");
    let gateway = site.start().await;
    let say = "人民路三号小区门口路灯坏了，晚上看不见路，请尽快维修";
    let import = |name: &str, phone: &str| {
        let rows = (1..=40).map(|row| format!("{name}-{row},{phone},{say}\n")).collect::<String>();
        site.write(&format!("{name}.csv"), &format!("工单编号,联系电话,诉求内容\n{rows}")).display().to_string()
    };
    let (own, counted) = (import("old", "13800138000"), import("counting", "13900139000"));
    for (channel, file) in [("old", own), ("counting", counted)] {
        let output = site.run_beside(&gateway, "import", &[channel, &file]).await;
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let account = eventually("all rows accounted for", seconds(30), async || {
        let account = get(gateway.admin, "/api/v1/reconciliation").await.json();
        (account["total"]["pending"] == 0 && account["total"]["received"] == 80).then_some(account)
    })
    .await;
    let count = |channel: &str, what: &str| {
        let rows = account["rows"].as_array().unwrap().iter();
        rows.filter(|row| row["channel"] == channel).map(|row| row[what].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((count("old", "ticketed"), count("old", "repeat")), (40, 0), "{account}");
    assert_eq!((count("counting", "ticketed"), count("counting", "repeat")), (1, 39), "{account}");
    let of_citizen =
        |delivery: &&crate::harness::Delivery| delivery.event["data"]["ticket"]["appellant"]["phone"] == "13800138000";
    eventually("forty tickets and their counts", seconds(20), async || {
        (site.core.log().iter().filter(of_citizen).count() >= 79).then_some(())
    })
    .await;
    let log = site.core.in_order();
    let (created, others): (Vec<_>, Vec<_>) =
        log.iter().filter(of_citizen).partition(|delivery| delivery.kind() == "ticket.created");
    let first = created[0].subject();
    assert!(created[0].event["data"]["ticket"]["repeat"].is_null());
    for (place, delivery) in created.iter().enumerate().skip(1) {
        let repeat = &delivery.event["data"]["ticket"]["repeat"];
        assert_eq!((&repeat["of"], &repeat["count"]), (&json!(first), &json!(place + 1)), "{repeat}");
    }
    // Of the first, beside that another citizen joined it.
    let counts: Vec<_> = others.iter().filter(|delivery| delivery.kind() == "ticket.updated").collect();
    assert!(counts.len() == 39 && counts.iter().all(|delivery| delivery.subject() == first));
    assert_eq!(counts[38].event["data"]["change"]["repeat"]["new"]["count"], 40);
    // Whoever raises it anew by another channel is told of the first.
    let body = json!({ "content": say, "appellant": { "phone": "13800138000" } });
    assert_eq!(post(gateway.public, "/channels/app", Some(TOKEN), &body).await.status, 201);
    eventually("counted to the first", seconds(10), async || {
        let log = site.core.log();
        log.iter().any(|one| one.kind() == "ticket.repeated" && one.subject() == first).then_some(())
    })
    .await;
}

/// The old system writes its next export over the one that is being read, and adds lines to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_while_it_is_read_is_read_again() {
    let mut site = Site::new().await;
    let (folder, tickets) = (watched(&mut site), Tickets::of(&site));
    let gateway = site.start().await;
    let text = csv("己", 4_200);
    let half = text.len() / 2 + text[text.len() / 2..].windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    dropped(&folder, "replaced.csv", &csv("庚", 4_200));
    dropped(&folder, "growing.csv", &text[..half]);
    until("both are read", seconds(30), || (gateway.log().matches("a file is read").count() >= 2).then_some(())).await;
    fs::OpenOptions::new().append(true).open(folder.join("growing.csv")).unwrap().write_all(&text[half..]).unwrap();
    dropped(&folder, "replaced.csv", &csv("辛", 700));
    tickets.all_once("己", 4_200, 120).await;
    tickets.all_once("辛", 700, 120).await;
    let done = folder.join("done");
    until("both are put away", seconds(30), || {
        (done.join("growing.csv").exists() && done.join("replaced.csv").exists()).then_some(())
    })
    .await;
    assert_eq!(rejected(&done.join("growing.csv.rejected.csv")), 600);
    assert_eq!(fs::read(done.join("replaced.csv")).unwrap(), csv("辛", 700));
    assert!(gateway.log().contains("it is read again"), "{}", gateway.log());
}
