//! What the page offers and takes.

use crate::colour::{Colour, READABLE, WHITE};
use jiesu_connector::{BuildError, FieldFault, Kind, MAX_ATTACHMENTS, Submission};
use schemars::JsonSchema;
use serde::Deserialize;

/// The keys of a channel of type `web`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name at the head of every page: the hotline's, or the city's.
    pub title: String,
    /// The city's colour, as `"#0b5cad"`: the head of the pages, buttons and links. White must be readable on it.
    pub colour: String,
    /// Who is responsible for the page: a line at its foot.
    pub office: Option<String>,
    /// The numbers that the pages tell to call, the first one at their head. With more than one, the form asks which one
    /// the matter is for.
    pub hotlines: Vec<Line>,
    /// The kinds of matter offered, in this order; all by default. A submit of another kind is refused.
    pub kinds: Vec<Kind>,
    /// Files in one submit, at most (0 to 20); 0 offers no uploads.
    pub max_files: usize,
    /// Size of one file, at most, as `"10MiB"`, up to `"1024MiB"`. `[server] max_body` does not bind uploads.
    pub max_file: String,
    /// Submits with one phone number within ten minutes, at most; 0 for any number.
    pub per_phone: u32,
    /// What is asked of an address that has sent more than ten submits within ten minutes: `"none"`, or
    /// `"proof-of-work"`, a second of computing in its browser. Without scripts it waits for a minute instead.
    pub challenge: Challenge,
    /// How hard the work is: hashes at most, 1,000 to 1,000,000. A phone does 50,000 in about a second.
    pub difficulty: u32,
}

/// A hotline that the pages name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, as `12345`.
    pub code: String,
    /// What it is called.
    pub name: String,
}

/// What is asked of who comes too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Challenge {
    /// Nothing.
    None,
    /// To compute for a second.
    ProofOfWork,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            title: "12345 政务服务便民热线".into(),
            colour: "#0b5cad".into(),
            office: None,
            hotlines: vec![Line { code: "12345".into(), name: "政务服务便民热线".into() }],
            kinds: KINDS.map(|(kind, ..)| kind).into(),
            max_files: 5,
            max_file: "10MiB".into(),
            per_phone: 30,
            challenge: Challenge::None,
            difficulty: 50_000,
        }
    }
}

/// Every kind, its value in the form, and its name.
pub(crate) const KINDS: [(Kind, &str, &str); 7] = [
    (Kind::Consultation, "consultation", "咨询"),
    (Kind::Help, "help", "求助"),
    (Kind::Complaint, "complaint", "投诉"),
    (Kind::Report, "report", "举报"),
    (Kind::Suggestion, "suggestion", "意见建议"),
    (Kind::Praise, "praise", "表扬"),
    (Kind::Other, "other", "其他"),
];

/// What this channel takes of what every submission may hold. Asked on the way in only: what was taken once is
/// parsed for ever, whatever the configuration says later.
pub(crate) struct Limits {
    pub kinds: Vec<Kind>,
    pub hotlines: Vec<Line>,
    pub max_files: usize,
    /// In bytes.
    pub max_file: usize,
}

