//! Sessions with a carrier: one node has them, and what leaves over them leaves from there.

use super::*;
use crate::sms::{CORE_TOKEN, answers::core_says, carrier::Carrier, citizens::ucs2};

/// The ticket of the first message that says so.
async fn ticket(city: &City, words: &str) -> Value {
    let created =
        || city.site.core.taken().into_iter().find(|it| it.kind() == "ticket.created" && it.content() == words);
    until("its ticket", seconds(30), created).await.event["subject"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_is_logged_in_and_answers_leave_from_there_whichever_node_the_core_tells() {
    let (mut city, carrier) = (City::new().await, Carrier::start(false).await);
    carrier.configure(&mut city.site, "\"immediate\"");
    city.site.set("channels.sms.receipts", false);
    city.site.set("core.token", CORE_TOKEN);
    let (mut one, other) = city.two().await;
    carrier.deliver(ucs2(&carrier, "13800000001", "凤凰路的路灯坏了", 1));
    let number = ticket(&city, "凤凰路的路灯坏了").await;
    core_says(&other, &number, "u1", "已修复").await;
    until("the answer", seconds(20), || carrier.said().iter().find(|said| said.2.contains("已修复")).cloned()).await;
    assert_eq!(carrier.state().log_ins, 1);

    one.kill();
    until("the other logs in", TAKEN_OVER, || (carrier.state().log_ins == 2).then_some(())).await;
    carrier.deliver(ucs2(&carrier, "13800000002", "滨河路的井盖丢了", 2));
    let number = ticket(&city, "滨河路的井盖丢了").await;
    core_says(&other, &number, "u2", "已补上").await;
    until("the answer", seconds(20), || carrier.said().iter().find(|said| said.2.contains("已补上")).cloned()).await;
    assert_eq!(carrier.said().len(), 2, "nothing is said twice");
    carrier.verify();
}
