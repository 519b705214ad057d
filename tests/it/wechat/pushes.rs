//! Pushes in every mode: good ones once, bad ones never, and nothing acknowledged that is not on the disk.

use super::{
    Town,
    account::{Account, Push, encrypt, envelope, event, message, message_json, next_id, query_value, sign, text},
    balanced, feed, log_is_clean, tickets,
};
use crate::harness::{Gateway, Site, eventually, get, request, seconds};
use std::{collections::HashSet, time::Instant};

/// Of each kind: its name and its own fields.
const KINDS: [(&str, &[(&str, &str)]); 8] = [
    ("text", &[("Content", "嘉州大道的路灯坏了三天")]),
    ("text", &[("Content", "<b>&amp; 引号\" ]] 和 emoji 😀"), ("bizmsgmenuid", "101")]),
    ("image", &[("PicUrl", "http://mmbiz.qpic.cn/mmbiz/abc/0"), ("MediaId", "media-1")]),
    ("voice", &[("MediaId", "media-2"), ("Format", "amr"), ("Recognition", "")]),
    ("video", &[("MediaId", "media-3"), ("ThumbMediaId", "media-4")]),
    ("shortvideo", &[("MediaId", "media-5"), ("ThumbMediaId", "media-6")]),
    ("location", &[("Location_X", "29.5521"), ("Location_Y", "103.7654"), ("Scale", "15"), ("Label", "嘉州大道")]),
    ("link", &[("Title", "标题"), ("Description", "说明"), ("Url", "https://example.com/a?b=c")]),
];

/// Every kind, in XML and JSON, in every way that the account takes.
fn good(account: &Account) -> Vec<Push> {
    let mut pushes = Vec::new();
    for (kind, fields) in KINDS {
        for write in [message, message_json] {
            // A citizen each: what one says again is a repeat.
            let said = |turn: usize| write(&format!("oGOOD-{}-{turn}", account.mode), next_id(), kind, fields);
            if account.mode != "safe" {
                pushes.push(account.plain(&said(pushes.len())));
            }
            if account.mode != "plain" {
                pushes.push(account.sealed(&said(pushes.len())));
            }
            if account.mode == "compatible" {
                pushes.push(account.both(&said(pushes.len())));
            }
        }
    }
    pushes
}

