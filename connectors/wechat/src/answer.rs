//! Passive replies (被动回复): what the platform shows the citizen as the answer to a push.

use crate::{
    crypto::{AesKey, signature},
    fields::{Fields, Format},
};
use http::StatusCode;
use jiesu_connector::{Progress, Receipt, Response, Words, shorten};
use serde_json::json;

/// The platform's limit on a text, in bytes (error 45002 beyond it).
pub const MAX_TEXT: usize = 2_048;

/// Everything needed to answer one push the way it came.
pub struct Envelope {
    /// The citizen.
    pub to: String,
    /// The account.
    pub from: String,
    /// How the push was written.
    pub format: Format,
    /// How the push was encrypted, if it was.
    pub seal: Option<Seal>,
}

/// What encrypts an answer.
pub struct Seal {
    /// The key that opened the push.
    pub key: AesKey,
    /// The account's AppID.
    pub app_id: String,
    /// The account's Token.
    pub token: jiesu_connector::Secret,
    /// The nonce of the request, given back.
    pub nonce: String,
}

/// Accepted, nothing to say.
pub fn success() -> Response {
    Response::new(StatusCode::OK, "text/plain; charset=utf-8", "success")
}

impl Envelope {
    /// For the sender of `fields`.
    pub fn to_sender(fields: &Fields, seal: Option<Seal>) -> Self {
        let field = |name| fields.get(name).unwrap_or_default().to_owned();
        Self { to: field("FromUserName"), from: field("ToUserName"), format: fields.format, seal }
    }

    /// A text at `time` (seconds since 1970). Without words, or without anybody to say them to, only `success`.
    pub fn text(&self, words: &str, time: i64) -> Response {
        if words.trim().is_empty() || self.to.is_empty() {
            return success();
        }
        let words = shorten(words, MAX_TEXT);
        let message = match self.format {
            Format::Xml => format!(
                "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{time}</CreateTime>\
                 <MsgType><![CDATA[text]]></MsgType><Content>{}</Content></xml>",
                cdata(&self.to),
                cdata(&self.from),
                cdata(&words)
            ),
            Format::Json => json!({ "ToUserName": self.to, "FromUserName": self.from, "CreateTime": time,
                "MsgType": "text", "Content": words })
            .to_string(),
        };
        let media_type = match self.format {
            Format::Xml => "application/xml; charset=utf-8",
            Format::Json => "application/json",
        };
        let body = self.seal.as_ref().map_or(message.clone(), |seal| seal.close(&message, self.format, time));
        Response::new(StatusCode::OK, media_type, body)
    }
}

impl Seal {
    fn close(&self, message: &str, format: Format, time: i64) -> String {
        let encrypted = self.key.encrypt(message.as_bytes(), &self.app_id, &self.nonce);
        let stamp = time.to_string();
        let signed = signature(&mut [self.token.expose(), &stamp, &self.nonce, &encrypted]);
        match format {
            Format::Xml => format!(
                "<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signed}]]></MsgSignature>\
                 <TimeStamp>{stamp}</TimeStamp><Nonce>{}</Nonce></xml>",
                cdata(&self.nonce)
            ),
            Format::Json => {
                json!({ "Encrypt": encrypted, "MsgSignature": signed, "TimeStamp": time, "Nonce": self.nonce })
                    .to_string()
            }
        }
    }
}

/// The receipt (受理回执) in words.
pub fn receipt(words: &Words, receipt: &Receipt) -> String {
    match &receipt.code {
        Some(code) => words.fill("wechat.receipt", &[("number", &receipt.number), ("code", code)]),
        None => words.fill("wechat.receipt_without_code", &[("number", &receipt.number)]),
    }
}

/// How far matters are, in words.
pub fn progress(words: &Words, found: &[Progress]) -> String {
    words.progress("wechat", found, MAX_TEXT)
}

/// A CDATA section; its own end mark is split over two, and what XML cannot hold is left out.
fn cdata(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(format: Format) -> Envelope {
        Envelope { to: "oX".into(), from: "gh_1".into(), format, seal: None }
    }

    fn body(response: &Response) -> Fields {
        Fields::read(&response.body).unwrap()
    }

    #[test]
    fn to_and_from_change_places_and_the_end_mark_of_cdata_is_split() {
        let said = "a]]>b]]]]>\u{1}<&";
        for format in [Format::Xml, Format::Json] {
            let fields = body(&envelope(format).text(said, 1714112445));
            assert_eq!((fields.get("ToUserName"), fields.get("FromUserName")), (Some("oX"), Some("gh_1")));
            assert_eq!(fields.get("CreateTime"), Some("1714112445"));
            assert_eq!(fields.get("Content").unwrap().replace('\u{1}', ""), "a]]>b]]]]><&");
        }
    }

    #[test]
    fn a_text_is_cut_to_the_limit_between_characters_and_never_empty() {
        let fields = body(&envelope(Format::Xml).text(&"诉".repeat(1_000), 0));
        let text = fields.get("Content").unwrap();
        assert!(text.len() <= MAX_TEXT && text.len() > MAX_TEXT - 6 && text.ends_with('…'), "{}", text.len());
        assert_eq!(envelope(Format::Xml).text(" ", 0).body, "success");
    }

    #[test]
    fn progress_is_told_in_words_within_the_limit() {
        let matter = |number: &str, reply: Option<String>| Progress {
            number: number.into(),
            status: "in_progress".into(),
            unit: Some("市城管局".into()),
            reply,
        };
        let words = Words::default();
        assert_eq!(progress(&words, &[matter("N1", None)]), "编号 N1：办理中\n承办单位：市城管局");
        let many: Vec<_> = (1..=5).map(|n| matter(&format!("N{n}"), Some("答".repeat(2_000)))).collect();
        let text = progress(&words, &many);
        assert!(text.len() <= MAX_TEXT && text.contains("N3") && text.contains("另有 2 件"), "{}", text.len());
        assert!(progress(&words, &[]).contains("没有查到"));
    }
}
