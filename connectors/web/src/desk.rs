//! What every request of one channel needs.

use crate::{
    challenge::Challenges,
    config::{Challenge, Config, Limits},
    guard::Guard,
    kept::References,
    origin,
    page::{Pages, Shown},
    token::Tokens,
};
use http::StatusCode;
use jiesu_connector::{BuildError, FieldFault, Request, Response, Setup, Submission};
use jiff::Timestamp;

/// One channel.
pub(crate) struct Desk {
    pub pages: Pages,
    pub limits: Limits,
    pub tokens: Tokens,
    pub references: References,
    pub guard: Guard,
}

impl Desk {
    /// As configured.
    pub fn of(config: &Config, setup: &Setup<'_>) -> Result<Self, Vec<BuildError>> {
        let limits = Limits::of(config)?;
        let (seal, channel) = (&setup.seal, setup.channel);
        let challenges = (config.challenge == Challenge::ProofOfWork)
            .then(|| Challenges::new(seal.clone(), channel, config.difficulty));
        Ok(Self {
            pages: Pages::new(config, &limits, setup.public_url),
            tokens: Tokens::new(seal.clone(), channel),
            references: References::new(seal.clone(), channel),
            guard: Guard {
                shared: setup.shared.clone(),
                seal: seal.clone(),
                channel: channel.to_owned(),
                per_phone: config.per_phone,
                challenges,
            },
            limits,
        })
    }

    /// The form, to be filled in.
    pub fn blank_form(&self, now: Timestamp) -> Response {
        let shown = Shown::default();
        let typed = shown.typed.with("token", self.tokens.issue(now));
        self.pages.form(StatusCode::OK, &Shown { typed, ..Shown::default() })
    }

    /// Whether a browser says that it posts for another site.
    pub fn is_foreign(&self, request: &Request) -> bool {
        origin::is_foreign(&request.headers, &self.pages.public_url)
    }

    /// `submission`, if it holds only what the form offers.
    pub fn offered(&self, submission: Submission) -> Result<Submission, Vec<FieldFault>> {
        let fault = |field: &str, detail: &str| FieldFault { field: field.into(), detail: detail.into() };
        let mut faults = Vec::new();
        if !self.limits.faults(&submission).is_empty() {
            faults.push(fault("kind", "请从列出的诉求类型中选择"));
        }
        let line = submission.hotline.as_deref();
        if line.is_some_and(|code| self.limits.hotlines.iter().all(|line| line.code != code)) {
            faults.push(fault("hotline", "请从列出的热线中选择"));
        }
        if faults.is_empty() { Ok(submission) } else { Err(faults) }
    }
}
