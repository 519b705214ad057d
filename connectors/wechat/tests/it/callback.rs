//! What the callback promises.

use crate::support::*;
use http::{Method, StatusCode};
use jiesu_connector::{Callers, Reception, Refusal, Rejection};
use serde_json::json;
use std::time::Duration;

const TEXT: &str = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime>\
                    <MsgType>text</MsgType><Content>路灯坏了</Content><MsgId>7</MsgId></xml>";

#[test]
fn the_official_verification_is_answered_with_echostr_and_nothing_else() {
    let parts = channel(json!({}));
    let webhook = webhook(&parts);
    let query = "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504&nonce=1514711492";
    let Ok(Reception::Answer(response)) = webhook.receive(&request(Method::GET, query, b""), now()) else { panic!() };
    assert_eq!(response.body, "4375120948345356249");
    assert_eq!(response.headers["content-type"], "text/plain; charset=utf-8");
    for bad in ["", "echostr=1", &query.replace("f464", "f465"), &query.replace("echostr", "echo")] {
        let refused = webhook.receive(&request(Method::GET, bad, b""), now());
        assert!(matches!(refused, Err(Rejection::Unauthenticated(r)) if r.status == StatusCode::FORBIDDEN), "{bad}");
    }
    assert_eq!(webhook.callers(), Callers::Platform);
}

#[test]
fn other_methods_and_deeper_paths_are_refused() {
    let parts = channel(json!({}));
    let webhook = webhook(&parts);
    let refused = |request| match webhook.receive(&request, now()) {
        Err(Rejection::Unauthenticated(response)) => response.status.as_u16(),
        _ => panic!("taken"),
    };
    assert_eq!(refused(request(Method::PUT, "", b"")), 405);
    assert_eq!(refused(jiesu_connector::Request { path: "/status".into(), ..plain(TEXT) }), 404);
    assert_eq!(refused(request(Method::POST, "", &vec![b' '; (1 << 20) + 1])), 413);
}

#[test]
fn everything_that_is_wrong_with_an_encrypted_push_looks_alike() {
    let parts = channel(json!({}));
    let webhook = webhook(&parts);
    let refusal = |encrypted: &str, signed: &str| {
        let query = format!("timestamp=1&nonce=2&encrypt_type=aes&msg_signature={}", sha1(&[TOKEN, "1", "2", signed]));
        let body = format!("<xml><Encrypt>{encrypted}</Encrypt></xml>");
        match webhook.receive(&request(Method::POST, &query, body.as_bytes()), now()) {
            Err(Rejection::Unauthenticated(response)) => (response.status, response.body),
            _ => panic!("taken"),
        }
    };
    let first = refusal("AAAA", "BBBB");
    for encrypted in ["AAAA", "%%", "A", &"A".repeat(64), &"A".repeat(43)] {
        assert_eq!(refusal(encrypted, encrypted), first, "{encrypted}");
    }
}

