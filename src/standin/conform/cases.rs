//! What is tried, in this order.

use super::{Answer, Bench, Finding, Sent, sample::Sample};
use crate::delivery::signature::SigningKey;
use jiesu_connector::Secret;
use serde_json::{Value, json};
use std::time::Duration;

/// A key that the receiver does not know.
const FOREIGN: &str = "whsec_Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2Vk";
/// Slower than this and a backlog takes long to drain.
const SLOW: Duration = Duration::from_secs(2);

pub(super) async fn all(bench: &Bench) -> Vec<Finding> {
    let mut findings = vec![first(bench).await];
    if findings[0].mend.is_some() {
        // Without this nothing else says anything.
        return findings;
    }
    findings.push(repetition(bench).await);
    findings.push(order(bench).await);
    findings.push(replay(bench).await);
    findings.extend(rotation(bench).await);
    findings.extend(forged(bench).await);
    findings.extend(tolerant(bench).await);
    findings.push(broken(bench).await);
    findings.push(speed(bench).await);
    findings
}

fn finding(name: &'static str, what: &'static str, answers: &[Answer], right: bool, mend: &'static str) -> Finding {
    let mut answered: Vec<String> = answers.iter().map(Answer::shown).collect();
    answered.dedup();
    Finding { name, what, answered: answered.join("、"), mend: (!right).then_some(mend) }
}

fn bytes(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

/// Sends an event as the gateway does.
async fn plain(bench: &Bench, (id, event): &(String, Value)) -> Answer {
    bench.send(Sent::new(id, &bytes(event))).await.0
}

fn refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Status(400..=499))
}

async fn first(bench: &Bench) -> Finding {
    let answer = plain(bench, &Sample::new().created()).await;
    let mend = match &answer {
        Answer::Status(401 | 403) => {
            "签名正确却被拒：核对双方密钥；按原始字节验签，不要先解析再序列化；签名内容是 id.timestamp.body"
        }
        Answer::Status(300..=399) => "网关不跟随跳转：把最终地址填进 url",
        Answer::Status(415) => "接受 Content-Type: application/cloudevents+json",
        Answer::Status(404 | 405) => "地址或方法不对：网关用 POST",
        Answer::Status(_) => "存好事件后应答 2xx",
        Answer::Nothing(_) => "服务没有应答：检查地址、端口和防火墙，10 秒内要应答",
    };
    let right = matches!(answer, Answer::Status(200..=299));
    finding("signed", "签名正确的事件被接收", &[answer], right, mend)
}

async fn repetition(bench: &Bench) -> Finding {
    let event = Sample::new().created();
    let answers = [plain(bench, &event).await, plain(bench, &event).await, plain(bench, &event).await];
    let right = answers.iter().all(Answer::taken);
    finding(
        "repetition",
        "同一事件再次送达",
        &answers,
        right,
        "按 webhook-id 去重：已有的事件应答 2xx 或 409，不要报错",
    )
}

async fn order(bench: &Bench) -> Finding {
    let mut ticket = Sample::new();
    let mut answers = vec![plain(bench, &ticket.created()).await];
    let status = |old: &str, new: &str| json!({ "status": { "old": old, "new": new } });
    for (kind, change) in [
        ("ticket.supplemented", json!({ "content": "补充", "transcript": [], "attachments": [] })),
        (
            "ticket.repeated",
            json!({ "content": "再次反映", "count": 2, "score": 0.9, "reason": "联调测试", "number": ticket.number }),
        ),
        ("ticket.urged", json!({ "content": "催办" })),
        ("ticket.updated", status("accepted", "dispatched")),
        ("ticket.updated", status("dispatched", "replied")),
        ("ticket.joined", json!({ "incident": "in_0", "size": 2, "reason": "联调测试" })),
        ("ticket.rated", json!({ "score": 5, "content": "5" })),
        ("ticket.withdrawn", json!({ "content": "撤回" })),
    ] {
        answers.push(plain(bench, &ticket.event(kind, change)).await);
    }
    let right = answers.iter().all(Answer::taken);
    finding("order", "一个工单的各类事件依次送达", &answers, right, "八种事件都应答 2xx：暂不处理的类型也要收下")
}

async fn replay(bench: &Bench) -> Finding {
    let mut ticket = Sample::new();
    let (first, second) = (ticket.created(), ticket.event("ticket.urged", json!({ "content": "催办" })));
    let mut answers = Vec::new();
    for event in [&first, &second, &first, &second] {
        answers.push(plain(bench, event).await);
    }
    // A receiver that lost its data gets a later event of a ticket that it does not know.
    answers.push(
        plain(
            bench,
            &Sample::new().event("ticket.updated", json!({ "status": { "old": "accepted", "new": "closed" } })),
        )
        .await,
    );
    let right = answers.iter().all(Answer::taken);
    finding(
        "replay",
        "回放：旧事件再来、未见过的工单直接更新",
        &answers,
        right,
        "每个事件都带完整工单：没有该工单就按事件内容建立，旧的按 sequence 忽略，都应答 2xx",
    )
}

