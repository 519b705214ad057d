//! Answers of the authorities, as customer-service messages (客服消息), or as a notice where those may not pass.

use super::{Api, api::Trouble};
use crate::{
    answer::MAX_TEXT,
    quota::Room,
    windows::{Seen, Windows},
};
use async_trait::async_trait;
use jiesu_connector::{Failure, Replier, Reply, Sent};
use serde_json::json;
use std::sync::Arc;

const SEND: &str = "/cgi-bin/message/custom/send";

/// Carries answers out.
pub struct Replies {
    /// The platform.
    pub api: Arc<Api>,
    /// What is known of the citizens' windows, if that is counted.
    pub windows: Option<Arc<Windows>>,
}

#[async_trait]
impl Replier for Replies {
    async fn ready(&self) -> Result<(), Failure> {
        self.api.ready().await
    }

    async fn reply(&self, reply: &Reply) -> Result<Sent, Failure> {
        let api = &self.api;
        let text = api.account.words.fill("wechat.reply", &[("number", &reply.number), ("text", &reply.text)]);
        let pieces = split(&text, MAX_TEXT);
        let seen = self.look(reply).await;
        let room = seen.as_ref().map_or(Room::Unknown, |seen| seen.room);
        let most = match room {
            Room::Late | Room::Spent => return self.instead(reply, self.shut(room)).await,
            Room::For(left) => usize::try_from(left).unwrap_or(usize::MAX),
            Room::Unknown => usize::MAX,
        };
        if pieces.len() > most
            && let Some(notice) = &api.account.notice
        {
            // A short notice of the whole rather than half of an answer; the latter, if they do not want notices.
            match notice.send(api, reply).await {
                Err(Failure::Refused { .. }) => {}
                outcome => return outcome,
            }
        }
        for (index, piece) in pieces.iter().enumerate() {
            let body = json!({ "touser": reply.to, "msgtype": "text", "text": { "content": piece } });
            let outcome = match index {
                0 => api.call_once(SEND, &body).await,
                _ if index >= most => Err(self.shut(Room::Spent).into()),
                _ => api.call(SEND, &body).await,
            };
            match (outcome, &seen) {
                (Ok(_), _) => self.count(reply).await,
                (Err(Trouble::Window(room, failure)), seen) => {
                    if let (Some(windows), Some(seen), 0) = (&self.windows, seen, index) {
                        windows.shut(&reply.to, seen, room).await;
                    }
                    return match index {
                        0 => self.instead(reply, failure).await,
                        _ => Err(partly(index, pieces.len(), &failure)),
                    };
                }
                (Err(trouble), _) if index > 0 => return Err(partly(index, pieces.len(), &trouble.into())),
                (Err(trouble), _) => return Err(trouble.into()),
            }
        }
        Ok(Sent::default())
    }
}

impl Replies {
    async fn look(&self, reply: &Reply) -> Option<Seen> {
        Some(self.windows.as_ref()?.look(&reply.to).await)
    }

    async fn count(&self, reply: &Reply) {
        if let Some(windows) = &self.windows {
            windows.sent(&reply.to).await;
        }
    }

    /// What may go out where a message may not; `failure` if there is nothing.
    async fn instead(&self, reply: &Reply, failure: Failure) -> Result<Sent, Failure> {
        match &self.api.account.notice {
            Some(notice) => notice.send(&self.api, reply).await,
            None => Err(failure),
        }
    }

    /// Why the platform was not asked, with the code that it would have answered.
    fn shut(&self, room: Room) -> Failure {
        let hours = self.windows.as_ref().map_or(0, |windows| windows.quota().after_message.within.as_secs() / 3_600);
        let why = match room {
            Room::Late => format!(
                "45015 not sent: by the gateway's count the citizen's last message is more than {hours} hours ago"
            ),
            _ => {
                "45047 not sent: by the gateway's count the messages that may follow the citizen's last one are used up"
                    .to_owned()
            }
        };
        Failure::Refused { why }
    }
}

fn partly(arrived: usize, of: usize, failure: &Failure) -> Failure {
    Failure::Partial { why: format!("{arrived} of {of} messages arrived: {failure}") }
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
