//! Twilio Voice: it asks what to say, and tells what became of it
//! (<https://www.twilio.com/docs/voice/twiml>, <https://www.twilio.com/docs/voice/api/recording>).

use crate::{
    caller,
    event::{Event, Reason, Recording, What},
    voice::{Done, Step, Voice},
};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiesu_connector::{
    Accept, Callers, DeliveryKey, Incoming, OnOtherContent, Problem, Raw, Receipt, Reception, Refusal, Rejection,
    Request, Response, Secret, Webhook, digest, one_receipt,
};
use jiesu_twilio::{Algorithm, Element, Form};
use jiff::Timestamp;
use std::sync::Arc;

/// Under this name the step is kept with the message.
const STEP: &str = "step";
const FORM: &str = "application/x-www-form-urlencoded";

/// The webhooks of one number.
pub(crate) struct Twilio {
    pub algorithm: Algorithm,
    pub secret: Secret,
    pub voice: Arc<Voice>,
}

impl Webhook for Twilio {
    fn receive(&self, request: &Request, _now: Timestamp) -> Result<Reception, Rejection> {
        if !jiesu_twilio::is_signed(self.algorithm, &self.secret, &self.voice.address, request) {
            // Its own kind of answer: a call that is not ours is not taken.
            let refused = jiesu_twilio::response(&[Element::new("Reject")]);
            let response = Response::new(StatusCode::FORBIDDEN, jiesu_twilio::MEDIA_TYPE, refused);
            return Err(Rejection::Unauthenticated(response));
        }
        let declared = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (media_type, body) = match request.method {
            Method::POST => (declared.unwrap_or(FORM), request.body.clone()),
            // The number may be configured to ask with GET.
            Method::GET => (FORM, Bytes::from(request.query.clone().unwrap_or_default())),
            _ => {
                return Err(malformed("method", StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are answered here"));
            }
        };
        let media_type: String = media_type.chars().take(100).collect();
        let form = Form::read(&media_type, &body);
        let Some(call) = form.get("CallSid").map(str::to_owned).filter(|call| call.len() <= 300) else {
            return Err(malformed("call", StatusCode::BAD_REQUEST, "CallSid is missing: it names the call"));
        };
        let step = Step::of(&request.path);
        let path = request.path.trim_end_matches('/').chars().take(200).collect::<String>();
        let raw = Raw { media_type, meta: [(STEP.to_owned(), path.clone())].into(), body };
        let events = events(&raw, self.voice.voicemail);
        let content = format!("{:?}", events.as_deref().unwrap_or_default());
        let digest = digest([content.as_bytes()]);
        // Twilio has no name for a request. The same step that tells the same is the same.
        let told: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = DeliveryKey {
            scope: format!("call/{call}"),
            value: format!("{path} {told}"),
            on_other_content: OnOtherContent::NewAppeal,
        };
        let sender = Some(format!("call:{call}"));
        let incoming = Incoming { raw, keys: vec![key], digest, sender, hotline: None, joins: true, receipt: false };
        let done = Done { digits: form.get("Digits").map(str::to_owned), recorded: form.get("RecordingUrl").is_some() };
        let voice = Arc::clone(&self.voice);
        let answer = Box::new(move |stored: Result<&[Receipt], Refusal>| match one_receipt(stored) {
            Ok(receipt) => voice.answer(&step, &done, &receipt.number),
            Err(refusal) => refusal.into(),
        });
        Ok(Reception::Accept(Accept { messages: vec![incoming], caller: None, answer }))
    }

    fn callers(&self) -> Callers {
        Callers::Platform
    }
}

fn malformed(reason: &'static str, status: StatusCode, detail: &str) -> Rejection {
    Rejection::Malformed { reason, response: Problem::new(status, detail).into() }
}

/// What a stored request tells.
///
/// # Errors
/// Why it tells nothing, for an operator.
pub(crate) fn events(raw: &Raw, voicemail: bool) -> Result<Vec<Event>, String> {
    let form = Form::read(&raw.media_type, &raw.body);
    let call = form.get("CallSid").ok_or("CallSid is missing")?;
    let step = Step::of(raw.meta.get(STEP).map(String::as_str).unwrap_or_default());
    let ends_itself = step == Step::Recorded;
    let mut events = Vec::new();
    let mut happened = |what| events.push(Event { what, at: None, id: String::new(), call: call.to_owned() });
    if form.has("From") || form.has("Caller") {
        let number = |names: [&str; 2]| names.into_iter().find_map(|name| form.get(name)).and_then(caller::shown);
        happened(What::Started { caller: number(["From", "Caller"]), called: number(["To", "Called"]) });
    }
    let recording = || {
        let url = form.get("RecordingUrl")?.to_owned();
        Some(Recording { url, seconds: form.get("RecordingDuration").and_then(|seconds| seconds.parse().ok()) })
    };
    match step {
        Step::Key { menu, .. } => {
            if let Some(digits) = form.get("Digits") {
                happened(What::Menu { menu: Some(menu), digits: digits.trim().chars().take(64).collect() });
            }
        }
        Step::Recorded => {
            // Nothing follows where nothing was recorded.
            if let Some(recording) = recording() {
                happened(What::Announced(recording));
            }
            // We hang up then, or the caller has.
            happened(What::Ended { seconds: None, reason: Reason::Hangup });
        }
        Step::Recording => match form.get("RecordingStatus") {
            Some("completed") | None => {
                happened(What::Recording(recording()));
                // A message is the last that is said, also where nobody tells of the call's end.
                happened(What::Ended { seconds: None, reason: Reason::Hangup });
            }
            Some("absent" | "failed") => happened(What::Recording(None)),
            Some(_) => {}
        },
        Step::Transcription => {
            let text = match form.get("TranscriptionStatus") {
                Some("completed") | None => form.get("TranscriptionText").unwrap_or_default(),
                Some(_) => "",
            };
            happened(What::Transcript(text.trim().chars().take(50_000).collect()));
        }
        Step::Start | Step::Again | Step::Status | Step::Lost => {}
    }
    let seconds = form.get("CallDuration").and_then(|seconds| seconds.parse().ok());
    let reason = match form.get("CallStatus") {
        // Without voicemail nobody could say anything: they are called back.
        Some("completed") if voicemail => Some(Reason::Hangup),
        Some("completed" | "busy" | "no-answer" | "canceled") => Some(Reason::Abandoned),
        Some("failed") => Some(Reason::Failed),
        _ => None,
    };
    if let Some(reason) = reason.filter(|_| !ends_itself) {
        happened(What::Ended { seconds, reason });
    }
    if events.is_empty() {
        events.push(Event { what: What::Other, at: None, id: String::new(), call: call.to_owned() });
    }
    Ok(events)
}
