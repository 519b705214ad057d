//! From a stored mail to an appeal. Pure.

use crate::{
    authenticity::{SENDER, SIGNED_BY},
    identity::{self, ENVELOPE_FROM, ENVELOPE_TO, MESSAGE_ID, WHOLE_SIZE},
    marks::{self, Mark},
    read::{
        address::{self, Mailbox},
        body::{self, Content},
        header::Header,
        machine::{self, Envelope, Machine},
        quote, structure, transfer,
        verdict::{self, Verdict},
        words,
    },
};
use bytes::Bytes;
use jiesu_connector::{
    Appeal, Appellant, Attachment, Intent, Note, ParseError, Parser, Part, PartType, Payload, Proven, Raw, Thread,
};

/// Characters of a mail's words in the ticket; what is longer is a file beside it.
const MAX_CONTENT: usize = 100_000;
const MAX_TITLE: usize = 500;
/// Earlier mails that one can refer to, counted from the latest.
const MAX_ANSWERS: usize = 20;

/// Reads stored mails.
pub struct Mails {
    /// Our own addresses, in lower case and without what stands behind a `+`.
    pub own: Vec<String>,
    /// The border server whose `Authentication-Results` count.
    pub server: Option<String>,
    /// Receipts can go out.
    pub receipts: bool,
}

impl Parser for Mails {
    fn parse(&self, raw: &Raw) -> Result<Appeal, ParseError> {
        let mail = transfer::line_ends(&raw.body);
        let (header, body) = Header::split(&mail);
        let (node, cut) = structure::tree(&header, body);
        let near = body::near(&node, header.get("subject").unwrap_or_default());
        let content = Content::of(&node, near).or_whatever_is_there(body, near);
        let subject = words::decode(header.get("subject").unwrap_or_default(), near);
        let sender = self.sender(&header, raw, near);
        let envelope = Envelope { from: raw.meta.get(ENVELOPE_FROM).map(String::as_str), own: &self.own };
        let machine = machine::recognise(&header, &node, &sender.address, &subject, envelope);
        let verdict = match &self.server {
            Some(server) => verdict::of(&header, server, &sender.address),
            None => {
                let told = raw.meta.get(SENDER).and_then(|name| Verdict::named(name));
                told.or_else(|| verdict::signed(raw.meta.get(SIGNED_BY)?, &sender.address))
            }
        };
        let thread = thread(&header, raw, &subject, verdict);
        let silence = machine::wants_silence(&header, &sender.address);
        let known = !sender.address.is_empty();
        let mut appeal = self.appeal(&header, content, &subject, sender, &thread);
        appeal.thread = thread;
        appeal.proven = (verdict == Some(Verdict::Verified)).then_some(Proven::Email);
        appeal.flags.extend(verdict.map(|verdict| format!("sender-{}", verdict.name())));
        if cut || raw.meta.contains_key(WHOLE_SIZE) {
            appeal.flags.push("incomplete".into());
        }
        appeal.wants_receipt =
            self.receipts && known && machine.is_none() && !silence && verdict != Some(Verdict::Forged);
        if let Some(machine) = machine {
            (appeal.intent, appeal.note) = (Intent::Note, Some(note(machine)));
        }
        Ok(appeal)
    }
}

fn note(machine: Machine) -> Note {
    let name = machine.name();
    match machine {
        Machine::Bounce(bounce) => match (bounce.about, bounce.failed) {
            (Some(mark), Some(why)) => Note::Fate { message: mark.to_text(), failed: Some(why) },
            _ => Note::Machine(name.into()),
        },
        _ => Note::Machine(name.into()),
    }
}

impl Mails {
    fn sender(&self, header: &Header<'_>, raw: &Raw, near: Option<crate::read::charset::Charset>) -> Mailbox {
        let mut sender = address::sender(header, near);
        if sender.address.is_empty() {
            let envelope = || address::address(raw.meta.get(ENVELOPE_FROM)?.as_bytes());
            sender.address = envelope().unwrap_or_default();
        }
        sender
    }

