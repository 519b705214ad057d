//! Pushes that are odd and right, odd and wrong, or replayed: each is one part of one ticket, or nothing at all.

use super::{
    Town,
    account::{Account, Push, encrypt, envelope, field, number, query_value, sign, text},
    balanced, feed, log_is_clean,
    odd::{OLD_KEY, account, odd_and_right, odd_and_wrong},
    tickets,
};
use crate::harness::{Gateway, Site, get, request};
use std::collections::HashSet;

async fn taken(gateway: &Gateway, account: &Account, what: &str, push: &Push) -> String {
    let reply = account.send(gateway, push).await;
    assert_eq!(reply.status, 200, "{what} in mode {}: {}", account.mode, reply.text());
    // Encrypted with the key that the push came with.
    let key = if what == "the previous key" { OLD_KEY } else { &account.key };
    Account { key: key.to_owned(), ..account.clone() }.words(&reply)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_pushes_are_taken_once_or_refused_whole() {
    let mut site = Site::new().await;
    let accounts = [account("p", "plain"), account("c", "compatible"), account("s", "safe")];
    for account in &accounts {
        account.configure(&mut site, None, "\"immediate\"");
    }
    site.set("limits.per_citizen", "off");
    site.set("limits.per_address", "off");
    let gateway = site.start().await;
    let mut numbers = HashSet::new();
    for account in &accounts {
        for (what, push) in odd_and_right(account) {
            let words = taken(&gateway, account, what, &push).await;
            assert!(numbers.insert(number(&words)), "{what}: a number twice");
            assert_eq!(taken(&gateway, account, what, &push).await, words, "{what}, replayed");
        }
        for (what, push) in odd_and_wrong(account) {
            let reply = account.send(&gateway, &push).await;
            assert!(
                [400, 403].contains(&reply.status),
                "{what} in mode {}: {} {}",
                account.mode,
                reply.status,
                reply.text()
            );
        }
    }
    let tickets = tickets(&gateway, "ticket.created", numbers.len()).await;
    let all = serde_json::to_string(&feed(&gateway).await).unwrap();
    assert!(!all.contains("EVIL") && !all.contains("伪造") && !all.contains("谎言") && !all.contains("root:"));
    let said = |words: &str| tickets.iter().filter(|it| it["content"].as_str().unwrap() == words).count();
    assert_eq!((said("路灯&<x>"), said("路😀"), said("路灯😀")), (3, 3, 3));
    assert_eq!(said("<!DOCTYPE a [<!ENTITY b \"c\">]> &b;"), 3);
    let total = balanced(&gateway).await;
    assert_eq!(
        (total["ticketed"].as_u64(), total["pending"].as_u64()),
        (Some(tickets.len() as u64), Some(0)),
        "{total}"
    );
    assert_eq!(total["redelivery"], total["ticketed"]);
    for account in &accounts {
        log_is_clean(&gateway, account, &["oODD", "oEVIL", "oLIE"], &["路灯", "伪造", "谎言"]);
    }
}

/// A request that somebody has seen: the same again, with other words, with another time or nonce; now or next year.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replayed_adds_nothing_and_what_is_altered_is_refused() {
    let mut town = Town::new("\"immediate\"").await;
    town.site.set("limits.per_address", "off");
    let gateway = town.site.start().await;
    let account = &town.account;
    let push = account.push(&text("oREPLAY", "原话"));
    let first = account.send(&gateway, &push).await;
    let words = account.words(&first);
    let again = futures_util::future::join_all((0..20).map(|_| account.send(&gateway, &push))).await;
    assert!(again.iter().all(|reply| reply.status == 200 && account.words(reply) == words));
    let other = account.push(&text("oREPLAY", "别的话"));
    for altered in [
        Push { body: other.body.clone(), ..push.clone() },
        Push { query: other.query.clone(), ..push.clone() },
        Push { query: push.query.replace("timestamp=17638", "timestamp=17648"), ..push.clone() },
        Push { query: push.query.replace("nonce=", "nonce=9"), ..push.clone() },
    ] {
        assert_eq!(account.send(&gateway, &altered).await.status, 403);
    }
    // The platform promises nothing of its times and nonces: the same nonce, and a time long ago, are no fault.
    let sealed = encrypt(&envelope(text("oREPLAY", "同一个随机数").as_bytes(), &account.app_id), &account.key);
    for (time, nonce) in [("1", "7"), ("1", "7"), ("4102444800", "7")] {
        let signature = sign(&[&account.token, time, nonce, &sealed]);
        let query = format!("timestamp={time}&nonce={nonce}&encrypt_type=aes&msg_signature={signature}");
        let body = format!("<xml><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>").into_bytes();
        assert_eq!(account.send(&gateway, &Push { query, body }).await.status, 200);
    }
    tickets(&gateway, "ticket.created", 2).await;
    let total = balanced(&gateway).await;
    assert_eq!((total["received"].as_u64(), total["redelivery"].as_u64()), (Some(24), Some(22)), "{total}");
    log_is_clean(&gateway, account, &["oREPLAY"], &["原话", "别的话"]);
}