async fn rotation(bench: &Bench) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(foreign) = SigningKey::new(&Secret::new(FOREIGN)) else { return findings };
    let (id, event) = Sample::new().created();
    let body = bytes(&event);
    let mut answers = Vec::new();
    for own_first in [true, false] {
        let mut sent = Sent::new(&id, &body);
        let (own, other) = (bench.key.sign(&id, sent.at, &body), foreign.sign(&id, sent.at, &body));
        sent.signature = Some(if own_first { format!("{own} {other}") } else { format!("v1a,AAAA {other} {own}") });
        answers.push(bench.send(sent).await.0);
    }
    let right = answers.iter().all(Answer::taken);
    let mend = "webhook-signature 里可能有几个以空格分开的签名：有一个 v1 相符就接受";
    findings.push(finding("rotation", "更换密钥期间带两个签名", &answers, right, mend));
    if let Some(old) = &bench.old {
        let (id, event) = Sample::new().created();
        let mut sent = Sent::new(&id, &bytes(&event));
        sent.signature = Some(old.sign(&id, sent.at, &sent.body));
        let answer = bench.send(sent).await.0;
        let right = answer.taken();
        let mend = "更换密钥期间新旧两个密钥都要接受，待网关换好再停用旧的";
        findings.push(finding("old-secret", "只用旧密钥签名", &[answer], right, mend));
    }
    findings
}

async fn forged(bench: &Bench) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(foreign) = SigningKey::new(&Secret::new(FOREIGN)) else { return findings };
    let (id, event) = Sample::new().created();
    let body = bytes(&event);
    let now = Sent::new(&id, &body).at;
    let mut altered = body.clone();
    altered.push(b' ');
    let own = bench.key.sign(&id, now, &body);
    let cases = [
        ("forged", "别人的密钥签名", Sent { signature: Some(foreign.sign(&id, now, &body)), ..Sent::new(&id, &body) }),
        ("altered", "签名后改过一个字节", Sent { at: now, signature: Some(own.clone()), ..Sent::new(&id, &altered) }),
        (
            "other-id",
            "签名是另一个 webhook-id 的",
            Sent { at: now, signature: Some(own.clone()), ..Sent::new("ev_other", &body) },
        ),
        ("unsigned", "没有签名", Sent { signature: Some(String::new()), ..Sent::new(&id, &body) }),
        (
            "other-version",
            "只有别的版本的签名",
            Sent { at: now, signature: Some(own.replacen("v1,", "v2,", 1)), ..Sent::new(&id, &body) },
        ),
    ];
    let mend = "验签不符要拒绝（应答 401）：比较 HMAC-SHA256，用常数时间比较";
    for (name, what, sent) in cases {
        let answer = bench.send(sent).await.0;
        let right = refused(&answer);
        findings.push(finding(name, what, &[answer], right, mend));
    }
    for (name, what, shift) in [("old", "一小时前签名的事件", -3600), ("future", "一小时后的时间", 3600)]
    {
        let (id, event) = Sample::new().created();
        let sent = Sent { at: now + shift, ..Sent::new(&id, &bytes(&event)) };
        let answer = bench.send(sent).await.0;
        let right = refused(&answer);
        let mend = "webhook-timestamp 与本机时间相差超过 5 分钟要拒绝（应答 401），防止重放";
        findings.push(finding(name, what, &[answer], right, mend));
    }
    findings
}

async fn tolerant(bench: &Bench) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut take = async |name, what, event: (String, Value), mend| {
        let answer = plain(bench, &event).await;
        let right = answer.taken();
        findings.push(finding(name, what, &[answer], right, mend));
    };
    let mut event = Sample::new().created();
    event.1["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    event.1["data"]["later"] = json!({ "a": [1, null] });
    event.1["data"]["ticket"]["added_later"] = json!({ "nested": [true, { "x": null }] });
    event.1["data"]["ticket"]["appellant"]["added_later"] = json!("x");
    take("unknown-fields", "带有不认识的字段", event, "不认识的字段要忽略：新版本只会增加字段").await;
    let event = Sample::new().event("ticket.conformance", json!({ "anything": 1 }));
    take("unknown-type", "不认识的事件类型", event, "不认识的类型收下忽略，应答 2xx：否则进入死信").await;
    let mut event = Sample::new().created();
    event.1["data"]["ticket"]["content"] =
        json!("【联调测试】🚧 \u{2028} \u{202e} <b>&amp;</b> ' -- \" \\ \t \u{20bb7}");
    take(
        "characters",
        "表情、生僻字、换行符、引号",
        event,
        "按 UTF-8 原样保存（数据库用 utf8mb4），不要拼接 SQL 或 HTML",
    )
    .await;
    let mut event = Sample::new().created();
    event.1["data"]["ticket"]["content"] = json!(format!("【联调测试】{}", "长".repeat(100_000)));
    take("large", "十万字的诉求（约 300 kB）", event, "接受至少 1 MB 的请求体").await;
    findings
}

async fn broken(bench: &Bench) -> Finding {
    let id = Sample::new().created().0;
    let answer = bench.send(Sent::new(&id, b"{\"specversion\":\"1.0\"")).await.0;
    let right = matches!(answer, Answer::Status(400 | 413 | 415 | 422));
    finding(
        "broken",
        "签名正确但不是 JSON",
        &[answer],
        right,
        "内容有误应答 400 或 422（该事件进死信，其余照常）；5xx 会让网关认为整个系统中断",
    )
}

async fn speed(bench: &Bench) -> Finding {
    let events: Vec<(String, Value)> = (0..16).map(|_| Sample::new().created()).collect();
    let sent = events.iter().map(|(id, event)| bench.send(Sent::new(id, &bytes(event))));
    let answers = futures_util::future::join_all(sent).await;
    let slowest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let right = answers.iter().all(|(answer, _)| answer.taken()) && slowest < SLOW;
    let mut shown: Vec<Answer> = answers.into_iter().map(|(answer, _)| answer).collect();
    shown.dedup();
    let mut finding = finding("speed", "16 个工单同时送达", &shown, right, "先存后办：存好即应答，2 秒内，能并发");
    finding.answered.push_str(&format!("，最慢 {} 毫秒", slowest.as_millis()));
    finding
}
