//! The pages in a real browser: a citizen's form and look-up, and the operators' console, as people use them.

use crate::{
    harness::{Answer, Site, TOKEN, seconds},
    webdriver::Browser,
};

/// Markup and characters that change the direction of text: shown as they are, doing nothing.
const HOSTILE: &str = "人民路 8 号井盖缺失 <img src=x onerror=\"document.title='bent'\"> \u{202e}反\u{202c} 很危险";

#[tokio::test]
async fn a_citizen_sends_an_appeal_and_follows_it_and_an_operator_reads_it() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let browser = Browser::start().await;

    // Without words it is not taken, and the form says where.
    browser.open(&format!("http://{}/", gateway.public)).await;
    browser.write("#phone", "13800138000").await;
    browser.click("button[type=submit]").await;
    browser.shows("[role=alert]", "诉求内容").await;
    browser.write("#content", HOSTILE).await;
    browser.click("//label[text()='举报']").await;
    browser.click("button[type=submit]").await;
    browser.shows("h1", "已收到").await;
    let number = browser.text("#number").await;
    let code = browser.text("#code").await;

    site.core.has_all([&number], seconds(10)).await;
    let taken = site.core.taken();
    assert_eq!(taken[0].event["data"]["ticket"]["kind"], "report");
    assert_eq!(taken[0].event["data"]["ticket"]["appellant"]["phone"], "13800138000", "kept over the failed submit");

    browser.open(&format!("http://{}/status", gateway.public)).await;
    browser.write("#number", &number).await;
    browser.write("#code", "AAAA-AAAA").await;
    browser.click("button").await;
    browser.shows("[role=alert]", "没有找到").await;
    browser.write("#code", &code.to_lowercase()).await;
    browser.click("button").await;
    browser.shows("section", "已受理").await;

    browser.open(&format!("http://{}/", gateway.admin)).await;
    browser.shows("#ticket-table", "138****8000").await;
    browser.shows("#n-ticketed", "1").await;
    browser.shows("#balance", "账平").await;
    browser.shows("#lanes", "核心派单系统").await;
    browser.click(&format!("//button[text()='{number}']")).await;
    browser.shows("#ticket-body", "13800138000").await;
    browser.shows("#ticket-body", "<img src=x").await;
    browser.shows("#ticket-body .fates", "已送达").await;
    assert_eq!(browser.script("return document.querySelectorAll('img').length").await, 0);
    assert_ne!(browser.script("return document.title").await, "bent");
    browser.click("#ticket-close").await;
    browser.click("nav a[href='#audit']").await;
    browser.shows("#view-audit tbody", &number).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_console_asks_for_the_token_and_comes_back_after_a_restart() {
    let mut site = Site::new().await;
    site.set("admin.token", "env:JIESU_TEST_TOKEN");
    let mut gateway = site.start().await;
    let browser = Browser::start().await;

    browser.open(&format!("http://{}/", gateway.admin)).await;
    browser.write("#token", "not the token").await;
    browser.click("#login-form button").await;
    browser.shows("#login-fault", "不对").await;
    browser.write("#token", TOKEN).await;
    browser.click("#login-form button").await;
    browser.shows("#live", "实时").await;
    browser.shows("#no-tickets", "还没有工单").await;
    let number = gateway.accept("a", "路灯不亮").await;
    browser.shows("#ticket-table", &number).await;

    gateway.kill();
    browser.shows("#ready", "没有应答").await;
    site.set("admin.listen", gateway.admin.to_string());
    let gateway = site.start().await;
    browser.shows("#ready", "可以受理").await;
    browser.shows("#live", "实时").await;
    let number = gateway.accept("b", "井盖缺失").await;
    browser.shows("#ticket-table", &number).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operator_sees_a_core_that_is_down_and_sends_a_dead_letter_again() {
    let mut site = Site::new().await;
    site.core.always(Answer::With(422, "", "the region is missing"));
    let gateway = site.start().await;
    let browser = Browser::start().await;
    let number = gateway.accept("a", "路灯不亮").await;

    browser.open(&format!("http://{}/#dead", gateway.admin)).await;
    browser.shows("#view-dead tbody", "the region is missing").await;
    browser.shows("#lanes", "死信 1 件").await;
    site.core.always(Answer::Status(200));
    browser.click("#view-dead tbody tr td:last-child button").await;
    site.core.has_all([&number], seconds(10)).await;
    browser.shows("#view-dead", "没有死信").await;

    site.core.always(Answer::Status(503));
    let number = gateway.accept("b", "井盖缺失").await;
    browser.shows("#lanes", "中断").await;
    browser.shows("#banner", "恢复后自动补送").await;
    browser.click("nav a[href='#tickets']").await;
    browser.click(&format!("//button[text()='{number}']")).await;
    browser.shows("#ticket-body .fates", "待送达").await;
    browser.click("#ticket-close").await;
    site.core.always(Answer::Status(200));
    browser.shows("#lanes", "滞后 0 件").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_channel_is_paused_and_resumed_from_the_console() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let browser = Browser::start().await;
    let row = "//tr[@data-key='app']";

    browser.open(&format!("http://{}/#channels", gateway.admin)).await;
    browser.click(&format!("{row}//button")).await;
    browser.click("#confirm button[value=yes]").await;
    browser.shows(row, "已暂停").await;
    let refused = gateway.appeal(&serde_json::json!({ "content": "路灯不亮" })).await;
    assert_eq!(refused.status, 503);
    browser.click(&format!("{row}//button")).await;
    browser.shows(row, "受理中").await;
    gateway.accept("a", "路灯不亮").await;

    // A destination likewise; the day's certificate is on the page of the sums.
    let row = "//tr[@data-key='core']";
    browser.open(&format!("http://{}/#destinations", gateway.admin)).await;
    browser.click(&format!("{row}//button")).await;
    browser.click("#confirm button[value=yes]").await;
    browser.shows(row, "已暂停").await;
    let number = gateway.accept("b", "井盖缺失").await;
    browser.shows(row, "1").await;
    assert!(!site.core.numbers().contains(&number));
    browser.click(&format!("{row}//button")).await;
    browser.shows(row, "通畅").await;
    site.core.has_all([&number], seconds(10)).await;
    browser.click("nav a[href='#reconciliation']").await;
    browser.shows("#certificate", "当日未封账").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
