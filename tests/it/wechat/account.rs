//! One official account, as the platform sees it: it signs, encrypts and sends pushes, and reads the answers.

use crate::harness::{Gateway, Reply, Site, random, request};
use aes::Aes256;
use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};
use toml::Table;

/// As the platform puts it into each address.
pub const QUERY_OPENID: &str = "oQUERY-0123456789";
/// The message id of the next message.
static NEXT: AtomicU64 = AtomicU64::new(24_000_000_000_000_001);

/// An id that no message had before: beyond 2^53 with the account's real ones.
pub fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The channel's id.
    pub channel: String,
    pub app_id: String,
    pub secret: String,
    pub token: String,
    /// EncodingAESKey, 43 characters.
    pub key: String,
    /// The one before.
    pub previous_key: Option<String>,
    pub mode: &'static str,
    pub hotline: &'static str,
}

/// A push, ready to be sent or spoilt.
#[derive(Debug, Clone)]
pub struct Push {
    pub query: String,
    pub body: Vec<u8>,
}

pub fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_bytes(key: &str) -> [u8; 32] {
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&ALPHABET, lenient).decode(format!("{key}=")).unwrap().try_into().unwrap()
}

/// `random(16) ‖ length ‖ message ‖ app id`, with padding.
pub fn envelope(message: &[u8], app_id: &str) -> Vec<u8> {
    let mut plain = b"sixteen~bytes~ok".to_vec();
    plain.extend_from_slice(&(message.len() as u32).to_be_bytes());
    plain.extend_from_slice(message);
    plain.extend_from_slice(app_id.as_bytes());
    let padding = 32 - plain.len() % 32;
    plain.resize(plain.len() + padding, padding as u8);
    plain
}

/// Encrypts whole blocks as they are.
pub fn encrypt(plain: &[u8], key: &str) -> String {
    let key = key_bytes(key);
    let iv: &[u8; 16] = key.first_chunk().unwrap();
    let mut buffer = plain.to_vec();
    let length = buffer.len();
    cbc::Encryptor::<Aes256>::new(&key.into(), iv.into()).encrypt_padded::<NoPadding>(&mut buffer, length).unwrap();
    STANDARD.encode(buffer)
}

