//! A city's merger: eighty-two lines in three modes, each with a sender of its own, in more than twenty formats, all at once.

mod formats;

use crate::{
    harness::{Core, Gateway, Site, eventually, get, python, request, seconds, until},
    hotlines::register,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use formats::{FORMATS, Format, Push, Written};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::task::JoinSet;
use toml::toml;

/// Messages of each sender.
const EACH: usize = 6;
/// Messages in a push that holds several, and rows that a second export has anew.
const SOME: usize = 3;

/// One message.
#[derive(Clone)]
pub struct Said {
    pub id: String,
    pub tel: u64,
    pub words: String,
}

/// Which of the lines this is, and its code.
#[derive(Clone)]
struct Sender {
    place: usize,
    line: String,
}

impl Sender {
    fn format(&self) -> &'static Format {
        &FORMATS[self.place % FORMATS.len()]
    }

    fn channel(&self) -> String {
        format!("line{}", self.line)
    }

    fn said(&self) -> Vec<Said> {
        let said = |number: usize| Said {
            id: format!("{}-{number}", self.line),
            tel: 13_000_000_000 + (self.place * 1_000 + number) as u64,
            words: format!("{}热线第{number}件：井盖丢失，“危险”<b>&amp;</b>", self.line)
                .replace(['<', '>', '&'], "、"),
        };
        (0..EACH).map(said).collect()
    }

    fn declare(&self, site: &mut Site, folders: &Path) -> Option<PathBuf> {
        let (id, format) = (format!("channels.{}", self.channel()), self.format());
        site.set(&format!("{id}.hotline"), self.line.clone());
        if !format.map.is_empty() {
            site.set(&format!("{id}.map"), format.map);
        }
        if let Written::File(..) | Written::Workbook(_) = format.written {
            let folder = folders.join(&self.line);
            fs::create_dir_all(&folder).unwrap();
            site.set(&format!("{id}.type"), "files");
            site.set(&format!("{id}.watch"), folder.display().to_string());
            site.set(&format!("{id}.settle"), "200ms");
            return Some(folder);
        }
        let table = match self.place % 6 {
            0 => {
                toml! { auth = { hmac_sha256 = { header = "X-Sign", secret = "a-secret-of-length", encoding = "sha256=hex" } } }
            }
            1 => toml! { auth = { basic = "user:password" } },
            2 => toml! { auth = { query = "key=value-of-length" } },
            3 => toml! { auth = { bearer = "token-of-length" } },
            4 => toml! { auth = { hmac_sha256 = { header = "X-Sign", secret = "a-secret-of-length" } } },
            _ => {
                toml! { auth = { hmac_sha256 = { header = "X-Sign", secret = "a-secret-of-length", encoding = "base64" } } }
            }
        };
        site.set(&format!("{id}.type"), "webhook");
        table.into_iter().for_each(|(key, value)| site.set(&format!("{id}.{key}"), value));
        if self.place.is_multiple_of(3) {
            site.set(&format!("{id}.reply"), toml! { content_type = "text/xml" body = "<ok>{numbers}</ok>" });
        }
        None
    }

    /// Sends a push as the line's system shows who it is.
    async fn push(&self, public: SocketAddr, push: &Push, secret: &str) -> (u16, String) {
        let signed = || {
            let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&push.body);
            mac.finalize().into_bytes()
        };
        let hex = || signed().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (mut query, mut headers) = (push.query.clone(), vec![("content-type", push.kind.to_owned())]);
        match (self.place % 6, secret == SECRET) {
            (0, _) => headers.push(("x-sign", format!("sha256={}", hex()))),
            (1, true) => headers.push(("authorization", format!("Basic {}", STANDARD.encode("user:password")))),
            (2, true) => query = [query, "key=value-of-length".into()].join("&"),
            (3, true) => headers.push(("authorization", "Bearer token-of-length".into())),
            (4, _) => headers.push(("x-sign", hex())),
            (5, _) => headers.push(("x-sign", STANDARD.encode(signed()))),
            _ => {}
        }
        headers.retain(|(_, value)| !value.is_empty());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let path = format!("/channels/{}?{query}", self.channel());
        let reply = request(public, push.method, path.trim_end_matches('?'), &headers, &push.body).await;
        (reply.status, reply.text())
    }

    /// Each push twice, as pushes come; and one from somebody else.
    async fn push_all(&self, public: SocketAddr) {
        let said = self.said();
        let pushes: Vec<Push> = match self.format().written {
            Written::Single(write) => said.iter().map(write).collect(),
            // The last one by itself: of one element no array is made.
            Written::Batch(write) => [&said[..SOME], &said[SOME..EACH - 1], &said[EACH - 1..]].map(write).into(),
            Written::File(..) | Written::Workbook(_) => return,
        };
        for push in &pushes {
            let (status, receipt) = self.push(public, push, SECRET).await;
            assert_eq!(status, 200, "{}: {receipt}", self.format().name);
            let again = self.push(public, push, SECRET).await;
            assert_eq!(again, (200, receipt), "{}: the first receipt again", self.format().name);
        }
        assert_eq!(self.push(public, &pushes[0], "another-secret").await.0, 401, "{}", self.format().name);
    }
}

