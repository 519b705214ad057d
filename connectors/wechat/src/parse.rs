//! From a stored push to an appeal. Pure.

use crate::{event, fields::Fields};
use jiesu_connector::{
    Appeal, Appellant, Attachment, Datum, Intent, Location, MediaRef, ParseError, Parser, Part, PartType, Payload,
    Proven, Raw,
};

/// In [`Raw::meta`]: what the citizen asked for in a word, as recognised when the push came in.
pub const INTENT: &str = "intent";
/// In [`Raw::meta`]: the ticket that the citizen named.
pub const ABOUT: &str = "about";
/// In [`Raw::meta`]: the words of the menu item that the citizen clicked.
pub const CLICKED: &str = "clicked";

/// Reads stored pushes.
pub struct PushParser;

impl Parser for PushParser {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let fields = Fields::read(&raw.body).map_err(|error| ParseError(error.to_string()))?;
        let intent = match raw.meta.get(INTENT).map(String::as_str) {
            Some("urge") => Intent::Urge,
            Some("withdraw") => Intent::Withdraw,
            Some("rate") => Intent::Rate,
            _ => Intent::Appeal,
        };
        let appeal = Appeal {
            intent,
            about: raw.meta.get(ABOUT).cloned(),
            appellant: Appellant {
                wechat_openid: fields.get("FromUserName").map(str::to_owned),
                ..Appellant::default()
            },
            proven: Some(Proven::Openid),
            ..Appeal::default()
        };
        match fields.get("MsgType").unwrap_or_default().to_ascii_lowercase().as_str() {
            "text" => Ok(text(appeal, &fields)),
            "image" => Ok(media(appeal, &fields, PartType::Image, "image/jpeg")),
            "voice" => Ok(voice(appeal, &fields)),
            "video" | "shortvideo" => Ok(media(appeal, &fields, PartType::Video, "video/mp4")),
            "location" => Ok(place(appeal, &fields)),
            "link" => Ok(link(appeal, &fields)),
            "event" => happening(appeal, &fields, raw.meta.get(CLICKED)),
            "" => Err(ParseError("the push has no MsgType".into())),
            other => Err(ParseError(format!("the message type {:?} is not known", clip(other)))),
        }
    }
}

/// Names from outside, short enough for a log line.
fn clip(name: &str) -> String {
    name.chars().take(40).collect()
}

fn text(appeal: Appeal, fields: &Fields) -> Appeal {
    let content = fields.get("Content").unwrap_or_default().to_owned();
    // A click on an item of a menu that we sent: the words are ours, the choice is the citizen's.
    let kind = if fields.get("bizmsgmenuid").is_some() { PartType::Menu } else { PartType::Text };
    let transcript = vec![Part { kind, text: Some(content.clone()), attachment: None }];
    Appeal { content, transcript, ..appeal }
}

fn media(mut appeal: Appeal, fields: &Fields, kind: PartType, media_type: &str) -> Appeal {
    // The media id first; a photo's address is the second way to it.
    let names: Vec<&str> = ["MediaId", "PicUrl"].iter().filter_map(|name| fields.get(name)).collect();
    let attachment = (!names.is_empty()).then(|| {
        appeal.attachments.push(Attachment {
            name: None,
            media_type: media_type.to_owned(),
            payload: Payload::Remote(MediaRef(names.join(" "))),
        });
        0
    });
    appeal.transcript.push(Part { kind, text: None, attachment });
    appeal
}

/// The platform's own recognition is being withdrawn: without it is the normal case.
fn voice(appeal: Appeal, fields: &Fields) -> Appeal {
    let media_type = match fields.get("Format").unwrap_or_default().to_ascii_lowercase().as_str() {
        "speex" => "audio/x-speex",
        _ => "audio/amr",
    };
    let mut appeal = media(appeal, fields, PartType::Voice, media_type);
    if let Some(words) = fields.get("Recognition") {
        appeal.content = words.to_owned();
        appeal.transcript[0].text = Some(words.to_owned());
    }
    appeal
}

/// Coordinates stay as sent, in the datum of China's public maps.
fn place(mut appeal: Appeal, fields: &Fields) -> Appeal {
    let degrees = |name, max: f64| {
        let value: f64 = fields.get(name)?.trim().parse().ok()?;
        (value.abs() <= max).then_some(value)
    };
    let label = fields.get("Label").map(str::to_owned);
    let point = degrees("Location_X", 90.0).zip(degrees("Location_Y", 180.0));
    appeal.location = Location {
        text: label.clone(),
        lat: point.map(|(lat, _)| lat),
        lon: point.map(|(_, lon)| lon),
        region: None,
        datum: point.map(|_| Datum::Gcj02),
    };
    appeal.transcript.push(Part { kind: PartType::Location, text: label, attachment: None });
    appeal
}

fn link(mut appeal: Appeal, fields: &Fields) -> Appeal {
    let lines: Vec<&str> = ["Title", "Description", "Url"].iter().filter_map(|name| fields.get(name)).collect();
    appeal.content = lines.join("\n");
    appeal.transcript.push(Part { kind: PartType::Link, text: Some(appeal.content.clone()), attachment: None });
    appeal
}

fn happening(mut appeal: Appeal, fields: &Fields, clicked: Option<&String>) -> Result<Appeal, ParseError> {
    let name = fields.get("Event").ok_or_else(|| ParseError("the event has no name".into()))?;
    if appeal.intent == Intent::Appeal {
        appeal.intent = Intent::Note;
        appeal.note = Some(event::note(name, fields));
        return Ok(appeal);
    }
    // A menu click that stands for a keyword was recognised when it came in: it says what stands on the item.
    if let Some(words) = clicked {
        appeal.content.clone_from(words);
        appeal.transcript.push(Part { kind: PartType::Menu, text: Some(words.clone()), attachment: None });
    }
    Ok(appeal)
}
