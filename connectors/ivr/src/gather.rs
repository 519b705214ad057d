//! From the events of a call to its appeal. The same events give the same appeal, whatever their order and however often
//! each came.

use crate::{
    config::Policy,
    event::{Event, Reason, Recording, What},
    menu::{self, Choice, Chosen, Menu},
};
use jiesu_connector::{
    Appeal, Appellant, Attachment, Intent, Kind, MediaRef, Note, Part, PartType, Payload, Proven, Words, digest,
};
use std::collections::BTreeMap;

/// Events of one kind in one call, at most.
const MOST: usize = 100;

/// What a channel's configuration says of calls.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub menus: BTreeMap<String, Menu>,
    pub digits: BTreeMap<String, Choice>,
    /// Hotlines by the number that was called.
    pub numbers: BTreeMap<String, String>,
    pub missed: Policy,
    pub silent: Policy,
    pub fetch: bool,
    pub words: Words,
}

impl Rules {
    /// The events as they count: in one order, each once.
    pub fn ordered(&self, mut events: Vec<Event>) -> Vec<Event> {
        let place = |event: &Event| (rank(&event.what), event.at, self.depth(&event.what));
        events.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
        events.dedup_by(|a, b| match (&a.what, &b.what) {
            // The same key may be pressed twice; what is told twice otherwise is one.
            (What::Menu { .. }, What::Menu { .. }) => a == b,
            (one, other) => one == other,
        });
        // Of each kind by itself: whoever leans on a key must not push the words out.
        let mut counts = [0; 8];
        events.retain(|event| {
            let count = &mut counts[usize::from(rank(&event.what))];
            *count += 1;
            *count <= MOST
        });
        events
    }

    /// How deep in our menus, where nobody tells when a key was pressed.
    fn depth(&self, what: &What) -> usize {
        let What::Menu { menu: Some(menu), .. } = what else { return 0 };
        let (mut name, mut depth) = (menu.as_str(), 0);
        while name != menu::ROOT && depth < self.menus.len() {
            let above = self
                .menus
                .iter()
                .find(|(_, above)| above.keys.values().any(|choice| choice.then.as_deref() == Some(name)));
            let Some((above, _)) = above else { break };
            (name, depth) = (above, depth + 1);
        }
        depth
    }

    /// What the events of a whole call say; a note if no ticket comes of them.
    pub fn whole(&self, events: Vec<Event>) -> Appeal {
        let events = self.ordered(events);
        let mut appeal = self.told(&events);
        let said = !appeal.content.is_empty() || appeal.transcript.iter().any(|part| part.kind == PartType::Voice);
        if said {
            return appeal;
        }
        let pressed = events.iter().any(|event| matches!(event.what, What::Menu { .. }));
        let ended = events.iter().rev().find_map(|event| match event.what {
            What::Ended { reason, .. } => Some(reason),
            _ => None,
        });
        let policy = match ended {
            // Its end never came: nobody knows whether anybody took it.
            None | Some(Reason::Abandoned | Reason::Failed) => self.missed,
            // Who pressed a key wanted something.
            Some(Reason::Hangup) if pressed => self.missed,
            Some(Reason::Hangup) => self.silent,
            // Whoever took it has the matter.
            Some(Reason::Transferred) => Policy::Note,
        };
        if policy == Policy::Note {
            appeal.intent = Intent::Note;
            appeal.note = Some(Note::Event("call".into()));
            return appeal;
        }
        let label = self.chosen(&events).labels.join("、");
        let title = self.words.phrase("ivr.callback").unwrap_or_default();
        appeal.title = Some(if label.is_empty() { title.to_owned() } else { format!("{title}：{label}") });
        appeal.kind = appeal.kind.or(Some(Kind::Help));
        appeal.flags.push("callback".into());
        appeal
    }

    /// What some events say, without a judgement of the whole: for those that come later.
    pub fn told(&self, events: &[Event]) -> Appeal {
        let ratings = || {
            events.iter().filter_map(|event| match &event.what {
                What::Satisfaction { score, text } => Some((*score, text)),
                _ => None,
            })
        };
        if let Some((score, text)) = ratings().next_back().filter(|_| ratings().count() == events.len()) {
            return Appeal { intent: Intent::Rate, score, content: text.clone(), ..Appeal::default() };
        }
        let mut appeal = Appeal::default();
        let mut texts: Vec<&str> = Vec::new();
        let mut recordings: Vec<&Recording> = Vec::new();
        let recorded = |what: &What| matches!(what, What::Recording(Some(_)));
        // Announced, and then there was none.
        let none = events.iter().any(|event| event.what == What::Recording(None))
            && !events.iter().any(|event| recorded(&event.what));
        for event in events {
            match &event.what {
                What::Announced(_) if none => {}
                What::Started { caller, called } => {
                    if let Some(number) = caller.as_ref().filter(|_| appeal.appellant.phone.is_none()) {
                        appeal.appellant = Appellant { phone: Some(number.clone()), ..Appellant::default() };
                        appeal.proven = Some(Proven::Phone);
                    }
                    appeal.hotline =
                        appeal.hotline.or_else(|| called.as_ref().and_then(|called| self.numbers.get(called)).cloned());
                }
                What::Recording(Some(recording)) | What::Announced(recording)
                    if !recordings.iter().any(|known| known.url == recording.url) =>
                {
                    recordings.push(recording);
                }
                What::Transcript(text) if !text.is_empty() && !texts.contains(&text.as_str()) => texts.push(text),
                _ => {}
            }
        }
        self.began(events, &mut appeal);
        for event in events {
            if let What::Menu { menu, digits } = &event.what {
                let label = self.choice(menu.as_deref(), digits).and_then(|choice| choice.label.as_deref());
                let label = label.map(|label| format!("（{label}）")).unwrap_or_default();
                appeal.transcript.push(part(PartType::Menu, format!("按键 {digits}{label}")));
            }
        }
        recordings.into_iter().for_each(|recording| self.recorded(recording, &mut appeal));
        appeal.transcript.extend(texts.iter().map(|text| Part::text(*text)));
        appeal.content = texts.join("\n");
        ended(events, &mut appeal);
        let chosen = self.chosen(events);
        if appeal.content.is_empty() && appeal.transcript.iter().any(|part| part.kind == PartType::Voice) {
            let title = self.words.phrase("ivr.message").unwrap_or_default();
            let label = chosen.labels.join("、");
            appeal.title = Some(if label.is_empty() { title.to_owned() } else { format!("{title}：{label}") });
        }
        (appeal.kind, appeal.category) = (chosen.kind, chosen.category);
        appeal.hotline = chosen.hotline.or(appeal.hotline);
        if appeal.transcript.is_empty() {
            appeal.intent = Intent::Note;
            appeal.note = Some(Note::Event("call".into()));
        }
        appeal
    }

