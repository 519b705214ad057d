//! What the nodes share does not answer, or is not the same.

use super::{failures::all_there, *};
use crate::harness::Load;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_database_hangs_step_back_and_go_on_when_it_does() {
    let mut city = City::new().await;
    let (one, other) = city.two().await;
    let (here, there) = (Load::start("here", 3), Load::start("there", 3));
    here.aim(Some(one.public));
    there.aim(Some(other.public));
    here.advance(40, seconds(60)).await;
    // Connections stay open, and nobody answers.
    city.site.postgres().hang();
    logs(&one, "the store was not heard of for too long", seconds(20)).await;
    eventually("it is not ready", seconds(20), async || (get(one.admin, "/readyz").await.status == 503).then_some(()))
        .await;
    city.site.postgres().go_on();
    for load in [&here, &there] {
        load.advance(20, seconds(60)).await;
    }
    let tallies = [here.finish().await, there.finish().await];
    all_there(&city, &tallies).await;
    for node in [&one, &other] {
        assert_eq!(balanced(node).await["pending"], 0);
        eventually("it is ready", seconds(40), async || (get(node.admin, "/readyz").await.status == 200).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_key_does_not_start_and_one_with_other_files_is_told_of() {
    let mut city = City::new().await;
    let one = city.node().await;
    has_all(&one, seconds(20)).await;
    city.site.set("store.key", "quite-another-key-at-this-node-0123456789");
    // What it says of itself is there with what it holds.
    let (status, said) = Gateway::fails(city.site.command("serve", &[])).await;
    assert!(!status.success() && said.contains("store.key: the node "), "{said}");

    city.site.set("store.key", KEY);
    city.site.data = city.site.data.with_file_name("elsewhere");
    let other = city.node().await;
    logs(&other, "store.files is not the directory that this node has", seconds(30)).await;
    logs(&one, "store.files is not the directory that this node has", seconds(30)).await;
}
