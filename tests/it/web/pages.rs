//! The form in a real browser: with a telephone and with scripts, and without either. Pictures of every page are kept
//! below `target/screenshots`, and each is judged by axe-core.

use super::{nuisance::within_a_window, path_of, ticket};
use crate::{
    harness::{Gateway, Site, get, post, seconds},
    webdriver::Browser,
};
use serde_json::json;
use std::path::PathBuf;

const CORE: &str = "token-of-the-core-0123456789";

/// A city's page.
async fn city() -> Site {
    let mut site = Site::new().await;
    site.set("core.token", CORE);
    site.set("channels.form.title", "嘉州市 12345 政务服务便民热线");
    site.set("channels.form.office", "嘉州市政务服务热线中心 主办");
    let lines: toml::Value = toml::from_str::<toml::Table>(
        "it = [{ code = '12345', name = '政务服务便民热线' }, { code = '12319', name = '城管热线' }]",
    )
    .unwrap()["it"]
        .clone();
    site.set("channels.form.hotlines", lines);
    site
}

/// Two pictures to upload, and a file that is too large.
fn files(site: &Site) -> [PathBuf; 3] {
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let name = |name: &str| site.data.join(name);
    std::fs::write(name("路灯.png"), &picture).unwrap();
    std::fs::write(name("井盖.png"), [&picture[..], b"another"].concat()).unwrap();
    std::fs::write(name("视频.mp4"), vec![b'x'; (10 << 20) + 1]).unwrap();
    ["路灯.png", "井盖.png", "视频.mp4"].map(name)
}

/// The page has nothing that keeps people out, and looks as it looks.
async fn judge(browser: &Browser, name: &str) {
    browser.picture(name).await;
    assert_eq!(browser.barriers().await, [""; 0], "{name}");
}

async fn choose(browser: &Browser, file: &std::path::Path) {
    browser.write("#files", file.to_str().unwrap()).await;
}