const SECRET: &str = "a-secret-of-length";

/// Moves the first and, once that is through, the second of a sender's exports into its folder.
async fn drop_both(folder: PathBuf) {
    for name in ["first", "second"] {
        let mut found = fs::read_dir(folder.join(".ready")).unwrap().map(|entry| entry.unwrap().path());
        let file = found.find(|path| path.file_stem().is_some_and(|stem| stem == name)).unwrap();
        let name = file.file_name().unwrap();
        fs::rename(&file, folder.join(name)).unwrap();
        let done = folder.join("done").join(name);
        until(&format!("{} is read", done.display()), seconds(60), || done.exists().then_some(())).await;
    }
}

/// Writes the exports of the file senders: the second has the rows of the first, and more; both have a broken one.
fn write_exports(senders: &[(&Sender, PathBuf)]) {
    let mut workbooks = Vec::new();
    for (sender, folder) in senders {
        let ready = folder.join(".ready");
        fs::create_dir(&ready).unwrap();
        let said = sender.said();
        for (name, rows) in [("first", &said[..SOME]), ("second", &said[..])] {
            match sender.format().written {
                Written::File(ending, write) => {
                    fs::write(ready.join(format!("{name}.{ending}")), write(rows, true)).unwrap();
                }
                Written::Workbook(how) => workbooks.push(json!({
                    "path": ready.join(format!("{name}.xlsx")), "how": how,
                    "rows": rows.iter().map(|said| json!([said.id, said.tel, said.words])).collect::<Vec<_>>(),
                })),
                Written::Single(_) | Written::Batch(_) => {}
            }
        }
    }
    let output =
        Command::new(python().0).args(["-c", WORKBOOKS, &Value::Array(workbooks).to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a line's day must come to.
fn account(sender: &Sender) -> [(&'static str, u64); 6] {
    let (each, some) = (EACH as u64, SOME as u64);
    match sender.format().written {
        Written::File(..) | Written::Workbook(_) => [
            ("received", each + some + 2),
            ("ticketed", each),
            ("redelivery", some),
            ("rejected", 2),
            ("repeat", 0),
            ("pending", 0),
        ],
        _ => [
            ("received", 2 * each),
            ("ticketed", each),
            ("redelivery", each),
            ("rejected", 0),
            ("repeat", 0),
            ("pending", 0),
        ],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_two_senders_in_all_formats_at_once_and_the_numbers_add_up_on_every_line() {
    let mut site = Site::new().await;
    site.write("hotlines.toml", &register());
    let (old, branch) = (Core::start().await, Core::start().await);
    site.subscriber("old-system", &old.url(), &old.secret, "where = { registered = true }");
    site.subscriber("branch", &branch.url(), &branch.secret, "where = { registered = true }");
    let shown: Value = serde_json::from_slice(&site.run_alone("hotlines", &["--json"]).await.stdout).unwrap();
    let lines: BTreeMap<&str, &Value> =
        shown["hotlines"].as_array().unwrap().iter().map(|line| (line["code"].as_str().unwrap(), line)).collect();
    let senders: Vec<Sender> =
        lines.keys().enumerate().map(|(place, line)| Sender { place, line: (*line).to_owned() }).collect();
    assert!(senders.len() == 82 && FORMATS.len() >= 20);
    let folders = site.data.with_file_name("exports");
    let exports: Vec<(&Sender, PathBuf)> =
        senders.iter().filter_map(|sender| Some((sender, sender.declare(&mut site, &folders)?))).collect();
    write_exports(&exports);
    let gateway: Gateway = site.start().await;
    let public = gateway.public;
    let mut sending = JoinSet::new();
    exports.into_iter().for_each(|(_, folder)| _ = sending.spawn(drop_both(folder)));
    for sender in &senders {
        let sender = sender.clone();
        sending.spawn(async move { sender.push_all(public).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }

    let expected: HashMap<String, (&Sender, Said)> = senders
        .iter()
        .flat_map(|sender| sender.said().into_iter().map(move |said| (said.words.clone(), (sender, said))))
        .collect();
    until("every message at the core", seconds(60), || (site.core.count() >= expected.len()).then_some(())).await;
    let created: Vec<_> = site.core.taken().into_iter().filter(|one| one.kind() == "ticket.created").collect();
    assert_eq!(created.len(), expected.len(), "each once");
    for delivery in &created {
        let ticket = &delivery.event["data"]["ticket"];
        let (sender, said) = expected.get(delivery.content()).unwrap_or_else(|| panic!("{ticket}"));
        let line = lines[sender.line.as_str()];
        assert_eq!((&ticket["hotline"]["code"], &ticket["hotline"]["mode"]), (&line["code"], &line["mode"]));
        assert_eq!(ticket["channel"]["id"], sender.channel());
        assert_eq!(ticket["appellant"]["phone"], said.tel.to_string(), "{}", sender.format().name);
    }
    for (system, name) in [(&old, "old-system"), (&branch, "branch")] {
        let theirs =
            |line: &str| lines[line]["goes_to"].as_array().unwrap().iter().any(|destination| destination == name);
        let count = EACH * lines.keys().filter(|line| theirs(line)).count();
        assert!(count > 10 * EACH, "{name}: {count}");
        eventually(name, seconds(30), async || (system.count() >= count).then_some(())).await;
        assert_eq!(system.count(), count);
        for delivery in system.log() {
            assert!(theirs(delivery.event["data"]["ticket"]["hotline"]["code"].as_str().unwrap()));
        }
    }

    let day = get(gateway.admin, "/api/v1/reconciliation").await.json();
    assert_eq!(day["balanced"], true, "{day}");
    let rows: HashMap<&str, &Value> =
        day["rows"].as_array().unwrap().iter().map(|row| (row["channel"].as_str().unwrap(), row)).collect();
    assert_eq!(day["rows"].as_array().unwrap().len(), 82, "a channel, a line, a row: {day}");
    for sender in &senders {
        let row = rows[sender.channel().as_str()];
        assert_eq!(row["hotline"], sender.line);
        for (what, count) in account(sender) {
            assert_eq!(row[what], count, "{what}, {}: {row}", sender.format().name);
        }
    }
}

/// Workbooks by a program that is not ours; with `shared`, the strings are moved to where Excel keeps them.
const WORKBOOKS: &str = r#"
import sys, json, zipfile, re
from openpyxl import Workbook
for book in json.loads(sys.argv[1]):
    made = Workbook()
    sheet = made.active
    sheet.append(["登记表"])
    sheet.append(["工单编号", "联系电话", "诉求内容"])
    for row in book["rows"]:
        sheet.append(row)
    sheet.append(["broken", 1, None])
    made.save(book["path"])
    if book["how"] == "shared":
        with zipfile.ZipFile(book["path"]) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        strings = []
        def shared(cell):
            strings.append(cell.group(2))
            return cell.group(1).replace('"inlineStr"', '"s"') + "><v>%d</v></c>" % (len(strings) - 1)
        sheet = parts["xl/worksheets/sheet1.xml"].decode()
        sheet = re.sub(r'(<c [^>]*t="inlineStr")[^>]*><is><t[^>]*>(.*?)</t></is></c>', shared, sheet, flags=re.S)
        if strings:
            parts["xl/worksheets/sheet1.xml"] = sheet.encode()
            parts["xl/sharedStrings.xml"] = ("<sst>" + "".join("<si><t>%s</t></si>" % text for text in strings) + "</sst>").encode()
        with zipfile.ZipFile(book["path"], "w", zipfile.ZIP_DEFLATED) as new:
            for name, part in parts.items():
                new.writestr(name, part)
"#;
