//! E-mail: any bytes as a stored mail, and as what a mail server says on the LMTP port.
#![no_main]

use jiesu_connector::{Connector, Inbound, Parts, Raw};
use jiesu_connector_testkit::{FakeDoor, FakeSecrets};
use jiesu_email::Email;
use libfuzzer_sys::fuzz_target;
use std::{net::SocketAddr, sync::LazyLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

static CHANNEL: LazyLock<Parts> = LazyLock::new(|| {
    let config = serde_json::json!({ "transport": "lmtp", "listen": "127.0.0.1:0", "authserv_id": "mx.example",
        "smtp": { "host": "127.0.0.1", "from": "12345@city.example" } });
    let config = serde_json::from_value(config).expect("a configuration");
    Email::build(config, &FakeSecrets::default().setup("mail")).unwrap_or_else(|faults| panic!("{faults:?}"))
});

fuzz_target!(|data: &[u8]| {
    let raw = Raw { media_type: "message/rfc822".into(), meta: Default::default(), body: data.to_vec().into() };
    let first = CHANNEL.parser.parse(&raw);
    assert!(first.is_ok(), "every mail is one");
    assert_eq!(first, CHANNEL.parser.parse(&raw), "the same each time");

    let Inbound::Listen(port) = &CHANNEL.inbound else { unreachable!("LMTP connects to us") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let door = FakeDoor::default();
        let talk = port.talk(Box::new(far), SocketAddr::from(([127, 0, 0, 1], 1)), &door);
        let client = async {
            let _ = near.write_all(data).await;
            let _ = near.shutdown().await;
            let _ = near.read_to_end(&mut Vec::new()).await;
        };
        let _ = tokio::join!(talk, client);
    });
});
