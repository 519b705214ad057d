//! The interface keeps to its own description: asked by schemathesis, with what the description allows and with more.

use crate::harness::{Gateway, Site, TOKEN, request};
use std::{net::SocketAddr, path::Path, process::Command};

async fn examine(gateway: &Gateway, listener: SocketAddr) {
    let token = format!("Bearer {TOKEN}");
    let description = request(listener, "GET", "/api/v1/openapi.json", &[("authorization", &token)], b"").await;
    assert_eq!((description.status, description.json()["openapi"].as_str()), (200, Some("3.1.0")));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/peers/bin/schemathesis");
    assert!(program.exists(), "schemathesis is not installed: run `make setup`");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder.path()).arg("--config-file").arg(root.join("tests/peers/web/schemathesis.toml"));
    command.args(["run", "--no-color", "--workers", "1"]);
    command
        .args(["--header", &format!("Authorization: {token}")])
        .arg(format!("http://{listener}/api/v1/openapi.json"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!gateway.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_interface_is_as_it_is_described() {
    let mut site = Site::new().await;
    site.set("core.token", "env:JIESU_TEST_TOKEN");
    let gateway = site.start().await;
    examine(&gateway, gateway.public).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_interface_is_as_it_is_described() {
    let mut site = Site::new().await;
    site.set("admin.token", "env:JIESU_TEST_TOKEN");
    let gateway = site.start().await;
    gateway.accept("a", "路灯坏了").await;
    examine(&gateway, gateway.admin).await;
}
