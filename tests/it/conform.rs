//! The conformance kit: a receiver that keeps the contract passes, and each way of breaking it is told with what to mend.

use crate::harness::{Answer, Core, Site};
use jiesu::standin::{Options, StandIn};
use jiesu_connector::Secret;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// What the kit says of a receiver: each check with whether it passed; and the exit code.
async fn conform(url: &str, secret: &str) -> (BTreeMap<String, bool>, Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jiesu"));
    command.args(["stand-in", "--conform", url, "--secret", "env:SECRET"]).env("SECRET", secret);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let checks = said.lines().skip(1).take_while(|line| !line.is_empty()).map(|line| {
        let name = line.split_whitespace().next().unwrap().to_owned();
        assert!(line.contains("通过"), "{line}");
        (name, !line.contains("不通过"))
    });
    (checks.collect(), output.status.code(), said.clone() + &String::from_utf8_lossy(&output.stderr))
}

fn failed(checks: &BTreeMap<String, bool>) -> Vec<&str> {
    checks.iter().filter(|(_, passed)| !**passed).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stand_in_itself_keeps_the_contract() {
    let site = Site::new().await;
    let listen = ([127, 0, 0, 1], 0).into();
    let secret = Some(Secret::new(site.core.secret.clone()));
    let stand_in = StandIn::bind(Options { listen, secret, callback: None }).await.unwrap();
    let url = format!("http://{}/events", stand_in.address());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(stand_in.serve(stop.clone()));
    let (checks, code, said) = conform(&url, &site.core.secret).await;
    assert_eq!((failed(&checks), code), (vec![], Some(0)), "{said}");
    assert!(checks.len() >= 17, "{said}");
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_breaking_the_contract_is_told() {
    // Takes everything, whoever signed it.
    let core = Core::start().await;
    let (checks, code, said) = conform(&core.url(), &core.secret).await;
    let careless = ["altered", "broken", "forged", "future", "old", "other-id", "other-version", "unsigned"];
    assert_eq!((failed(&checks), code), (careless.to_vec(), Some(1)), "{said}");

    // Verifies, but knows only one type, only one signature, and takes nothing twice.
    let core = Core::start().await;
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    core.script(move |delivery| {
        let header =
            |name: &str| delivery.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.clone());
        let alone = header("webhook-signature").is_some_and(|value| !value.contains(' '));
        match () {
            () if delivery.signature.is_err() || !alone => Answer::Status(401),
            () if delivery.event.is_null() => Answer::Status(500),
            () if delivery.kind() == "ticket.conformance" => Answer::Status(422),
            () if delivery.event["data"]["ticket"].get("added_later").is_some() => Answer::Status(400),
            () if !seen.lock().unwrap().insert(delivery.id.clone()) => Answer::Status(500),
            () => Answer::Status(204),
        }
    });
    let (checks, code, said) = conform(&core.url(), &core.secret).await;
    assert_eq!(
        (failed(&checks), code),
        (vec!["broken", "repetition", "replay", "rotation", "unknown-fields", "unknown-type"], Some(1)),
        "{said}"
    );
    assert!(said.contains("按 webhook-id 去重") && said.contains("不认识的类型收下忽略"), "{said}");

    // Another secret: the first check says it all.
    let (checks, code, said) = conform(&core.url(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").await;
    assert_eq!((checks.len(), failed(&checks), code), (1, vec!["signed"], Some(1)), "{said}");
    assert!(said.contains("核对双方密钥"), "{said}");
    let (_, code, said) = conform("ftp://nowhere/", &core.secret).await;
    assert!(code == Some(1) && said.contains("no http:// or https:// address"), "{said}");
}