fn decrypt(text: &str, key: &str) -> String {
    let key = key_bytes(key);
    let iv: &[u8; 16] = key.first_chunk().unwrap();
    let mut buffer = STANDARD.decode(text).unwrap();
    cbc::Decryptor::<Aes256>::new(&key.into(), iv.into()).decrypt_padded::<NoPadding>(&mut buffer).unwrap();
    let length = u32::from_be_bytes(buffer[16..20].try_into().unwrap()) as usize;
    String::from_utf8(buffer[20..20 + length].to_vec()).unwrap()
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Account {
    pub fn new(channel: &str, mode: &'static str) -> Self {
        Self {
            channel: channel.to_owned(),
            app_id: format!("wx{channel}0123456789"),
            secret: format!("SECRET{channel}secret0123456789"),
            token: format!("TOKEN{channel}token"),
            // Its last character has bits that mean nothing.
            key: "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C".to_owned(),
            previous_key: None,
            mode,
            hotline: "12345",
        }
    }

    /// Its channel in the configuration; with `api` things go out.
    pub fn configure(&self, site: &mut Site, api: Option<SocketAddr>, assembly: &str) {
        let set = |site: &mut Site, key: &str, value: toml::Value| {
            site.set(&format!("channels.{}.{key}", self.channel), value);
        };
        set(site, "type", "wechat".into());
        set(site, "hotline", self.hotline.into());
        set(site, "app_id", self.app_id.clone().into());
        set(site, "token", self.token.clone().into());
        set(site, "mode", self.mode.into());
        if self.mode != "plain" {
            set(site, "encoding_aes_key", self.key.clone().into());
        }
        if let Some(key) = &self.previous_key {
            set(site, "previous_encoding_aes_key", key.clone().into());
        }
        if let Some(api) = api {
            set(site, "app_secret", self.secret.clone().into());
            set(site, "api_base", format!("http://{api}").into());
        }
        let table: Table = format!("assembly = {assembly}").parse().unwrap();
        set(site, "assembly", table["assembly"].clone());
    }

    pub fn path(&self) -> String {
        format!("/channels/{}", self.channel)
    }

    /// `message` as this account's mode sends it.
    pub fn push(&self, message: &str) -> Push {
        match self.mode {
            "plain" => self.plain(message),
            "compatible" => self.both(message),
            _ => self.sealed(message),
        }
    }

    fn query(&self) -> (String, String, String) {
        let (time, nonce) = ("1763800000".to_owned(), random(1 << 40).to_string());
        let signature = sign(&[&self.token, &time, &nonce]);
        (format!("signature={signature}&timestamp={time}&nonce={nonce}&openid={QUERY_OPENID}"), time, nonce)
    }

    pub fn plain(&self, message: &str) -> Push {
        Push { query: self.query().0, body: message.as_bytes().to_vec() }
    }

    /// Encrypted only.
    pub fn sealed(&self, message: &str) -> Push {
        self.sealed_as(&encrypt(&envelope(message.as_bytes(), &self.app_id), &self.key), message.starts_with('{'), "")
    }

    /// The plain fields and the encrypted ones.
    pub fn both(&self, message: &str) -> Push {
        let fields = message.trim_start_matches("<xml>").trim_end_matches("</xml>");
        let encrypted = encrypt(&envelope(message.as_bytes(), &self.app_id), &self.key);
        let json = message.starts_with('{');
        self.sealed_as(&encrypted, json, if json { "" } else { fields })
    }

    /// Signs a ciphertext, whatever is in it.
    pub fn sealed_as(&self, encrypted: &str, json: bool, beside: &str) -> Push {
        let (query, time, nonce) = self.query();
        let signature = sign(&[&self.token, &time, &nonce, encrypted]);
        let body = match json {
            true => serde_json::json!({ "ToUserName": "gh_1", "Encrypt": encrypted }).to_string(),
            false => format!("<xml>{beside}<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"),
        };
        Push { query: format!("{query}&encrypt_type=aes&msg_signature={signature}"), body: body.into_bytes() }
    }

    /// Sends a push.
    pub async fn send(&self, gateway: &Gateway, push: &Push) -> Reply {
        let path = format!("{}?{}", self.path(), push.query);
        request(gateway.public, "POST", &path, &[("content-type", "text/xml")], &push.body).await
    }

    /// Sends `message`; it must be taken. What the citizen reads; empty for `success`.
    pub async fn say(&self, gateway: &Gateway, message: &str) -> String {
        let reply = self.send(gateway, &self.push(message)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.words(&reply)
    }

    /// The words of a passive reply, decrypted if need be; its signature must hold.
    pub fn words(&self, reply: &Reply) -> String {
        let text = reply.text();
        if text == "success" {
            return String::new();
        }
        let Some(encrypted) = field(&text, "Encrypt") else { return field(&text, "Content").expect("words") };
        let claimed = field(&text, "MsgSignature").expect("a signature");
        let (time, nonce) = (field(&text, "TimeStamp").unwrap(), field(&text, "Nonce").unwrap());
        assert_eq!(claimed, sign(&[&self.token, &time, &nonce, &encrypted]), "the answer's signature");
        field(&decrypt(&encrypted, &self.key), "Content").expect("words")
    }
}

/// A field of XML or JSON.
pub fn field(text: &str, name: &str) -> Option<String> {
    if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) {
        let value = fields.get(name)?;
        return Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    let value = value.strip_prefix("<![CDATA[").and_then(|value| value.strip_suffix("]]>")).unwrap_or(value);
    Some(value.to_owned())
}

/// The number in a receipt.
pub fn number(words: &str) -> String {
    let (_, rest) = words.split_once("编号 ").unwrap_or_else(|| panic!("no receipt: {words:?}"));
    rest.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '-').collect()
}

/// A message of `kind` with `fields` beside the usual ones.
pub fn message(openid: &str, id: u64, kind: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>\
         <CreateTime>1763800000</CreateTime><MsgType><![CDATA[{kind}]]></MsgType><MsgId>{id}</MsgId>"
    );
    for (name, value) in fields {
        text += &format!("<{name}><![CDATA[{value}]]></{name}>");
    }
    text + "</xml>"
}

/// The same in JSON.
pub fn message_json(openid: &str, id: u64, kind: &str, fields: &[(&str, &str)]) -> String {
    let mut text = Map::new();
    for (name, value) in [("ToUserName", "gh_1"), ("FromUserName", openid), ("MsgType", kind)].iter().chain(fields) {
        text.insert((*name).into(), (*value).into());
    }
    text.insert("CreateTime".into(), 1_763_800_000.into());
    text.insert("MsgId".into(), id.into());
    Value::Object(text).to_string()
}

/// Words of a citizen, with an id of their own.
pub fn text(openid: &str, words: &str) -> String {
    message(openid, next_id(), "text", &[("Content", words)])
}

/// An event, with a second of its own.
pub fn event(openid: &str, name: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>\
         <CreateTime>{}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>",
        next_id() % 1_000_000_000
    );
    for (name, value) in fields {
        text += &format!("<{name}><![CDATA[{value}]]></{name}>");
    }
    text + "</xml>"
}

/// The request's query and body with escapes for a query.
pub fn query_value(text: &str) -> String {
    escaped(text)
}
