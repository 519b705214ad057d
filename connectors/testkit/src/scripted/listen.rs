//! A channel that opens connections to us.

use super::{message, parts};
use async_trait::async_trait;
use jiesu_connector::{BuildError, Connector, Door, Inbound, Listener, Parts, Setup, Stream};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Bytes in one line, at most.
const MAX_LINE: u64 = 64 * 1024;

/// The connector `scripted-listen`: each line `NAME WORDS` is a message, answered with `OK NUMBER` or `NO REASON`.
pub struct ScriptedListen {
    address: SocketAddr,
}

/// Where it listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedListenConfig {
    /// The address, as `127.0.0.1:0`.
    #[serde(default = "anywhere")]
    pub listen: SocketAddr,
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Connector for ScriptedListen {
    const NAME: &'static str = "scripted-listen";
    type Config = ScriptedListenConfig;

    fn build(config: Self::Config, _: &Setup<'_>) -> Result<Parts, Vec<BuildError>> {
        Ok(parts(Inbound::Listen(Box::new(Self { address: config.listen }))))
    }
}

#[async_trait]
impl Listener for ScriptedListen {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn talk(&self, stream: Box<dyn Stream>, _: SocketAddr, door: &dyn Door) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if (&mut stream).take(MAX_LINE).read_line(&mut line).await? == 0 || !line.ends_with('\n') {
                return Ok(());
            }
            let answer = match line.trim_end().split_once(' ') {
                None => "NO name and words\n".to_owned(),
                Some((name, words)) => match door.accept(vec![message(Some(name), words.to_owned())]).await {
                    Ok(receipts) => format!("OK {}\n", receipts.first().map_or("", |receipt| &receipt.number)),
                    Err(refusal) => format!("NO {refusal}\n"),
                },
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FakeDoor;
    use jiesu_connector::Refusal;

    #[tokio::test]
    async fn listen_fits_the_contract() {
        let (listener, door) = (ScriptedListen { address: anywhere() }, FakeDoor::default());
        let (near, far) = tokio::io::duplex(1024);
        let talk = listener.talk(Box::new(far), anywhere(), &door);
        let client = async {
            let mut near = BufReader::new(near);
            let mut answers = Vec::new();
            for line in ["1 路灯坏了\n", "1 路灯坏了\n", "nonsense\n", "2 井盖丢了\n"] {
                door.refuse(line.starts_with('2').then_some(Refusal::UnderWay));
                near.write_all(line.as_bytes()).await.unwrap();
                let mut answer = String::new();
                near.read_line(&mut answer).await.unwrap();
                answers.push(answer.trim_end().to_owned());
            }
            answers
        };
        let (talked, answers) = tokio::join!(talk, client);
        talked.unwrap();
        let under_way = format!("NO {}", Refusal::UnderWay);
        assert_eq!(answers, ["OK 20261122-000001-2", "OK 20261122-000001-2", "NO name and words", &under_way]);
        assert_eq!(door.kept().len(), 1);
    }
}