    fn began(&self, events: &[Event], appeal: &mut Appeal) {
        let mut started = events.iter().filter_map(|event| match &event.what {
            What::Started { called, .. } => Some(called.as_deref()),
            _ => None,
        });
        let Some(first) = started.next() else { return };
        let called = first.or_else(|| started.find_map(|called| called));
        let mut words = "来电".to_owned();
        words.extend(called.map(|called| format!("，拨打 {called}")));
        words.push_str(if appeal.appellant.phone.is_none() { "，号码未显示" } else { "" });
        appeal.transcript.push(part(PartType::Call, words));
    }

    fn recorded(&self, recording: &Recording, appeal: &mut Appeal) {
        let length = recording.seconds.map(|seconds| format!(" {seconds} 秒")).unwrap_or_default();
        let mut piece = part(PartType::Voice, format!("录音{length}"));
        if self.fetch {
            piece.attachment = Some(appeal.attachments.len());
            appeal.attachments.push(Attachment {
                name: Some(name(&recording.url)),
                media_type: media_type(&recording.url).into(),
                payload: Payload::Remote(MediaRef(recording.url.clone())),
            });
        } else {
            piece.text = Some(format!("录音{length}：{}", recording.url));
        }
        appeal.transcript.push(piece);
    }

    fn chosen(&self, events: &[Event]) -> Chosen {
        let mut chosen = Chosen::default();
        let mut all = String::new();
        for event in events {
            let What::Menu { menu, digits } = &event.what else { continue };
            if let Some(choice) = self.choice(menu.as_deref(), digits) {
                chosen.add(choice);
            }
            let before = all.len();
            all.push_str(digits);
            // Keys that were pressed one after the other, as one code.
            if menu.is_none()
                && before > 0
                && let Some(choice) = self.digits.get(&all)
            {
                chosen.add(choice);
            }
        }
        chosen
    }

    fn choice(&self, menu: Option<&str>, digits: &str) -> Option<&Choice> {
        match menu {
            Some(menu) => self.menus.get(menu)?.keys.get(digits),
            None => self.digits.get(digits),
        }
    }
}

/// The order in which a ticket tells it.
fn rank(what: &What) -> u8 {
    match what {
        What::Started { .. } => 0,
        What::Menu { .. } => 1,
        What::Recording(_) => 2,
        What::Announced(_) => 3,
        What::Transcript(_) => 4,
        What::Ended { .. } => 5,
        What::Satisfaction { .. } => 6,
        What::Other => 7,
    }
}

fn ended(events: &[Event], appeal: &mut Appeal) {
    let ended = events.iter().rev().find_map(|event| match event.what {
        What::Ended { seconds, reason } => Some((seconds, reason)),
        _ => None,
    });
    let Some((seconds, reason)) = ended else { return };
    let how = match reason {
        Reason::Hangup => "通话结束",
        Reason::Abandoned => "未接通，来电人放弃",
        Reason::Transferred => "已转接",
        Reason::Failed => "通话失败",
    };
    let length = seconds.map(|seconds| format!("，时长 {seconds} 秒")).unwrap_or_default();
    appeal.transcript.push(part(PartType::Call, format!("{how}{length}")));
}

fn part(kind: PartType, text: String) -> Part {
    Part { kind, text: Some(text), attachment: None }
}

/// The same recording has the same name, whichever event told of it.
fn name(url: &str) -> String {
    let hash: String = digest([url.as_bytes()])[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("recording-{hash}.{}", ending(url))
}

fn ending(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let known = ["mp3", "wav", "amr", "ogg", "m4a"].into_iter().find(|ending| path.ends_with(&format!(".{ending}")));
    known.unwrap_or("wav")
}

fn media_type(url: &str) -> &'static str {
    match ending(url) {
        "mp3" => "audio/mpeg",
        "amr" => "audio/amr",
        "ogg" => "audio/ogg",
        "m4a" => "audio/mp4",
        _ => "audio/wav",
    }
}
