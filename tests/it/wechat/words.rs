//! Words to the gateway itself: how far is it (进度), haste (催办), taking it back (撤回).

use super::{
    SOON, Town,
    account::{event, message, next_id, number, text},
    balanced, core_says, feed, log_is_clean, tickets,
};
use crate::harness::post;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_to_its_citizen_only_and_from_the_first_receipt_on() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    assert!(account.say(&gateway, &text("oASKS", "进度")).await.contains("没有查到"));
    let number = number(&account.say(&gateway, &text("oASKS", "路灯坏了")).await);
    // The conversation is still open.
    for ask in ["进度", &number, "进度 20991231-000001-1"] {
        let told = account.say(&gateway, &text("oASKS", ask)).await;
        assert_eq!(told.contains(&number) && told.contains("已受理"), !ask.contains("2099"), "{ask}: {told}");
    }
    tickets(&gateway, "ticket.created", 1).await;
    let update = json!({ "id": "c1", "status": "in_progress", "unit": "市城管局" });
    assert_eq!(core_says(&gateway, &number, &update).await.status, 200);
    for ask in [text("oASKS", "进度？"), text("oASKS", &number), event("oASKS", "CLICK", &[("EventKey", "PROGRESS")])]
    {
        let told = account.say(&gateway, &ask).await;
        assert!(told.contains(&number) && told.contains("办理中") && told.contains("市城管局"), "{told}");
    }
    for ask in ["进度", &number] {
        let told = account.say(&gateway, &text("oNOSY", ask)).await;
        assert!(told.contains("没有查到") && !told.contains("办理中"), "{told}");
    }
    // Asking is no appeal.
    tickets(&gateway, "ticket.created", 1).await;
    let total = balanced(&gateway).await;
    assert_eq!(total["received"], 1, "{total}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haste_and_taking_back_reach_the_ticket_before_and_after_it_is_there() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let of = async |openid: &str| number(&account.say(&gateway, &text(openid, "路灯坏了")).await);
    // While the conversation is open, and again after it.
    let first = of("oHASTE").await;
    assert!(account.say(&gateway, &text("oHASTE", "催办：三天了没人来")).await.contains("催办已收到"));
    let urged = tickets(&gateway, "ticket.urged", 1).await.remove(0);
    assert_eq!(urged["number"], first.as_str());
    assert_eq!(urged["flags"], json!(["urged"]));
    account.say(&gateway, &event("oHASTE", "CLICK", &[("EventKey", "URGE")])).await;
    let clicked = tickets(&gateway, "ticket.urged", 2).await.remove(1);
    let last = clicked["transcript"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["type"], &last["text"]), (&json!("menu"), &json!("催办")), "what stands on the menu");
    assert!(account.say(&gateway, &text("oHASTE", &format!("撤回 {first}"))).await.contains("撤回申请已收到"));
    let back = tickets(&gateway, "ticket.withdrawn", 1).await.remove(0);
    assert_eq!((&back["number"], &back["flags"]), (&json!(first), &json!(["urged", "withdrawn"])));
    let events = feed(&gateway).await;
    let change = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap()["data"]["change"].clone();
    assert_eq!(change("ticket.urged"), json!({ "content": "催办：三天了没人来" }));
    let urges: Vec<_> = events.iter().filter(|event| event["type"] == "ticket.urged").collect();
    assert_eq!(urges[1]["data"]["change"], json!({ "content": "催办" }));
    assert_eq!(change("ticket.withdrawn"), json!({ "content": format!("撤回 {first}") }));
    // Taken back while the conversation is open.
    let second = of("oBACK").await;
    account.say(&gateway, &text("oBACK", "撤回")).await;
    let back = tickets(&gateway, "ticket.withdrawn", 2).await.remove(1);
    assert_eq!(back["number"], second.as_str());
    // Somebody else's number takes nothing back, neither theirs nor one's own: a person reads it.
    of("oOTHER").await;
    tickets(&gateway, "ticket.created", 3).await;
    account.say(&gateway, &text("oOTHER", &format!("撤回 {second}"))).await;
    let read = tickets(&gateway, "ticket.created", 4).await.remove(3);
    assert_eq!(read["content"], format!("撤回 {second}"));
    // Haste about nothing is an appeal of its own, also by a click.
    account.say(&gateway, &event("oNOTHING", "CLICK", &[("EventKey", "URGE")])).await;
    assert_eq!(tickets(&gateway, "ticket.created", 5).await[4]["content"], "催办");
    tickets(&gateway, "ticket.withdrawn", 2).await;
    tickets(&gateway, "ticket.urged", 2).await;
    let total = balanced(&gateway).await;
    assert_eq!(
        (total["ticketed"].as_u64(), total["supplement"].as_u64(), total["pending"].as_u64()),
        (Some(5), Some(4), Some(0))
    );
    log_is_clean(&gateway, account, &["oHASTE", "oBACK", "oOTHER"], &["三天了", "路灯"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_as_citizens_write_them_make_no_tickets_and_the_same_words_beside_a_complaint_are_part_of_it() {
    let mut town = Town::new(SOON).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let first = number(&account.say(&gateway, &text("oMANY", "路燈壞了")).await);
    account.say(&gateway, &text("oMANY", "请尽快处理")).await;
    let ticket = tickets(&gateway, "ticket.created", 1).await.remove(0);
    assert_eq!(ticket["content"], "路燈壞了\n请尽快处理");
    assert!(account.say(&gateway, &text("oMANY", "請問處理得怎麼樣了？")).await.contains(&first));
    assert!(account.say(&gateway, &text("oMANY", "麻煩催辦一下，謝謝")).await.contains("催办已收到"));
    tickets(&gateway, "ticket.urged", 1).await;
    // By itself it is haste, though nobody can know that when it comes in.
    account.say(&gateway, &text("oMANY", "怎么还没人来处理？")).await;
    let urged = tickets(&gateway, "ticket.urged", 2).await.remove(1);
    assert_eq!(urged["number"], first.as_str());
    let update = json!({ "id": "c1", "status": "closed", "ask_rating": true });
    assert_eq!(core_says(&gateway, &first, &update).await.status, 200);
    assert!(account.say(&gateway, &text("oMANY", "不滿意，還是不亮")).await.contains("评价已收到"));
    let rated = tickets(&gateway, "ticket.rated", 1).await.remove(0);
    assert_eq!((&rated["number"], &rated["rating"]["score"]), (&json!(first), &json!(2)));
    account.say(&gateway, &text("oMANY", "我要撤訴")).await;
    tickets(&gateway, "ticket.withdrawn", 1).await;
    // A digit where nobody asked answers what was talked about.
    let second = number(&account.say(&gateway, &text("oFLOOR", "楼道的灯坏了")).await);
    account.say(&gateway, &text("oFLOOR", "5")).await;
    let more = tickets(&gateway, "ticket.supplemented", 1).await.remove(0);
    assert_eq!((&more["number"], &more["content"]), (&json!(second), &json!("楼道的灯坏了\n5")));
    tickets(&gateway, "ticket.created", 2).await;
    balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_late_is_added_to_the_open_ticket_and_what_is_only_polite_makes_none() {
    let mut town = Town::new(r#"{ idle = "300ms", max = "600ms" }"#).await;
    let gateway = town.site.start().await;
    let account = &town.account;
    let first = number(&account.say(&gateway, &text("oLATE", "路灯坏了")).await);
    tickets(&gateway, "ticket.created", 1).await;
    let receipt = account.say(&gateway, &text("oLATE", "补充一下，是靠近东门的那盏")).await;
    let more = tickets(&gateway, "ticket.supplemented", 1).await.remove(0);
    assert_eq!((&more["number"], &more["content"]), (&json!(first), &json!("路灯坏了\n补充一下，是靠近东门的那盏")));
    // Its own number and code lead to the ticket, and no other code does.
    let code: String = receipt.split_once("查询码 ").unwrap().1.chars().take(9).collect();
    let asked = json!({ "number": number(&receipt), "code": code });
    let found = post(gateway.public, "/api/v1/status", None, &asked).await;
    assert_eq!((found.status, number(&receipt) == first), (200, false), "{}", found.text());
    assert_eq!(found.json()["number"], first.as_str());
    let fields = [("Location_X", "29.55"), ("Location_Y", "103.76"), ("Label", "滨河路88号")];
    account.say(&gateway, &message("oLATE", next_id(), "location", &fields)).await;
    let more = tickets(&gateway, "ticket.supplemented", 2).await.remove(1);
    assert_eq!((&more["number"], &more["location"]["text"]), (&json!(first), &json!("滨河路88号")));
    account.say(&gateway, &text("oLATE", "好的，谢谢！")).await;
    let total = balanced(&gateway).await;
    assert_eq!((total["supplement"].as_u64(), total["rejected"].as_u64()), (Some(2), Some(1)), "{total}");
    // Another matter is one, and so is whatever comes once the ticket is closed.
    account.say(&gateway, &text("oLATE", "小区门口的垃圾没有人收")).await;
    let second = tickets(&gateway, "ticket.created", 2).await.remove(1);
    let update = json!({ "id": "c1", "status": "closed" });
    assert_eq!(core_says(&gateway, second["number"].as_str().unwrap(), &update).await.status, 200);
    account.say(&gateway, &text("oLATE", "补充：还是没有人收")).await;
    tickets(&gateway, "ticket.created", 3).await;
    let total = balanced(&gateway).await;
    assert_eq!((total["received"].as_u64(), total["supplement"].as_u64()), (Some(6), Some(2)), "{total}");
}
