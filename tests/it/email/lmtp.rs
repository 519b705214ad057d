//! The city's own mail server delivers: what it is answered is what is true.

use super::{HOTLINE, by_lmtp, configure_lmtp, lmtp_port, mail, post, settled, wait_for};
use crate::harness::{Site, eventually, get, seconds};
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Says `text`, and reads until the answers are complete: `lines` of them.
async fn say(stream: &mut TcpStream, text: &str, lines: usize) -> Vec<String> {
    stream.write_all(text.as_bytes()).await.unwrap();
    let (mut read, mut buffer) = (String::new(), [0; 4096]);
    loop {
        // A dash behind the code: more of the same answer follows.
        let whole = |line: &&str| line.len() >= 4 && line.as_bytes()[3] == b' ';
        let found: Vec<&str> =
            read.split_inclusive("\r\n").filter(|line| line.ends_with("\r\n")).filter(whole).collect();
        if found.len() >= lines {
            assert_eq!(found.len(), lines, "{read}");
            return found.into_iter().map(|line| line.trim_end().to_owned()).collect();
        }
        let length = tokio::time::timeout(seconds(10), stream.read(&mut buffer)).await.expect("an answer").unwrap();
        assert!(length > 0, "closed after {read:?}");
        read.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
}

async fn greeted(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    say(&mut stream, "", 1).await;
    assert!(say(&mut stream, "LHLO mx.leshan.example\r\n", 1).await[0].starts_with("250"));
    stream
}

fn codes(answers: &[String]) -> Vec<&str> {
    answers.iter().map(|line| &line[..3]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_recipient_is_answered_and_a_mail_to_several_is_one_appeal() {
    let mut site = by_lmtp(None).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let words = mail("a@citizen.example", "1", "路灯", "路灯坏了");
    let to = [HOTLINE, "tousu@leshan.example", "nobody@leshan.example"];
    let answers = post::deliver(port, "a@citizen.example", &to, &words).await;
    let codes: Vec<u16> = to.iter().map(|to| answers[*to].0).collect();
    assert_eq!(codes, [250, 250, 550], "{answers:?}");
    // The server did not hear the answer, and comes again; or it delivers to each recipient on its own.
    post::accepted(port, "a@citizen.example", &format!("Delivered-To: {HOTLINE}\r\n{words}")).await;
    // The null sender is taken: bounces come so.
    post::accepted(port, "", &mail("daemon@citizen.example", "2", "x", "y")).await;
    wait_for(&gateway, "ticket.created", 1).await;
    let sums = settled(&gateway).await;
    assert_eq!(
        (&sums["received"], &sums["redelivery"], &sums["rejected"]),
        (&3.into(), &1.into(), &1.into()),
        "{sums}"
    );
    let metrics = get(gateway.admin, "/metrics").await.text();
    assert!(metrics.contains(r#"jiesu_rejected_total{channel="mail",reason="machine"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_dot_between_whole_line_ends_ends_a_mail() {
    let mut site = by_lmtp(None).await;
    let gateway = site.start().await;
    let mut stream = greeted(lmtp_port(&gateway).await).await;
    let envelope = format!("MAIL FROM:<a@b.cn>\r\nRCPT TO:<{HOTLINE}>\r\nDATA\r\n");
    assert_eq!(codes(&say(&mut stream, &envelope, 3).await), ["250", "250", "354"]);
    let smuggled = format!("MAIL FROM:<evil@b.cn>\r\nRCPT TO:<{HOTLINE}>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil");
    let ends = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"];
    let body = ends.map(|end| format!("x{end}{smuggled}")).concat();
    let whole = format!("From: a@b.cn\r\nSubject: one\r\n\r\n{body}\r\n..dot\r\n.\r\nNOOP\r\n");
    assert_eq!(codes(&say(&mut stream, &whole, 2).await), ["250", "250"]);
    let ticket = wait_for(&gateway, "ticket.created", 1).await.remove(0);
    let content = ticket["data"]["ticket"]["content"].as_str().unwrap();
    assert_eq!(content.matches("evil@b.cn").count(), ends.len(), "{content}");
    assert!(content.ends_with("\n.dot"), "{content}");
    // An empty mail is one, and commands may come in one piece with it.
    let empty = format!("MAIL FROM:<a@b.cn>\r\nRCPT TO:<{HOTLINE}>\r\nDATA\r\n");
    say(&mut stream, &empty, 3).await;
    assert_eq!(codes(&say(&mut stream, ".\r\nRSET\r\nQUIT\r\n", 3).await), ["250", "250", "221"]);
    assert_eq!(settled(&gateway).await["received"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_out_of_turn_is_said_so_and_the_connection_goes_on() {
    let mut site = by_lmtp(None).await;
    site.set("channels.mail.max_size", "1MiB");
    let gateway = site.start().await;
    let mut stream = greeted(lmtp_port(&gateway).await).await;
    for (line, code) in [
        ("EHLO x", "500"),
        ("RCPT TO:<a@b.cn>", "503"),
        ("DATA", "503"),
        ("MAIL FROM:<a@b.cn> SIZE=9999999", "552"),
        ("MAIL FROM:<a@b.cn> SIZE=5 BODY=8BITMIME", "250"),
        ("MAIL FROM:<a@b.cn>", "503"),
        ("RCPT TO:<nobody@b.cn>", "550"),
        ("NONSENSE", "500"),
        ("RCPT TO:<12345+t.x@leshan.example>", "250"),
        ("DATA", "354"),
    ] {
        assert_eq!(codes(&say(&mut stream, &format!("{line}\r\n"), 1).await), [code], "{line}");
    }
    // It had said that it is small.
    let line = format!("{}\r\n", "x".repeat(998));
    let large = format!("Subject: large\r\n\r\n{}.\r\n", line.repeat(3_000));
    assert_eq!(codes(&say(&mut stream, &large, 1).await), ["552"]);
    let small = format!("MAIL FROM:<a@b.cn>\r\nRCPT TO:<{HOTLINE}>\r\nDATA\r\n");
    assert_eq!(codes(&say(&mut stream, &small, 3).await), ["250", "250", "354"]);
    assert_eq!(codes(&say(&mut stream, "From: a@b.cn\r\nSubject: small\r\n\r\nx\r\n.\r\n", 1).await), ["250"]);
    let ticket = wait_for(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(ticket["data"]["ticket"]["title"], "small");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_fails_the_server_is_asked_to_come_again() {
    let mut site = Site::with_faults().await;
    configure_lmtp(&mut site, None);
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let words = mail("a@citizen.example", "1", "路灯", "路灯坏了");
    let faults = site.faults.as_ref().unwrap();
    faults.fail_fsyncs(-1);
    let answers = post::deliver(port, "a@citizen.example", &[HOTLINE], &words).await;
    assert_eq!(answers[HOTLINE].0, 451, "{answers:?}");
    faults.fail_fsyncs(0);
    eventually("the disk is back", seconds(20), async || {
        let answers = post::deliver(port, "a@citizen.example", &[HOTLINE], &words).await;
        (answers[HOTLINE].0 == 250).then_some(())
    })
    .await;
    wait_for(&gateway, "ticket.created", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_take_neither_time_nor_memory_from_the_next_mail() {
    let mut site = by_lmtp(None).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    post::accepted(port, "a@b.cn", &mail("a@citizen.example", "first", "先", "第一封")).await;
    wait_for(&gateway, "ticket.created", 1).await;
    let before = gateway.memory();
    let head = |id: &str, kind: &str| {
        format!("From: a@b.cn\r\nMessage-ID: <{id}@b>\r\nSubject: bomb\r\nContent-Type: {kind}\r\n\r\n")
    };
    let nested = |n: usize| format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1);
    let deep: String = (0..60_000).map(nested).collect();
    let rfc822 = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let parts = "--b\r\n\r\nx\r\n".repeat(400_000);
    let tags = "<div a b c d='".repeat(200_000);
    let encoded = "=?utf-8?B?5Lit?= ".repeat(8_000);
    let bombs = [
        head("deep", "multipart/mixed; boundary=b0") + &deep,
        head("rfc822", "message/rfc822") + &rfc822,
        head("parts", "multipart/mixed; boundary=b") + &parts,
        head("tags", "text/html") + &tags,
        format!("Message-ID: <cut@b>\r\nFrom: a@b.cn\r\nSubject: {}\r\n\r\nx\r\n", "=?a?B?x".repeat(36_000)),
        head("hidden", "text/html") + "<p>看得见的字" + &"<p style='display:none'>a<b hidden>".repeat(100_000),
        format!("Message-ID: <words@b>\r\nSubject: {encoded}\r\nFrom: {}\r\n\r\nx\r\n", "a@b.cn, ".repeat(10_000)),
    ];
    for (number, bomb) in bombs.iter().enumerate() {
        let start = Instant::now();
        post::accepted(port, "a@b.cn", bomb).await;
        wait_for(&gateway, "ticket.created", number + 2).await;
        // Python needs its share of it.
        assert!(start.elapsed() < seconds(5), "bomb {number} takes {:?}", start.elapsed());
    }
    post::accepted(port, "a@b.cn", &mail("a@citizen.example", "last", "后", "最后一封")).await;
    let last = wait_for(&gateway, "ticket.created", bombs.len() + 2).await.pop().unwrap();
    assert_eq!(last["data"]["ticket"]["content"], "最后一封");
    let grown = gateway.memory().saturating_sub(before) >> 20;
    assert!(grown < 150, "{grown} MiB more");
}
