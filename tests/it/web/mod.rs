//! The channel `web`: its page in a browser, its uploads, what keeps nuisance off, and the look-up.

mod look_up;
mod nuisance;
mod open311;
mod openapi;
mod pages;
mod uploads;

use crate::harness::{Gateway, Reply, eventually, get, request, seconds};
use serde_json::Value;

const BOUNDARY: &str = "----a-boundary";

/// A form with files, as a browser writes it; the name of a file is written as it is.
#[derive(Default, Clone)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        self.0.extend(head.as_bytes());
        self
    }

    pub fn file(mut self, name: impl AsRef<[u8]>, media_type: &str, bytes: impl AsRef<[u8]>) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"");
        let type_line = format!("\"\r\nContent-Type: {media_type}\r\n\r\n");
        self.0.extend([head.as_bytes(), name.as_ref(), type_line.as_bytes(), bytes.as_ref(), b"\r\n"].concat());
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        [&self.0, format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }

    /// Posted to `path` below the channel, by a program.
    pub async fn post(&self, gateway: &Gateway, below: &str, headers: &[(&str, &str)]) -> Reply {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [&[("content-type", kind.as_str()), ("accept", "application/json")], headers].concat();
        request(gateway.public, "POST", &format!("/channels/form{below}"), &headers, &self.bytes()).await
    }

    /// Posted by a browser.
    pub async fn submit(&self, gateway: &Gateway) -> Reply {
        self.post(gateway, "", &[("accept", "text/html")]).await
    }
}

/// The value of the first input called `name` in a page.
pub fn value_of(page: &str, name: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    after.split_once('"').map(|(value, _)| value.to_owned())
}

/// The token of a fresh page.
pub async fn token(gateway: &Gateway) -> String {
    value_of(&get(gateway.public, "/channels/form").await.text(), "token").unwrap()
}

/// The ticket of `number`, once it is there.
pub async fn ticket(gateway: &Gateway, number: &str) -> Value {
    eventually(&format!("the ticket {number}"), seconds(10), async || {
        let reply = get(gateway.admin, &format!("/api/v1/tickets/{number}")).await;
        (reply.status == 200).then(|| reply.json())
    })
    .await
}

/// The path of a link, which goes to the public address.
pub fn path_of(url: &Value) -> String {
    url.as_str().unwrap().replacen("https://12345.example", "", 1)
}
