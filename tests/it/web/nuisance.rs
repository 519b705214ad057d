//! What keeps nuisance off, and lets everybody else through.

use super::{Form, ticket, token, value_of};
use crate::harness::{Gateway, Reply, Site, eventually, get, post, request, seconds};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[tokio::test]
async fn what_programs_fill_in_goes_to_quarantine_and_comes_out_when_an_operator_says_so() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let form = Form::default().field("content", "自动填表").field("website", "https://spam.example");
    let reply = form.post(&gateway, "", &[]).await;
    assert_eq!(reply.status, 201, "answered like any other");
    let number = reply.json()["number"].as_str().unwrap().to_owned();
    let entry = eventually("the message in quarantine", seconds(10), async || {
        let list = get(gateway.admin, "/api/v1/quarantine").await.json();
        list["quarantine"].as_array()?.iter().find(|entry| entry["number"] == *number).cloned()
    });
    let entry = entry.await;
    assert!(entry["reason"].as_str().unwrap().contains("website"), "{entry}");
    let path = format!("/api/v1/quarantine/{}/release", entry["message"]);
    assert_eq!(post(gateway.admin, &path, None, &json!({})).await.status, 200);
    assert_eq!(ticket(&gateway, &number).await["content"], "自动填表");
}

#[tokio::test]
async fn one_phone_number_cannot_flood_the_form_and_nothing_typed_is_lost() {
    let mut site = Site::new().await;
    site.set("channels.form.per_phone", 2);
    let gateway = site.start().await;
    let form = |words: &str| Form::default().field("content", words).field("phone", "138-0013-8000");
    within_a_window().await;
    assert_eq!([form("a").submit(&gateway).await.status, form("b").submit(&gateway).await.status], [201, 201]);
    let refused = form("c").submit(&gateway).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some() && refused.text().contains("\nc</textarea>"));
    assert_eq!(Form::default().field("content", "f").submit(&gateway).await.status, 201, "others go on");
}

/// Submits are counted in windows of ten minutes: a test that counts them must not begin at the end of one.
pub async fn within_a_window() {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    eventually("a window with a minute left", seconds(90), async || (now() % 600 < 540).then_some(())).await;
}

/// Solves the challenge in `json` as a browser does.
fn solve(challenge: &Value) -> String {
    let text = |field: &str| challenge[field].as_str().unwrap();
    let hash = |number: u64| {
        let digest = Sha256::digest(format!("{}{number}", text("salt")));
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let most = challenge["maxnumber"].as_u64().unwrap();
    let number = (0..=most).find(|number| hash(*number) == text("challenge")).expect("there is an answer");
    let answer = json!({ "algorithm": "SHA-256", "challenge": text("challenge"), "number": number,
        "salt": text("salt"), "signature": text("signature") });
    STANDARD.encode(answer.to_string())
}

async fn by_json(gateway: &Gateway, words: &str, solution: Option<&str>) -> Reply {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(solution.map(|solution| ("altcha", solution)));
    let body = json!({ "content": words }).to_string();
    request(gateway.public, "POST", "/channels/form", &headers, body.as_bytes()).await
}

#[tokio::test]
async fn who_comes_too_often_has_to_work_and_each_piece_of_work_counts_once() {
    let mut site = Site::new().await;
    site.set("channels.form.challenge", "proof-of-work");
    site.set("channels.form.difficulty", 2_000);
    let gateway = site.start().await;
    within_a_window().await;
    let mut asked = None;
    for round in 0..25 {
        let reply = by_json(&gateway, &format!("诉求 {round}"), None).await;
        if reply.status == 429 {
            asked = Some((round, reply));
            break;
        }
        assert_eq!(reply.status, 201);
    }
    let (round, reply) = asked.expect("after ten it is asked for");
    assert!(round >= 10 && reply.header("content-type") == Some("application/problem+json"));
    let challenge = get(gateway.public, "/channels/form/challenge").await.json();
    let solution = solve(&challenge);
    assert_eq!(by_json(&gateway, "有用功", Some(&solution)).await.status, 201);
    assert_eq!(by_json(&gateway, "再用一次", Some(&solution)).await.status, 429, "used up");

    // The form: everything comes back with a challenge in it, and a second click with its answer is the same ticket.
    let token = token(&gateway).await;
    let form = Form::default().field("token", &token).field("content", "表单");
    let page = form.submit(&gateway).await;
    assert_eq!((page.status, page.text().contains("\n表单</textarea>")), (429, true));
    let (_, after) = page.text().split_once("data-challenge=\"").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let challenge = after.split_once('"').unwrap().0.replace("&quot;", "\"").replace("&amp;", "&");
    let answered = form.clone().field("altcha", &solve(&serde_json::from_str(&challenge).unwrap()));
    assert_eq!(answered.submit(&gateway).await.status, 201);
    assert_eq!(answered.submit(&gateway).await.status, 200);
    let patience = value_of(&page.text(), "patience").unwrap();
    let hasty = form.field("patience", &patience).submit(&gateway).await;
    assert_eq!(hasty.status, 429, "a minute is a minute");
}

#[tokio::test]
async fn an_old_page_is_sent_back_with_everything_in_it() {
    let mut site = Site::new().await;
    let gateway = site.start().await;
    let stale = Form::default().field("token", &"0".repeat(64)).field("content", "放了一夜的页面");
    let reply = stale.submit(&gateway).await;
    assert_eq!((reply.status, reply.text().contains("\n放了一夜的页面</textarea>")), (403, true));
    let fresh = value_of(&reply.text(), "token").unwrap();
    let again = Form::default().field("token", &fresh).field("content", "放了一夜的页面").submit(&gateway).await;
    assert_eq!(again.status, 201);
}
