//! What a caller hears: TwiML that always leads somewhere, whatever was pressed, said or left unsaid.

use crate::menu::{Menu, ROOT};
use http::StatusCode;
use jiesu_connector::{Response, Words};
use jiesu_twilio::Element;
use std::collections::BTreeMap;

/// A caller is asked again so often; then they speak.
const TRIES: u32 = 2;
/// For a key, in seconds.
const KEY_WAIT: &str = "6";
/// Silence that ends a message, in seconds.
const SILENCE: &str = "8";

/// Where a call is, as its address below the channel's says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It begins.
    Start,
    /// A key was to be pressed.
    Key {
        /// In this menu.
        menu: String,
        /// For so many times in vain before.
        tries: u32,
    },
    /// A message was to be left, and nothing was heard.
    Again,
    /// A message was left, or not after all.
    Recorded,
    /// What became of the call.
    Status,
    /// What became of the recording.
    Recording,
    /// What became of the words.
    Transcription,
    /// Nobody knows where it is: a menu that is gone, an address of an older configuration.
    Lost,
}

impl Step {
    /// Of the address below the channel's.
    pub fn of(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            ("", ..) => Self::Start,
            ("menu", Some(menu), tries) => {
                Self::Key { menu: menu.to_owned(), tries: tries.and_then(|tries| tries.parse().ok()).unwrap_or(0) }
            }
            ("again", ..) => Self::Again,
            ("recorded", ..) => Self::Recorded,
            ("status", ..) => Self::Status,
            ("recording", ..) => Self::Recording,
            ("transcription", ..) => Self::Transcription,
            _ => Self::Lost,
        }
    }
}

/// What a caller did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Pressed these.
    pub digits: Option<String>,
    /// Left a message.
    pub recorded: bool,
}

/// What a channel says.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    /// The channel's address, as Twilio knows it.
    pub address: String,
    pub menus: BTreeMap<String, Menu>,
    pub voicemail: bool,
    pub transcribe: bool,
    pub language: String,
    pub voice: Option<String>,
    /// The longest message, in seconds.
    pub longest: u64,
    pub words: Words,
}

impl Voice {
    /// What is said at `step`, after what the caller did there; `number` is the receipt's.
    pub fn answer(&self, step: &Step, done: &Done, number: &str) -> Response {
        let elements = match step {
            Step::Status | Step::Recording | Step::Transcription => Vec::new(),
            Step::Start => {
                let mut said = vec![self.say("ivr.greeting", number)];
                match self.menus.get(ROOT) {
                    Some(menu) => said.extend(self.ask(ROOT, menu, 0, number)),
                    None => said.extend(self.speak(number, true)),
                }
                said
            }
            Step::Key { menu, tries } => self.pressed(menu, *tries, done.digits.as_deref(), number),
            Step::Again => {
                let mut said = vec![self.say("ivr.again", number)];
                said.extend(self.speak(number, false));
                said
            }
            Step::Recorded => {
                let words = if done.recorded { "ivr.thanks" } else { "ivr.goodbye" };
                vec![self.say(words, number), Element::new("Hangup")]
            }
            Step::Lost => self.speak(number, true),
        };
        Response::new(StatusCode::OK, jiesu_twilio::MEDIA_TYPE, jiesu_twilio::response(&elements))
    }

    fn pressed(&self, name: &str, tries: u32, digits: Option<&str>, number: &str) -> Vec<Element> {
        // The configuration may have changed during the call.
        let Some(menu) = self.menus.get(name) else { return self.speak(number, true) };
        let choice = digits.and_then(|digits| menu.keys.get(digits.trim()));
        let next = choice.map(|choice| choice.then.as_deref().and_then(|next| self.menus.get_key_value(next)));
        match next {
            Some(Some((name, menu))) => self.ask(name, menu, 0, number),
            Some(None) => self.speak(number, true),
            None if tries + 1 < TRIES => {
                let words = if digits.is_some() { "ivr.wrong_key" } else { "ivr.no_key" };
                let mut said = vec![self.say(words, number)];
                said.extend(self.ask(name, menu, tries + 1, number));
                said
            }
            None => self.speak(number, true),
        }
    }

    /// Asks for a key. Who presses none is asked again, and then speaks: `<Gather>` without a key goes on to what follows it.
    fn ask(&self, name: &str, menu: &Menu, tries: u32, number: &str) -> Vec<Element> {
        let words = self.worded(menu.prompt.clone());
        let action = format!("{}/menu/{name}/{tries}", self.address);
        let gather = Element::new("Gather")
            .with("input", "dtmf")
            .with("numDigits", "1")
            .with("finishOnKey", "")
            .with("timeout", KEY_WAIT)
            .with("action", action)
            .with("method", "POST")
            .with("actionOnEmptyResult", "true")
            .child(words);
        let mut asked = vec![gather];
        asked.extend(self.speak(number, true));
        asked
    }

    /// Has the caller speak; where nothing is heard, once more, and then it is over.
    fn speak(&self, number: &str, again: bool) -> Vec<Element> {
        if !self.voicemail {
            return vec![self.say("ivr.called_back", number), Element::new("Hangup")];
        }
        let to = |step: &str| format!("{}/{step}", self.address);
        let mut record = Element::new("Record")
            .with("action", to("recorded"))
            .with("method", "POST")
            .with("maxLength", self.longest.to_string())
            .with("timeout", SILENCE)
            .with("finishOnKey", "#")
            .with("playBeep", "true")
            .with("recordingStatusCallback", to("recording"))
            .with("recordingStatusCallbackMethod", "POST")
            .with("recordingStatusCallbackEvent", "completed absent");
        if self.transcribe {
            record = record.with("transcribe", "true").with("transcribeCallback", to("transcription"));
        }
        let mut said = vec![self.say("ivr.record", number), record];
        match again {
            true => said.push(Element::new("Redirect").with("method", "POST").text(to("again"))),
            false => said.extend([self.say("ivr.goodbye", number), Element::new("Hangup")]),
        }
        said
    }

    fn say(&self, words: &str, number: &str) -> Element {
        // Digit by digit: nobody writes down a number of millions.
        let spoken: Vec<String> = number.chars().filter(char::is_ascii_digit).map(String::from).collect();
        self.worded(self.words.fill(words, &[("number", &spoken.join(" "))]))
    }

    fn worded(&self, words: String) -> Element {
        let say = Element::new("Say").with("language", self.language.as_str()).text(words);
        match &self.voice {
            Some(voice) => say.with("voice", voice.as_str()),
            None => say,
        }
    }
}
