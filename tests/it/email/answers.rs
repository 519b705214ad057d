//! What goes out: answers and receipts, and what is known of their fate.

use super::{HOTLINE, becomes, by_lmtp, lmtp_port, log_is_clean, mail, post, settled, wait_for};
use crate::harness::{Gateway, Reply, Site, request, seconds, until};
use serde_json::{Value, json};

const CORE_TOKEN: &str = "the-core-shows-this-0123456789";

pub async fn core_says(gateway: &Gateway, number: &str, id: &str, words: &str) -> Reply {
    let update = json!({ "id": id, "status": "replied", "reply": { "text": words, "public": true } });
    let bearer = format!("Bearer {CORE_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/tickets/{number}/updates");
    let reply = request(gateway.public, "POST", &path, &headers, update.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// A gateway by LMTP that sends through a post, and whose core may answer.
pub async fn town(post: &post::Post) -> Site {
    let mut site = by_lmtp(Some(post)).await;
    site.set("core.token", CORE_TOKEN);
    site
}

/// A citizen writes: the ticket's number.
pub async fn write(gateway: &Gateway, port: u16, from: &str, id: &str, tickets: usize) -> String {
    post::accepted(port, from, &mail(from, id, "路灯坏了", &format!("嘉州大道{id}号路灯坏了"))).await;
    let event = wait_for(gateway, "ticket.created", tickets).await.pop().unwrap();
    event["subject"].as_str().unwrap().to_owned()
}

async fn fate(gateway: &Gateway, number: &str) -> Value {
    let ticket = becomes(gateway, number, "the fate of an answer", |ticket| {
        ticket["replies"][0]["state"].as_str().is_some_and(|state| state != "pending")
    });
    ticket.await["replies"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_and_an_answer_go_out_so_that_programs_do_not_answer_them() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let number = write(&gateway, port, "a@citizen.example", "one", 1).await;
    let receipt = post.wait("a@citizen.example", 1).await.remove(0);
    assert_eq!(receipt.from, "", "a receipt that cannot be delivered comes back to nobody");
    assert!(receipt.words().contains(&number) && receipt.words().contains("查询码"), "{}", receipt.words());
    core_says(&gateway, &number, "c1", "已派人修好。\n.\n谢谢").await;
    assert_eq!(fate(&gateway, &number).await["state"], "delivered");
    let answer = post.wait("a@citizen.example", 2).await.remove(1);
    assert!(answer.words().contains("已派人修好。") && answer.words().contains(&number), "{}", answer.words());
    for mail in [&receipt, &answer] {
        assert!(mail.header("auto-submitted").starts_with("auto-"));
        assert_eq!(mail.header("x-auto-response-suppress"), "All");
        assert_eq!(mail.header("in-reply-to"), "<one@citizen.example>");
        assert!(mail.header("message-id").starts_with(&format!("<{number}.")), "{}", mail.header("message-id"));
        assert!(mail.reply_to().starts_with("12345+t."), "{}", mail.reply_to());
    }
    assert!(answer.from.starts_with("12345+b."), "{}", answer.from);
    assert!(!std::fs::read(site.database()).unwrap().windows(9).any(|bytes| code(&receipt).as_bytes() == bytes));
    log_is_clean(&gateway, &["citizen.example", "路灯", "修好"]);
}

/// The status code in a receipt.
fn code(receipt: &post::Sent) -> String {
    let words = receipt.words();
    words.split_once("查询码 ").unwrap().1.chars().take(9).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_by_another_way_and_left_an_address_is_answered_by_mail() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let gateway = site.start().await;
    let left = async |address: &str| {
        let body = json!({ "content": format!("路灯坏了，请答复到邮箱 {}", address.len()), "appellant": { "email": address } });
        let reply = gateway_post(&gateway, &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let number = reply.json()["number"].as_str().unwrap().to_owned();
        becomes(&gateway, &number, "a ticket", |ticket| ticket["number"] == number.as_str()).await;
        core_says(&gateway, &number, "c1", "已派人修好。").await;
        becomes(&gateway, &number, "the answer's fate", |ticket| {
            ticket["replies"][0]["state"].as_str().is_some_and(|state| state != "pending")
        })
        .await["replies"][0]
            .clone()
    };
    let reply = left("wang@citizen.example").await;
    assert_eq!((&reply["state"], &reply["channel"]), (&"delivered".into(), &"mail".into()), "{reply}");
    let answer = post.wait("wang@citizen.example", 1).await.remove(0);
    assert!(answer.words().contains("已派人修好。"), "{}", answer.words());
    assert!(answer.header("in-reply-to").is_empty(), "there was no mail before");
    assert!(answer.reply_to().starts_with("12345+t."), "an answer to it finds the ticket: {}", answer.reply_to());
    // Nobody, ourselves, and what is no address.
    for nowhere in ["noreply@citizen.example", HOTLINE, "12345+x@leshan.example"] {
        let reply = left(nowhere).await;
        assert_eq!((&reply["channel"], post.to(nowhere).len()), (&"app".into(), 0), "{nowhere}: {reply}");
    }
}

async fn gateway_post(gateway: &Gateway, body: &Value) -> Reply {
    crate::harness::post(gateway.public, "/channels/app", Some(crate::harness::TOKEN), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_deferred_and_unknown_are_told_apart() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    site.set("channels.mail.smtp.receipts", false);
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let mut numbers = Vec::new();
    for (count, name) in ["refuse", "defer", "cut", "full", "early"].into_iter().enumerate() {
        let number = write(&gateway, port, &format!("{name}@citizen.example"), name, count + 1).await;
        core_says(&gateway, &number, "c1", "已修好").await;
        numbers.push(number);
    }
    let refused = fate(&gateway, &numbers[0]).await;
    assert_eq!(refused["state"], "refused");
    assert!(refused["reason"].as_str().unwrap().contains("no such user"), "{refused}");
    assert_eq!(fate(&gateway, &numbers[1]).await["state"], "delivered");
    let unknown = fate(&gateway, &numbers[2]).await;
    assert_eq!(unknown["state"], "unknown", "{unknown}");
    assert_eq!(post.to("cut@citizen.example").len(), 1, "the sink had taken it: it is not sent again");
    for waiting in &numbers[3..] {
        becomes(&gateway, waiting, "still to be sent", |ticket| ticket["replies"][0]["state"] == "pending").await;
    }
    let retried = |gateway: &Gateway| gateway.log().matches("a reply is tried again later").count();
    until("three that are tried again", seconds(10), || (retried(&gateway) >= 3).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounce_marks_its_answer_as_failed_and_makes_no_ticket() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let number = write(&gateway, port, "a@citizen.example", "one", 1).await;
    core_says(&gateway, &number, "c1", "已修好").await;
    fate(&gateway, &number).await;
    let answer = post.wait("a@citizen.example", 2).await.remove(1);
    let bounce = format!(
        "From: MAILER-DAEMON@mx.citizen.example\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nsorry\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nAction: failed\r\nStatus: 5.2.2\r\n\
         Diagnostic-Code: smtp; 552 mailbox full\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{data}\r\n--b--\r\n",
        to = answer.from,
        data = answer.data,
    );
    let answers = post::deliver(port, "", &[&answer.from], &bounce).await;
    assert_eq!(answers[&answer.from].0, 250, "{answers:?}");
    let ticket = becomes(&gateway, &number, "refused", |ticket| ticket["replies"][0]["state"] == "refused").await;
    assert_eq!(ticket["replies"][0]["reason"], "5.2.2 smtp; 552 mailbox full");
    let sums = settled(&gateway).await;
    assert_eq!((&sums["ticketed"], &sums["rejected"]), (&1.into(), &1.into()), "{sums}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_gets_one_receipt_a_day_whatever_the_headers_say() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let mut gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    for number in 1..=3 {
        write(&gateway, port, "a@citizen.example", &number.to_string(), number).await;
    }
    post.wait("a@citizen.example", 1).await;
    gateway.kill();
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    write(&gateway, port, "A@citizen.example", "4", 4).await;
    write(&gateway, port, "b@citizen.example", "5", 5).await;
    // Receipts go out in the order of the tickets: had there been another, it would be here before this one.
    post.wait("b@citizen.example", 1).await;
    assert_eq!(post.to("a@citizen.example").len() + post.to("A@citizen.example").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_that_answer_each_other_stop_after_a_receipt_each() {
    let posts = [post::Post::start().await, post::Post::start().await];
    let addresses = [HOTLINE, "12345@meishan.example"];
    let (mut gateways, mut ports, mut sites) = (Vec::new(), Vec::new(), Vec::new());
    for (post, address) in posts.iter().zip(addresses) {
        let mut site = town(post).await;
        site.set("channels.mail.recipients", toml::Value::Array(vec![address.into()]));
        site.set("channels.mail.smtp.from", address);
        let gateway = site.start().await;
        ports.push(lmtp_port(&gateway).await);
        gateways.push(gateway);
        sites.push(site);
    }
    // One of them writes to the other, as if a citizen had given its address; from then on a relay carries everything,
    // and takes away whatever says that a program wrote it.
    post::accepted(ports[0], addresses[1], &mail(addresses[1], "start", "路灯", "坏了")).await;
    let (mut carried, mut quiet) = ([0, 0], 0);
    while quiet < 15 {
        quiet += 1;
        for here in [0, 1] {
            let there = 1 - here;
            let sent = posts[here].to(addresses[there]);
            for mail in &sent[carried[here]..] {
                let (head, body) = mail.data.split_once("\r\n\r\n").unwrap();
                let kept = |line: &&str| {
                    !["auto-", "x-auto", "x-gateway"].iter().any(|mark| line.to_lowercase().starts_with(mark))
                };
                let head: Vec<&str> = head.split("\r\n").filter(kept).collect();
                let bare = format!("{}\r\n\r\n{body}", head.join("\r\n"));
                post::accepted_by(ports[there], addresses[here], addresses[there], &bare).await;
                quiet = 0;
            }
            carried[here] = sent.len();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(carried.iter().all(|mails| *mails <= 1), "{carried:?}");
    assert!(carried[0] == 1, "the first one did get a receipt: {carried:?}");
}