/// What is not from the platform, or cannot be read.
fn bad(account: &Account) -> Vec<(&'static str, Push)> {
    let said = || text("oBAD-citizen-00001", "伪造的诉求");
    let with = |push: Push, from: &str, to: &str| Push { query: push.query.replace(from, to), ..push };
    let mut pushes = vec![
        ("no query", Push { query: String::new(), ..account.push(&said()) }),
        ("empty values", Push { query: "signature=&timestamp=&nonce=".into(), ..account.push(&said()) }),
        ("another time", with(account.push(&said()), "timestamp=17638", "timestamp=17637")),
        ("another nonce", with(account.push(&said()), "nonce=", "nonce=1")),
        ("no body", Push { body: Vec::new(), ..account.push(&said()) }),
        ("another token", Account { token: "anothertoken".into(), ..account.clone() }.push(&said())),
        ("a page", Push { body: b"<html><body>hello</body></html>".to_vec(), ..account.push(&said()) }),
    ];
    if account.mode != "safe" {
        let push = account.plain(&said());
        for cut in [1, 20, 150, push.body.len() - 1] {
            pushes.push(("truncated", Push { body: push.body[..cut].to_vec(), ..push.clone() }));
        }
        let attack = said().replace("<xml>", "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml>");
        pushes.push(("a doctype", account.plain(&attack)));
        pushes.push(("an entity", account.plain(&said().replace("伪造的诉求]]>", "]]>&xxe;"))));
        pushes.push(("nothing but depth", account.plain(&"<a>".repeat(50_000))));
        pushes.push(("not UTF-8", Push { body: b"<xml><A>\xff\xfe</A></xml>".to_vec(), ..account.plain("") }));
    }
    if account.mode == "plain" {
        pushes.push(("encrypted to a plain account", account.sealed(&said())));
        return pushes;
    }
    let (key, other_key) = (&account.key, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
    let inner = envelope(said().as_bytes(), &account.app_id);
    let sealed = |plain: &[u8]| account.sealed_as(&encrypt(plain, key), false, "");
    let changed = |at: usize, to: u8| {
        let mut plain = inner.clone();
        let at = if at == usize::MAX { plain.len() - 1 } else { at };
        plain[at] = to;
        sealed(&plain)
    };
    let whole = encrypt(&inner, key);
    pushes.extend([
        ("another key", account.sealed_as(&encrypt(&inner, other_key), false, "")),
        ("another app id", sealed(&envelope(said().as_bytes(), "wxanother0123456789"))),
        ("no app id", sealed(&envelope(said().as_bytes(), ""))),
        ("padding 0", changed(usize::MAX, 0)),
        ("padding 33", changed(usize::MAX, 33)),
        ("padding 255", changed(usize::MAX, 255)),
        ("too long a length", changed(16, 0x7f)),
        ("a length of 4 GiB", changed(16, 0xff)),
        ("too short a length", changed(19, 1)),
        ("no ciphertext", account.sealed_as("", false, "")),
        ("no base64", account.sealed_as("!!!!", false, "")),
        ("half a block", account.sealed_as("AAAAAAAAAAA=", false, "")),
        ("one block", account.sealed_as("AAAAAAAAAAAAAAAAAAAAAA==", false, "")),
        ("a block less", account.sealed_as(&whole[..whole.len() - 64], false, "")),
        ("a doctype inside", account.sealed("<!DOCTYPE a><xml><MsgType>text</MsgType></xml>")),
        ("truncated inside", account.sealed(&said()[..120])),
        ("nothing inside", account.sealed("")),
        ("no msg_signature", with(account.sealed(&said()), "msg_signature", "other")),
        ("signature in its place", {
            let push = account.sealed(&said());
            let (query, _) = push.query.split_once("&encrypt_type").unwrap();
            let signature = query.split('&').next().unwrap().trim_start_matches("signature=").to_owned();
            Push { query: format!("{query}&encrypt_type=aes&msg_signature={signature}"), ..push }
        }),
        ("a ciphertext of another push", {
            let (push, other) = (account.sealed(&said()), account.sealed(&text("oBAD-citizen-00001", "另一条")));
            Push { query: push.query, body: other.body }
        }),
        ("a byte of the ciphertext", {
            let mut push = account.sealed(&said());
            let middle = push.body.len() / 2;
            push.body[middle] = if push.body[middle] == b'A' { b'B' } else { b'A' };
            push
        }),
    ]);
    if account.mode == "safe" {
        pushes.push(("plain to a safe account", account.plain(&said())));
        pushes.push(("plain, saying aes", {
            let push = account.plain(&said());
            Push { query: format!("{}&encrypt_type=aes", push.query), ..push }
        }));
    } else {
        let push = account.both(&said());
        pushes.push(("the encrypted part forged", {
            let signature = sign(&["x"]);
            let (query, _) = push.query.split_once("&msg_signature").unwrap();
            Push { query: format!("{query}&msg_signature={signature}"), ..push.clone() }
        }));
    }
    pushes
}

/// Sends it; the status and the words, or nothing where there are none.
async fn sent(gateway: &Gateway, account: &Account, push: &Push) -> (u16, String) {
    let from = Instant::now();
    let reply = account.send(gateway, push).await;
    assert!(from.elapsed() < seconds(1), "an answer took {:?}", from.elapsed());
    let words = if reply.status == 200 { account.words(&reply) } else { reply.text() };
    (reply.status, words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_good_push_is_one_part_of_one_ticket_and_no_bad_one_is_stored() {
    let mut site = Site::new().await;
    let accounts = [Account::new("p", "plain"), Account::new("c", "compatible"), Account::new("s", "safe")];
    for account in &accounts {
        account.configure(&mut site, None, "\"immediate\"");
    }
    site.set("limits.per_citizen", "off");
    let gateway = site.start().await;
    let (mut numbers, mut requests, mut redelivered) = (HashSet::new(), 0, 0);
    for account in &accounts {
        for push in good(account) {
            let (status, words) = sent(&gateway, account, &push).await;
            assert_eq!(status, 200, "{words}");
            assert!(numbers.insert(super::account::number(&words)), "a number twice");
            // The same request again: the platform did not hear the answer, or somebody replays it.
            assert_eq!(sent(&gateway, account, &push).await, (status, words));
            (requests, redelivered) = (requests + 2, redelivered + 1);
        }
        for (what, push) in bad(account) {
            let (status, words) = sent(&gateway, account, &push).await;
            assert!([400, 403].contains(&status), "{what} in mode {}: {status} {words}", account.mode);
            requests += 1;
        }
    }
    assert!(requests > 160, "{requests}");
    let tickets = tickets(&gateway, "ticket.created", numbers.len()).await;
    for ticket in &tickets {
        assert!(numbers.remove(ticket["number"].as_str().unwrap()), "a ticket that nobody sent: {ticket}");
        assert_eq!(ticket["transcript"].as_array().unwrap().len(), 1, "{ticket}");
    }
    let all = serde_json::to_string(&feed(&gateway).await).unwrap();
    assert!(!all.contains("伪造") && !all.contains("oBAD"), "something forged was stored");
    let total = balanced(&gateway).await;
    assert_eq!(
        (total["ticketed"].as_u64(), total["redelivery"].as_u64()),
        (Some(tickets.len() as u64), Some(redelivered))
    );
    assert_eq!(total["pending"], 0, "{total}");
    let quarantine = get(gateway.admin, "/api/v1/quarantine").await.text();
    assert!(!quarantine.contains("oBAD"), "{quarantine}");
    for account in &accounts {
        log_is_clean(&gateway, account, &["oGOOD", "oBAD"], &["路灯", "伪造"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_gets_its_echo_back_as_plain_text() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let signature = sign(&[&account.token, "1714036504", "1514711492"]);
    let ask = async |signature: &str| {
        let echo = query_value("4375120948345356249<b>");
        let query = format!("signature={signature}&timestamp=1714036504&nonce=1514711492&echostr={echo}");
        get(gateway.public, &format!("{}?{query}", account.path())).await
    };
    let reply = ask(&signature).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "4375120948345356249<b>"));
    assert!(reply.header("content-type").unwrap().starts_with("text/plain"));
    let reply = ask(&sign(&["forged"])).await;
    assert!(reply.status == 403 && !reply.text().contains("4375"), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifteen_citizens_with_one_message_id_are_fifteen_appeals() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let said = (1..=15).map(|citizen| message(&format!("oCITIZEN-{citizen}"), 77, "text", &[("Content", "停水了")]));
    let pushes: Vec<Push> = said.map(|said| account.push(&said)).collect();
    let replies = futures_util::future::join_all(pushes.iter().map(|push| account.send(&gateway, push))).await;
    let numbers: HashSet<String> = replies.iter().map(|reply| super::account::number(&account.words(reply))).collect();
    assert_eq!(numbers.len(), 15);
    tickets(&gateway, "ticket.created", 15).await;
    // Two events of one citizen in the same second are two events.
    for key in ["A", "B"] {
        let event =
            event("oCITIZEN-1", "SCAN", &[("EventKey", key)]).replace("<CreateTime>", "<CreateTime>1</CreateTime><X>");
        account.say(&gateway, &event.replace("</CreateTime><MsgType>", "</X><MsgType>")).await;
    }
    let total = balanced(&gateway).await;
    assert_eq!((total["received"].as_u64(), total["redelivery"].as_u64()), (Some(17), Some(0)), "{total}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_before_the_disk_has_it_and_a_push_under_way_counts_once() {
    let site = Site::with_faults().await;
    let mut town = Town::at(site, "\"immediate\"").await;
    let mut gateway = town.site.start().await;
    let account = town.account.clone();
    account.say(&gateway, &text("oSLOW", "先来的")).await;
    let faults = town.site.faults.as_ref().unwrap();
    // Slow: the answer waits for the disk, and so does the same push that comes again meanwhile.
    faults.delay_fsync(1_000);
    let push = account.push(&text("oSLOW", "磁盘很慢"));
    let from = Instant::now();
    let (first, second) = tokio::join!(account.send(&gateway, &push), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        account.send(&gateway, &push).await
    });
    assert!(from.elapsed() > std::time::Duration::from_millis(900), "acknowledged in {:?}", from.elapsed());
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(account.words(&first), account.words(&second));
    // Stuck: an answer in time for the platform, and no success.
    faults.delay_fsync(20_000);
    let from = Instant::now();
    let stuck = account.push(&text("oSLOW", "磁盘卡住了"));
    let reply = account.send(&gateway, &stuck).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(from.elapsed() < std::time::Duration::from_millis(4_700), "{:?}", from.elapsed());
    gateway.kill();
    faults.delay_fsync(0);
    faults.fail_fsyncs(-1);
    // Broken: never a success.
    let broken = account.push(&text("oSLOW", "磁盘坏了"));
    faults.fail_fsyncs(0);
    let mut gateway = town.site.start().await;
    town.site.faults.as_ref().unwrap().fail_fsyncs(-1);
    let reply = account.send(&gateway, &broken).await;
    assert!(reply.status == 503 && !reply.text().contains("success"), "{}", reply.text());
    gateway.kill();
    town.site.faults.as_ref().unwrap().fail_fsyncs(0);
    let gateway = town.site.start().await;
    for push in [&stuck, &broken] {
        let words = eventually("the platform sends it again", seconds(10), async || {
            let reply = account.send(&gateway, push).await;
            (reply.status == 200).then(|| account.words(&reply))
        });
        assert!(words.await.contains("编号"));
    }
    let tickets = tickets(&gateway, "ticket.created", 4).await;
    let words: HashSet<&str> = tickets.iter().map(|ticket| ticket["content"].as_str().unwrap()).collect();
    assert_eq!(words.len(), 4, "{words:?}");
    balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgers_do_not_use_up_what_the_platform_may_send() {
    let mut town = Town::new("\"immediate\"").await;
    let gateway = town.site.start().await;
    let forger = Account { token: "guessed".into(), ..town.account.clone() };
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(forger.send(&gateway, &forger.push(&text("oFORGED", "伪造"))).await.status);
    }
    assert!(statuses.contains(&403) && statuses.contains(&429), "{statuses:?}");
    for place in 0..50 {
        town.account.say(&gateway, &text(&format!("oMANY-{place}"), "来自同一个地址")).await;
    }
    tickets(&gateway, "ticket.created", 50).await;
    assert_eq!(request(gateway.public, "POST", "/channels/other", &[], b"").await.status, 404);
}