#[test]
fn a_store_that_cannot_write_never_yields_success() {
    let parts = channel(json!({ "mode": "plain" }));
    let webhook = webhook(&parts);
    for body in [TEXT.to_owned(), TEXT.replace("路灯坏了", "催办"), TEXT.replace(">text<", ">event<")] {
        let accept = accepted(webhook.receive(&plain(&body), now()));
        let response = (accept.answer)(Err(Refusal::Unavailable { retry_after: Duration::from_secs(1) }));
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!String::from_utf8_lossy(&response.body).contains("success"));
    }
    let Ok(Reception::LookUp(look_up)) = bare(webhook.receive(&plain(&TEXT.replace("路灯坏了", "进度")), now()))
    else {
        panic!("a look-up")
    };
    let refusal = Refusal::Unavailable { retry_after: Duration::from_secs(1) };
    assert_eq!((look_up.answer)(Err(refusal)).status, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn the_message_id_repeats_across_citizens_and_is_no_float() {
    let parts = channel(json!({ "mode": "plain" }));
    let webhook = webhook(&parts);
    let key = |body: &str| accepted(webhook.receive(&plain(body), now())).messages.remove(0).keys.remove(0).value;
    assert_ne!(key(TEXT), key(&TEXT.replace("oA", "oB")));
    assert_ne!(key(TEXT), key(&TEXT.replace("gh_1", "gh_2")));
    let near = |id: &str| key(&TEXT.replace(">7<", &format!(">{id}<")));
    assert_ne!(near("9007199254740993"), near("9007199254740992"));
    let json = |id: &str| {
        key(&format!(
            r#"{{"ToUserName":"g","FromUserName":"o","CreateTime":1,"MsgType":"text","Content":"a","MsgId":{id}}}"#
        ))
    };
    assert_ne!(json("9007199254740993"), json("9007199254740992"));
    assert_eq!(json("18446744073709551615"), "g/o/18446744073709551615");
}

#[test]
fn two_events_of_a_citizen_in_one_second_are_two() {
    let parts = channel(json!({ "mode": "plain" }));
    let webhook = webhook(&parts);
    let key = |more: &str| {
        let body = format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1</CreateTime>\
             <MsgType>event</MsgType>{more}</xml>"
        );
        accepted(webhook.receive(&plain(&body), now())).messages.remove(0).keys.remove(0).value
    };
    let keys = [
        key("<Event>subscribe</Event>"),
        key("<Event>unsubscribe</Event>"),
        key("<Event>SCAN</Event><EventKey>1</EventKey>"),
        key("<Event>SCAN</Event><EventKey>2</EventKey>"),
        key("<Event>TEMPLATESENDJOBFINISH</Event><MsgID>1</MsgID>"),
        key("<Event>TEMPLATESENDJOBFINISH</Event><MsgID>2</MsgID>"),
    ];
    for (index, one) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(one), "{one}");
    }
}

#[test]
fn a_redelivery_has_the_same_key_and_digest_and_gets_the_same_answer() {
    let parts = channel(json!({ "mode": "plain" }));
    let webhook = webhook(&parts);
    let first = accepted(webhook.receive(&plain(TEXT), now()));
    let again = accepted(webhook.receive(&plain(&TEXT.replace("><", ">\n<")), now() + Duration::from_secs(5)));
    let other = accepted(webhook.receive(&plain(&TEXT.replace("路灯", "井盖")), now()));
    assert_eq!(first.messages[0].keys, again.messages[0].keys);
    assert_eq!(first.messages[0].digest, again.messages[0].digest);
    assert_ne!(first.messages[0].digest, other.messages[0].digest);
    assert_eq!(answered(first).body, answered(again).body);
}

#[test]
fn faults_of_the_configuration_name_the_key_and_what_would_be_right() {
    let faults = |more| {
        let faults = try_build(config(more)).err().unwrap();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(faults(json!({ "encoding_aes_key": "short" })).contains("encoding_aes_key: has 5 characters"));
    assert!(faults(json!({ "encoding_aes_key": null })).contains("43 characters"));
    assert!(faults(json!({ "previous_encoding_aes_key": "*".repeat(43) })).starts_with("previous_encoding_aes_key: "));
    assert!(faults(json!({ "token": "env:MISSING" })).contains("token: env:MISSING is not set"));
    assert!(faults(json!({ "api_base": "api.weixin.qq.com" })).contains("api_base: "));
    assert!(faults(json!({ "words": { "wechat": { "recept": "a" } } })).contains("words.wechat.recept: "));
    let notice = faults(json!({ "notice": { "kind": "template", "template_id": "", "fields": {} } }));
    assert!(notice.contains("notice.template_id: ") && notice.contains("notice.fields: "), "{notice}");
    let both = faults(json!({ "app_id": "", "token": "" }));
    assert!(both.contains("app_id: ") && both.contains("token: "), "{both}");
    assert!(try_build(config(json!({ "mode": "plain", "encoding_aes_key": null }))).is_ok());
    let unknown: Result<jiesu_wechat::Config, _> = serde_json::from_value(config(json!({ "tokn": "a" })));
    assert!(unknown.unwrap_err().to_string().contains("`token`"));
}