/// Twenty at once, of one MsgId and one citizen, and none before: one is the first, and all are told the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_message_many_times_at_once_is_one() {
    let mut town = Town::new("\"immediate\"").await;
    town.site.set("limits.per_citizen", "off");
    let gateway = town.site.start().await;
    let account = &town.account;
    for round in 0..5 {
        let said = text("oATONCE", &format!("第{round}轮"));
        // Encrypted and signed anew each time, as the platform does.
        let pushes: Vec<Push> = (0..20).map(|_| account.push(&said)).collect();
        let replies = futures_util::future::join_all(pushes.iter().map(|push| account.send(&gateway, push))).await;
        let words: HashSet<String> = replies.iter().map(|reply| account.words(reply)).collect();
        assert_eq!(words.len(), 1, "{words:?}");
    }
    tickets(&gateway, "ticket.created", 5).await;
    assert_eq!(balanced(&gateway).await["redelivery"], 95);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_and_addresses_of_any_size_are_answered_and_scanners_learn_nothing() {
    let mut town = Town::new("\"immediate\"").await;
    town.site.set("limits.per_address", "off");
    let gateway = town.site.start().await;
    let account = &town.account;
    let small = account.push(&text("oSIZE", "a"));
    for size in [(1 << 20) + 1, 9 << 20] {
        let reply = account.send(&gateway, &Push { body: vec![b' '; size], ..small.clone() }).await;
        assert_eq!(reply.status, 413, "{size}");
    }
    let path = account.path();
    for query in [
        "",
        "?",
        "?signature",
        "?signature=&timestamp=&nonce=&echostr=",
        "?echostr=1",
        "?signature[]=1",
        "?%00=%ff",
        &format!("?signature={}", "a".repeat(4_000)),
        &format!("?signature={}&timestamp=1&nonce=2", sign(&["", "1", "2"])),
        &format!("?echostr={}&signature={}&timestamp=1&nonce=2", query_value("<script>"), sign(&["1", "2"])),
    ] {
        let reply = get(gateway.public, &format!("{path}{query}")).await;
        assert!(reply.status == 403 && !reply.text().contains("script"), "{query}: {} {}", reply.status, reply.text());
        let reply = request(gateway.public, "POST", &format!("{path}{query}"), &[], b"<xml></xml>").await;
        assert_eq!(reply.status, 403, "{query}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(request(gateway.public, method, &path, &[], b"").await.status, 405);
    }
    // All that is wrong with a ciphertext looks alike.
    let bodies: HashSet<String> = futures_util::future::join_all(
        ["AAAA", "%%", &"A".repeat(64), &"A".repeat(43), &encrypt(&envelope(b"<xml/>", "wxother"), &account.key)]
            .map(|text| account.sealed_as(text, false, ""))
            .iter()
            .map(|push| account.send(&gateway, push)),
    )
    .await
    .iter()
    .map(|reply| reply.text())
    .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(field(&String::from_utf8(small.body.clone()).unwrap(), "Encrypt").is_some());
    assert_eq!(account.send(&gateway, &small).await.status, 200);
    assert_eq!(balanced(&gateway).await["ticketed"], 1);
}