impl Limits {
    /// Of a configuration.
    pub fn of(config: &Config) -> Result<Self, Vec<BuildError>> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, what: &str| faults.push(BuildError::new(key, what));
        if Colour::read(&config.colour).is_none_or(|colour| colour.contrast(WHITE) < READABLE) {
            fault("colour", "must be a colour as \"#0b5cad\" on which white can be read (a contrast of 4.5)");
        }
        let digits =
            |code: &str| (3..=20).contains(&code.len()) && code.bytes().all(|it| it.is_ascii_digit() || it == b'-');
        if config.hotlines.is_empty() || config.hotlines.iter().any(|line| !digits(&line.code) || line.name.is_empty())
        {
            fault("hotlines", "must name at least one: { code = \"12345\", name = \"政务服务便民热线\" }");
        }
        if !(1_000..=1_000_000).contains(&config.difficulty) {
            fault("difficulty", "must be 1,000 to 1,000,000");
        }
        if config.title.trim().is_empty() || config.title.chars().count() > 100 {
            fault("title", "must have 1 to 100 characters");
        }
        if config.kinds.is_empty() {
            fault("kinds", "is empty: name at least one, or leave it out for all");
        }
        if config.kinds.iter().enumerate().any(|(index, kind)| config.kinds[..index].contains(kind)) {
            fault("kinds", "names a kind twice");
        }
        if config.max_files > MAX_ATTACHMENTS {
            fault("max_files", &format!("is more than {MAX_ATTACHMENTS}, the most that a submission may hold"));
        }
        let max_file = bytes(&config.max_file).unwrap_or_else(|| {
            fault("max_file", "is no size, as \"10MiB\" (B, KB, KiB, MB, MiB)");
            0
        });
        if max_file > 1 << 30 {
            fault("max_file", "is more than 1024MiB");
        }
        let (kinds, hotlines) = (config.kinds.clone(), config.hotlines.clone());
        let limits = Self { kinds, hotlines, max_files: config.max_files, max_file };
        if faults.is_empty() { Ok(limits) } else { Err(faults) }
    }

    /// What `submission` has too much of, by the names of the `api` body.
    pub fn faults(&self, submission: &Submission) -> Vec<FieldFault> {
        let mut faults = Vec::new();
        let mut fault = |field: String, detail: String| faults.push(FieldFault { field, detail });
        if submission.kind.is_some_and(|kind| !self.kinds.contains(&kind)) {
            let named = |(kind, value, _): &(Kind, &'static str, &str)| self.kinds.contains(kind).then_some(*value);
            let offered: Vec<_> = KINDS.iter().filter_map(named).collect();
            fault("kind".into(), format!("is not offered here: {}", offered.join(", ")));
        }
        if submission.appellant.as_ref().is_some_and(|who| who.wechat_openid.is_some()) {
            fault("appellant.wechat_openid".into(), "cannot be claimed without a key: leave it out".into());
        }
        let files = submission.attachments.as_deref().unwrap_or_default();
        if files.len() > self.max_files {
            fault("attachments".into(), format!("has {} files; at most {} here", files.len(), self.max_files));
        }
        for (index, file) in files.iter().enumerate() {
            let text = file.base64.as_deref().unwrap_or_default().trim_end_matches('=');
            if text.len() / 4 * 3 + text.len() % 4 * 3 / 4 > self.max_file {
                fault(format!("attachments[{index}].base64"), format!("has more than {} bytes", self.max_file));
            }
        }
        faults
    }
}

/// `10MiB` in bytes.
fn bytes(text: &str) -> Option<usize> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        _ => return None,
    };
    text[..digits].parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        assert_eq!(bytes("10MiB"), Some(10 << 20));
        assert_eq!(bytes("2 MB"), Some(2_000_000));
        assert_eq!(bytes("7"), Some(7));
        assert_eq!((bytes("MiB"), bytes("1GB"), bytes("99999999999999999999")), (None, None, None));
    }

    #[test]
    fn each_bad_key_is_named_and_all_at_once() {
        let config = Config {
            title: " ".into(),
            colour: "#ff0".into(),
            hotlines: vec![Line { code: "one two".into(), name: "x".into() }],
            kinds: vec![Kind::Help, Kind::Help],
            max_files: 21,
            max_file: "big".into(),
            difficulty: 0,
            ..Config::default()
        };
        let faults = Limits::of(&config).err().unwrap_or_default();
        let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["colour", "hotlines", "difficulty", "title", "kinds", "max_files", "max_file"]);
        assert!(Limits::of(&Config::default()).is_ok());
    }

    #[test]
    fn the_values_in_the_form_are_those_of_the_api_body() {
        for (kind, value, _) in KINDS {
            assert_eq!(serde_json::to_value(kind).ok(), Some(value.into()));
        }
    }

    #[test]
    fn what_is_too_much_for_this_channel_is_named() {
        let config = Config { kinds: vec![Kind::Help], max_files: 1, max_file: "3B".into(), ..Config::default() };
        let limits = Limits::of(&config).map_err(|_| ()).expect("the configuration is right");
        let json = br#"{"content":"a","kind":"praise","appellant":{"wechat_openid":"o1"},
            "attachments":[{"base64":"AAAA"},{"base64":"AAAAAA=="}]}"#;
        let submission = Submission::from_json(json).expect("a submission");
        let fields: Vec<_> = limits.faults(&submission).into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["kind", "appellant.wechat_openid", "attachments", "attachments[1].base64"]);
    }
}
