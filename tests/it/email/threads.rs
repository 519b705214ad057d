//! What belongs to a ticket goes to it, and to no other.

use super::{
    HOTLINE,
    answers::{core_says, town, write},
    lmtp_port, mail, post, settled, wait_for,
};
use crate::harness::get;

/// A mail with further header lines.
fn with(lines: &str, mail: &str) -> String {
    format!("{lines}\r\n{mail}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_finds_its_ticket_and_a_number_alone_does_not() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let number = write(&gateway, port, "a@citizen.example", "one", 1).await;
    core_says(&gateway, &number, "c1", "已派单").await;
    let answer = post.wait("a@citizen.example", 2).await.remove(1);

    // By the signed address alone, from anywhere.
    let by_address = mail("home@citizen.example", "two", "补充", "第一次补充");
    let answers = post::deliver(port, "home@citizen.example", &[&answer.reply_to()], &by_address).await;
    assert_eq!(answers[&answer.reply_to()].0, 250, "{answers:?}");
    // By our Message-ID, with what was quoted.
    let quoted = "第二次补充\r\n\r\n在 2026-11-22 08:00，12345 <12345@leshan.example> 写道：\r\n> 已派单";
    let lines = format!("In-Reply-To: {}", answer.header("message-id"));
    post::accepted(port, "a@citizen.example", &with(&lines, &mail("a@citizen.example", "three", "Re: x", quoted)))
        .await;
    // By the citizen's own first mail.
    let lines = "References: <one@citizen.example>\r\nIn-Reply-To: <lost@citizen.example>";
    post::accepted(
        port,
        "a@citizen.example",
        &with(lines, &mail("a@citizen.example", "four", "Re: 路灯", "第三次补充")),
    )
    .await;
    // By the number, from who has the ticket.
    let written = format!("催问 {number}");
    post::accepted(port, "a@citizen.example", &mail("A@Citizen.example", "five", &written, "第四次补充")).await;
    let added = wait_for(&gateway, "ticket.supplemented", 4).await;
    assert!(added.iter().all(|event| event["subject"] == number.as_str()), "{added:#?}");
    let words: Vec<&str> = added.iter().map(|event| event["data"]["change"]["content"].as_str().unwrap()).collect();
    assert_eq!(words, ["第一次补充", "第二次补充", "第三次补充", "第四次补充"]);
    let transcript = added[1]["data"]["change"]["transcript"].to_string();
    assert!(transcript.contains("第二次补充") && transcript.contains("> 已派单"), "both are kept: {transcript}");

    // Anybody can write a number, or make up a proof.
    let (signed, domain) =
        answer.reply_to().split_once('@').map(|(local, domain)| (local.to_owned(), domain.to_owned())).unwrap();
    let (proof, last) = signed.split_at(signed.len() - 1);
    let forged = format!("{proof}{}@{domain}", if last == "a" { "b" } else { "a" });
    post::accepted(port, "evil@b.cn", &mail("evil@b.cn", "six", &written, "我想看")).await;
    let answers = post::deliver(port, "evil@b.cn", &[&forged], &mail("evil@b.cn", "seven", "x", "我也想看")).await;
    assert_eq!(answers[&forged].0, 250, "{answers:?}");
    wait_for(&gateway, "ticket.created", 3).await;
    let ticket = get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json();
    assert!(!ticket.to_string().contains("想看"), "{ticket:#}");
    let sums = settled(&gateway).await;
    assert_eq!((&sums["ticketed"], &sums["supplement"]), (&3.into(), &4.into()), "{sums}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_wrote_is_filed_with_its_ticket_and_answered_by_nobody() {
    let post = post::Post::start().await;
    let mut site = town(&post).await;
    let gateway = site.start().await;
    let port = lmtp_port(&gateway).await;
    let number = write(&gateway, port, "a@citizen.example", "one", 1).await;
    let receipt = post.wait("a@citizen.example", 1).await.remove(0);
    let lines = format!("Auto-Submitted: auto-replied\r\nIn-Reply-To: {}", receipt.header("message-id"));
    let away = with(&lines, &mail("a@citizen.example", "away", "自动回复: 休假", "我在休假"));
    post::accepted(port, "a@citizen.example", &away).await;
    let list = with("List-Id: <shop.example>", &mail("shop@shop.example", "list", "优惠", "打折"));
    post::accepted(port, "shop@shop.example", &list).await;
    let own = mail(HOTLINE, "own", "自己", "我们自己写的");
    post::accepted(port, HOTLINE, &own).await;
    let sums = settled(&gateway).await;
    assert_eq!(
        (&sums["ticketed"], &sums["supplement"], &sums["rejected"]),
        (&1.into(), &1.into(), &2.into()),
        "{sums}"
    );
    let ticket = get(gateway.admin, &format!("/api/v1/tickets/{number}")).await.json();
    let filed = ticket["transcript"].as_array().unwrap().last().unwrap();
    assert_eq!((&filed["text"], &filed["machine"]), (&"我在休假".into(), &"auto-reply".into()), "{ticket:#}");
    assert!(!ticket["content"].as_str().unwrap().contains("休假"), "the citizen did not say it");
    assert_eq!(post.to("shop@shop.example").len() + post.to(HOTLINE).len(), 0);
    assert_eq!(post.to("a@citizen.example").len(), 1);
}