    fn appeal(&self, header: &Header<'_>, content: Content, subject: &str, sender: Mailbox, thread: &Thread) -> Appeal {
        let whole = content.text();
        let (new, quoted) = quote::split(&whole, content.quoted_at());
        let is_answer = !thread.shown.is_empty() || !thread.answers.is_empty();
        // Only of an answer the quoted part is left out of what the citizen says; it stays in the transcript.
        let said = if is_answer && !new.trim().is_empty() { new.clone() } else { whole.clone() };
        let mut attachments = content.files;
        let (said, cut) = shorten(said.trim().to_owned(), MAX_CONTENT);
        if cut {
            let payload = Payload::Inline(Bytes::from(whole));
            attachments.push(Attachment { name: Some("正文.txt".into()), media_type: "text/plain".into(), payload });
        }
        // A mail may be all subject.
        let said = if said.is_empty() { subject.to_owned() } else { said };
        let mut transcript = Vec::new();
        match quoted.filter(|_| !new.trim().is_empty()) {
            Some(quoted) => {
                transcript.push(Part::text(shorten(new, MAX_CONTENT).0));
                transcript.push(Part::text(shorten(quoted, MAX_CONTENT).0));
            }
            None => transcript.push(Part::text(said.as_str())),
        }
        let links = content.words.into_iter().flat_map(|words| words.links);
        transcript.extend(links.map(|link| Part { kind: PartType::Link, text: Some(link), attachment: None }));
        for (index, file) in attachments.iter().enumerate() {
            transcript.push(Part { kind: PartType::of_media(&file.media_type), text: None, attachment: Some(index) });
        }
        let known = |text: String| (!text.is_empty()).then_some(text);
        Appeal {
            title: known(shorten(subject.to_owned(), MAX_TITLE).0),
            content: said,
            appellant: Appellant { name: sender.name, email: known(sender.address), ..Appellant::default() },
            attachments,
            transcript,
            message: identity::ids(header.get("message-id").unwrap_or_default()).into_iter().next(),
            ..Appeal::default()
        }
    }
}

/// What it says of the matter that it belongs to.
fn thread(header: &Header<'_>, raw: &Raw, subject: &str, verdict: Option<Verdict>) -> Thread {
    let addressed = ["to", "cc", "delivered-to", "x-original-to"];
    let addressed =
        addressed.iter().flat_map(|name| header.all(name)).map(|value| String::from_utf8_lossy(value).into_owned());
    let referred = ["in-reply-to", "references"].iter().flat_map(|name| header.all(name));
    let referred: Vec<String> = referred.flat_map(identity::ids).collect();
    let places = raw.meta.get(ENVELOPE_TO).cloned().into_iter().chain(addressed).chain(referred.iter().cloned());
    let mut shown: Vec<(String, String)> = Vec::new();
    for Mark { number, proof, .. } in places.flat_map(|place| marks::find(&place)) {
        if !shown.contains(&(number.clone(), proof.clone())) {
            shown.push((number, proof));
        }
    }
    let mut answers: Vec<(String, String)> = Vec::new();
    // The message answered first, then from the latest back.
    let direct = header.all("in-reply-to").flat_map(identity::ids);
    let earlier: Vec<String> = header.all("references").flat_map(identity::ids).collect();
    for id in direct.chain(earlier.into_iter().rev()).take(MAX_ANSWERS) {
        let key = (MESSAGE_ID.to_owned(), identity::key_of(id));
        if !answers.contains(&key) {
            answers.push(key);
        }
    }
    // Who is shown not to be the sender is not taken for the one whose number it is.
    let written = marks::written(subject).filter(|_| verdict != Some(Verdict::Forged));
    Thread { shown, answers, written }
}

fn shorten(mut text: String, most: usize) -> (String, bool) {
    match text.char_indices().nth(most) {
        Some((at, _)) => {
            text.truncate(at);
            text.push('…');
            (text, true)
        }
        None => (text, false),
    }
}