#[tokio::test]
async fn a_citizen_with_a_telephone_writes_errs_uploads_and_follows_the_matter() {
    let mut site = city().await;
    let gateway = site.start().await;
    let [lamp, manhole, film] = files(&site);
    let browser = Browser::start().await;
    browser.resize(390, 844).await;
    let home = format!("http://localhost:{}/", gateway.public.port());
    browser.open(&home).await;
    judge(&browser, "form-phone").await;

    browser.click("//label[text()='投诉']").await;
    browser.write("#place", "嘉州大道 123 号").await;
    browser.stands_at(29.55, 103.76).await;
    browser.click("#locate").await;
    browser.shows("#located", "已填入当前位置").await;
    choose(&browser, &lamp).await;
    browser.shows("#uploads", "已上传").await;
    choose(&browser, &film).await;
    browser.shows("#uploads", "没有上传").await;
    browser.click("#submit").await;
    browser.shows("[role=alert]", "请填写诉求内容").await;
    browser.shows("#uploads", "路灯.png").await;
    judge(&browser, "form-phone-error").await;
    assert_eq!(browser.script("return document.activeElement.className").await, "summary");
    assert!(browser.script("return document.title").await.as_str().unwrap().starts_with("错误："));

    choose(&browser, &manhole).await;
    browser.shows("#uploads", "井盖.png").await;
    browser.write("#content", "路灯坏了三天，井盖也没有了，晚上很危险。").await;
    browser.write("#phone", "13800138000").await;
    browser.click("#submit").await;
    browser.shows("h1", "已收到").await;
    judge(&browser, "receipt-phone").await;
    let (number, code) = (browser.text("#number").await, browser.text("#code").await);
    assert!(!browser.script("return location.href").await.as_str().unwrap().contains(&code));
    assert_eq!(browser.script("return localStorage.length").await, 0, "the draft is gone");

    let ticket = ticket(&gateway, &number).await;
    assert_eq!(ticket["kind"], "complaint");
    assert_eq!(ticket["location"]["datum"], "wgs84");
    let names: Vec<_> = ticket["attachments"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, [json!("路灯.png"), json!("井盖.png")]);
    for (file, path) in ticket["attachments"].as_array().unwrap().iter().zip([lamp, manhole]) {
        let bytes = get(gateway.public, &path_of(&file["url"])).await;
        assert_eq!(bytes.body()[..], std::fs::read(path).unwrap()[..]);
    }
    follow(&site, &gateway, &browser, &number, &code).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// The look-up, before and after the core has answered.
async fn follow(site: &Site, gateway: &Gateway, browser: &Browser, number: &str, code: &str) {
    browser.open(&format!("http://{}/status?number={number}", gateway.public)).await;
    judge(browser, "status-phone").await;
    browser.write("#code", "AAAA-AAAA").await;
    browser.click("button").await;
    browser.shows("[role=alert]", "没有找到").await;
    judge(browser, "status-phone-error").await;
    site.core.has_all([&number.to_owned()], seconds(10)).await;
    let reply = json!({ "text": "路灯已于今日修复，井盖已补装。感谢您的监督。", "public": true });
    let path = format!("/api/v1/tickets/{number}/updates");
    for update in
        [json!({ "id": "1", "status": "in_progress" }), json!({ "id": "2", "status": "replied", "reply": reply })]
    {
        assert_eq!(post(gateway.public, &path, Some(CORE), &update).await.status, 200);
    }
    browser.write("#code", code).await;
    browser.click("button").await;
    browser.shows("section", "已补装").await;
    judge(browser, "status-phone-found").await;
}

#[tokio::test]
async fn without_scripts_everything_works_and_files_are_not_chosen_twice() {
    let mut site = city().await;
    let gateway = site.start().await;
    let [lamp, manhole, _] = files(&site);
    let browser = Browser::start().await;
    browser.resize(1100, 900).await;
    browser.without_scripts().await;
    browser.open(&format!("http://{}/channels/form", gateway.public)).await;
    browser.picture("form-desk-no-scripts").await;
    choose(&browser, &lamp).await;
    browser.write("#phone", "13800138000").await;
    browser.click("#submit").await;
    browser.shows("[role=alert]", "请填写诉求内容").await;
    browser.shows("#uploads", "路灯.png").await;
    browser.picture("form-desk-no-scripts-error").await;
    choose(&browser, &manhole).await;
    browser.write("#content", "没有脚本也能提交").await;
    browser.click("#submit").await;
    browser.shows("h1", "已收到").await;
    browser.picture("receipt-desk-no-scripts").await;
    let ticket = ticket(&gateway, &browser.text("#number").await).await;
    assert_eq!(ticket["attachments"].as_array().unwrap().len(), 2);
    assert_eq!(ticket["appellant"]["phone"], "13800138000");
}

#[tokio::test]
async fn a_draft_is_there_again_and_a_busy_address_works_for_its_submit() {
    let mut site = city().await;
    site.set("channels.form.challenge", "proof-of-work");
    site.set("channels.form.difficulty", 5_000);
    let gateway = site.start().await;
    let browser = Browser::start().await;
    browser.resize(1100, 900).await;
    browser.darken().await;
    let page = format!("http://{}/channels/form", gateway.public);
    browser.open(&page).await;
    browser.write("#content", "写到一半").await;
    let saved = "return Object.values(localStorage).join().includes('写到一半')";
    crate::harness::eventually("the draft is kept", seconds(10), async || {
        (browser.script(saved).await == true).then_some(())
    })
    .await;
    browser.open(&page).await;
    browser.shows("#draft", "已恢复").await;
    judge(&browser, "form-desk-dark-draft").await;

    within_a_window().await;
    // Its address has come too often: it computes, and is through without anybody doing anything.
    for round in 0..11 {
        let body = json!({ "content": format!("第 {round} 件") });
        assert_eq!(
            post(gateway.public, "/channels/form", None, &body).await.status,
            if round < 10 { 201 } else { 429 }
        );
    }
    browser.click("#submit").await;
    browser.shows("h1", "已收到").await;
    judge(&browser, "receipt-desk-dark").await;
    let ticket = ticket(&gateway, &browser.text("#number").await).await;
    assert_eq!(ticket["content"], "写到一半");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
