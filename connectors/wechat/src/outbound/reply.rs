//! Answers of the authorities, as customer-service messages (客服消息), or as a notice where those may not pass.

use super::{Api, api::Trouble};
use crate::answer::MAX_TEXT;
use async_trait::async_trait;
use jiesu_connector::{Failure, Replier, Reply, Sent};
use serde_json::json;
use std::sync::Arc;

/// Carries answers out.
pub struct Replies(pub Arc<Api>);

#[async_trait]
impl Replier for Replies {
    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure> {
        let api = &self.0;
        let text = api.account.words.fill("wechat.reply", &[("number", &reply.number), ("text", &reply.text)]);
        let pieces = split(&text, MAX_TEXT);
        for (index, piece) in pieces.iter().enumerate() {
            let body = json!({ "touser": reply.to, "msgtype": "text", "text": { "content": piece } });
            match api.call("/cgi-bin/message/custom/send", &body).await {
                Ok(_) => {}
                Err(trouble) if index > 0 => {
                    let why = format!("{index} of {} messages arrived: {}", pieces.len(), Failure::from(trouble));
                    return Err(Failure::Partial { why });
                }
                Err(Trouble::Window(failure)) => {
                    return match &api.account.notice {
                        Some(notice) => notice.send(api, reply).await,
                        None => Err(failure),
                    };
                }
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Ok(Sent::default())
    }
}

/// `text` in pieces of at most `max` bytes, cut at a line's end where one is near, else between characters.
fn split(text: &str, max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > max {
        let limit = rest.floor_char_boundary(max);
        let cut = rest[..limit].rfind('\n').filter(|at| *at > limit / 2).unwrap_or(limit);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after.trim_start_matches('\n');
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn long_answers_are_cut_between_characters_and_nothing_is_lost() {
        let text = "答复".repeat(1_000);
        let pieces = split(&text, 2_048);
        assert!(pieces.iter().all(|piece| piece.len() <= 2_048));
        assert_eq!(pieces.concat(), text);
        assert_eq!(split("a\nbcdef", 3), ["a\nb", "cde", "f"]);
        assert_eq!(split("abc\ndef", 5), ["abc", "def"]);
        assert_eq!(split("", 5), [""]);
    }
}
