//! `jiesu try`: one stored sample through a channel, touching nothing.

use super::load_offline;
use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::FutureExt;
use jiesu_connector::{Inbound, Raw, Reception, Rejection, Response, Sample};
use jiff::Timestamp;
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Arguments {
    /// The channel's id in the configuration.
    channel: String,
    /// The sample: `.http` (a request with its head), or the bare message (`.json`, `.xml`, `.eml`; `.pdu` in hex).
    sample: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
}

#[allow(clippy::print_stdout)] // A command's answer.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load_offline(&arguments.config) {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let Some(parts) = loaded.parts.get(&arguments.channel) else {
        let known: Vec<&str> = loaded.parts.keys().map(String::as_str).collect();
        bail!(
            "there is no channel {:?} in {}; known: {}",
            arguments.channel,
            arguments.config.display(),
            known.join(", ")
        );
    };
    let name = arguments.sample.display();
    let file = Bytes::from(std::fs::read(&arguments.sample).with_context(|| format!("{name} cannot be read"))?);
    let extension = arguments.sample.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let raws = match extension {
        "http" => {
            let sample = Sample::parse(&file).with_context(|| name.to_string())?;
            let Inbound::Push(webhook) = &parts.inbound else {
                bail!("channel {:?} does not come in over HTTP; give it a bare message", arguments.channel);
            };
            match webhook.receive(&sample.request, when(&sample.request.headers)) {
                Ok(reception) => match kept(reception) {
                    Ok(raws) => raws,
                    Err(said) => {
                        println!("{said}");
                        return Ok(ExitCode::SUCCESS);
                    }
                },
                Err(Rejection::Unauthenticated(answer)) => {
                    bail!("the channel refuses it, not authentic: {}", shown(&answer))
                }
                Err(Rejection::Malformed { reason: "skipped", response }) => {
                    println!("the map skips it (null); the answer: {}", shown(&response));
                    return Ok(ExitCode::SUCCESS);
                }
                Err(Rejection::Malformed { reason, response }) => {
                    bail!("the channel refuses it ({reason}): {}", shown(&response))
                }
            }
        }
        other => vec![bare(other, file)?],
    };
    for raw in raws {
        match parts.parser.explain(&raw) {
            Ok(appeals) => appeals.iter().for_each(|appeal| println!("{:#}", appeal.to_json())),
            Err(why) => bail!("{name} makes no appeal: {why}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// When a stored request was made, as its Date says: a signature that was good then may be too old by now.
fn when(headers: &http::HeaderMap) -> Timestamp {
    let date = headers.get(http::header::DATE).and_then(|value| value.to_str().ok());
    let then = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|then| then.timestamp());
    then.unwrap_or_else(Timestamp::now)
}

/// What would be kept; else what would be answered.
fn kept(reception: Reception) -> Result<Vec<Raw>, String> {
    match reception {
        Reception::Accept(accept) => Ok(accept.messages.into_iter().map(|message| message.raw).collect()),
        Reception::Answer(answer) => Err(shown(&answer)),
        Reception::LookUp(look_up) => Err(match &look_up.number {
            Some(number) => format!("a citizen asks how far {number} is; the gateway answers from the store"),
            None => "a citizen asks how far their matters are; the gateway answers from the store".into(),
        }),
        // The memory of this process answers at once, and remembers nobody.
        Reception::Ask(asked) => match asked.now_or_never() {
            Some(Ok(reception)) => kept(reception),
            Some(Err(Rejection::Unauthenticated(answer) | Rejection::Malformed { response: answer, .. })) => {
                Err(shown(&answer))
            }
            None => Err("the gateway asks first what its nodes remember of the sender".into()),
        },
        // What is done beside it is left out: nothing is touched here.
        Reception::With(reception, _) => kept(*reception),
    }
}

fn bare(extension: &str, file: Bytes) -> anyhow::Result<Raw> {
    let (media_type, body) = match extension {
        "json" => ("application/json", file),
        "xml" => ("text/xml", file),
        "eml" => ("message/rfc822", file),
        "pdu" => ("application/octet-stream", unhex(&file).context("a .pdu sample is hexadecimal digits")?),
        other => bail!("a sample ends in .http, .json, .xml, .eml or .pdu, not in .{other}"),
    };
    Ok(Raw { media_type: media_type.into(), meta: BTreeMap::new(), body })
}

fn unhex(text: &[u8]) -> Option<Bytes> {
    let digits: Option<Vec<u8>> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn shown(response: &Response) -> String {
    format!("{} {}", response.status, String::from_utf8_lossy(&response.body))
}
