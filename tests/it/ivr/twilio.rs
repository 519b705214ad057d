//! Twilio's calls, signed and read by Twilio's own package.

use super::*;
use std::{path::Path, process::Command};

const TOKEN: &str = "twilio-auth-token-0123456789";

async fn site_of(signature: &str) -> Site {
    let mut site = Site::new().await;
    site.set("channels.phone.type", "ivr");
    site.set("channels.phone.dialect", "twilio");
    site.set("channels.phone.auth_token", TOKEN);
    site.set("channels.phone.signature", signature);
    site.set("channels.phone.transcribe", true);
    site.set(
        "channels.phone.wait",
        toml::toml! { settle = "1s" content = "2s" end = "5s" recording = "5s" transcript = "5s" },
    );
    site.set(
        "channels.phone.menu.main",
        toml::toml! {
            prompt = "投诉请按 1，咨询请按 2。"
            keys = { 1 = { label = "投诉", kind = "complaint", then = "what" }, 2 = { kind = "consultation" } }
        },
    );
    site.set(
        "channels.phone.menu.what",
        toml::toml! {
            prompt = "占道请按 1。"
            keys = { 1 = { label = "占道", hotline = "12319" } }
        },
    );
    site
}

/// What Twilio's package finds.
async fn peer(gateway: &Gateway, algorithm: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/bin/python");
    assert!(python.exists(), "the libraries are not installed: run `make setup`");
    let mut command = Command::new(python);
    command.arg(root.join("tests/peers/twilio_calls.py"));
    command.args([&gateway.public.to_string(), "https://12345.example", "phone", TOKEN, algorithm]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{said:?}");
    serde_json::from_str(&said[0]).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_through_a_call_is_answered_and_no_forgery_is() {
    for (signature, algorithm) in [("sha1", "HMAC_SHA1"), ("sha256", "HMAC_SHA256")] {
        let mut site = site_of(signature).await;
        let gateway = site.start().await;
        let found = peer(&gateway, algorithm).await;
        assert_eq!(found["faults"], json!([]), "{found:#}");
        assert!(found["answers"].as_u64().unwrap() > 100 && found["forged"] == 19, "{found}");
        // The forged call left nothing: those that were answered are all that there is.
        let total = at_rest(&gateway).await;
        assert_eq!(total["ticketed"], 3, "{total}");
    }
}

/// Posts a callback that must be taken: the answer.
async fn twilio(gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> String {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut sorted = fields.to_vec();
    sorted.sort_unstable();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(format!("https://12345.example/channels/phone{path}").as_bytes());
    sorted.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mac.finalize().into_bytes());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature.as_str())];
    let reply = request(gateway.public, "POST", &format!("/channels/phone{path}"), &headers, body.as_bytes()).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_one_ticket_with_what_was_chosen_whatever_the_order_of_the_callbacks() {
    let mut site = site_of("sha1").await;
    let gateway = site.start().await;
    let recording = "https://api.twilio.invalid/2010-04-01/Accounts/AC0/Recordings/RE0";
    let mut said = Vec::new();
    for (call, order) in [("CA1", [0, 1, 2]), ("CA2", [2, 1, 0])] {
        let mut of =
            vec![("CallSid", call), ("From", "+8613900000001"), ("To", "+8683312345"), ("CallStatus", "in-progress")];
        twilio(&gateway, "", &of).await;
        of.push(("Digits", "1"));
        assert!(twilio(&gateway, "/menu/main/0", &of).await.contains("占道请按 1"));
        assert!(twilio(&gateway, "/menu/what/0", &of).await.contains("<Record"));
        of.pop();
        of.extend([("RecordingUrl", recording), ("RecordingDuration", "35"), ("Digits", "hangup")]);
        said.push(twilio(&gateway, "/recorded", &of).await);
        let recorded =
            [("CallSid", call), ("RecordingSid", "RE0"), ("RecordingUrl", recording), ("RecordingStatus", "completed")];
        let words = ["白燕路工地夜里十二点还在打桩", "青衣坝菜市场门口每天早上占道经营"];
        let text = words[usize::from(call == "CA2")];
        let transcribed = [("CallSid", call), ("TranscriptionStatus", "completed"), ("TranscriptionText", text)];
        let ended =
            [("CallSid", call), ("From", "+8613900000001"), ("CallStatus", "completed"), ("CallDuration", "61")];
        let callbacks: [(&str, &[(&str, &str)]); 3] =
            [("/recording", &recorded), ("/transcription", &transcribed), ("/status", &ended)];
        for place in order.into_iter().chain(order) {
            let (path, fields) = callbacks[place];
            twilio(&gateway, path, fields).await;
        }
    }
    at_rest(&gateway).await;
    let created: Vec<Value> =
        feed(&gateway).await.into_iter().filter(|event| event["type"] == "ticket.created").collect();
    assert_eq!(created.len(), 2, "{created:#?}");
    for (event, said) in created.iter().zip(said) {
        let ticket = &event["data"]["ticket"];
        assert_eq!((&ticket["kind"], &ticket["hotline"]["code"]), (&json!("complaint"), &json!("12319")));
        assert_eq!(ticket["attachments"].as_array().unwrap().len(), 1);
        assert!(ticket["content"].as_str().unwrap().chars().count() > 10);
        // The caller is told the number, digit by digit.
        let number: Vec<String> =
            ticket["number"].as_str().unwrap().chars().filter(char::is_ascii_digit).map(String::from).collect();
        assert!(said.contains(&number.join(" ")), "{said}");
    }
}
