//! Step 6, triage: a first proposal, with its reason, never a verdict.
//!
//! What the citizen or the channel said is taken over; the rest is proposed by rules and a model, see [`jiesu_triage`].

use crate::{
    assembly::Matter,
    config::{Hotline, Judgement},
    ticket::{self, Category, Due, Priority, Triage},
};
use jiesu_connector::Kind;
use jiesu_triage::Said;
use jiff::{Timestamp, tz::TimeZone};
use std::sync::atomic::{AtomicI16, Ordering};

/// Who says so, of a category that was given and not proposed.
const GIVEN: &str = "channel";

/// A first proposal.
#[derive(Debug)]
pub struct Proposal {
    /// What kind of matter it is.
    pub kind: Kind,
    /// What it is about.
    pub category: Option<Category>,
    /// How soon.
    pub priority: Priority,
    /// What to look out for.
    pub flags: Vec<String>,
    /// Until when.
    pub due: Option<Due>,
    /// Why.
    pub triage: Triage,
}

/// Proposes what becomes of `matter`, received `at` for `line`, if the register has that.
pub fn propose(
    judgement: &Judgement,
    matter: &Matter,
    line: Option<&Hotline>,
    at: Timestamp,
    zone: &TimeZone,
) -> Proposal {
    let (title, demand) = (matter.first(|appeal| appeal.title.clone()), matter.first(|appeal| appeal.demand.clone()));
    let category = matter.first(|appeal| appeal.category.clone());
    // The old system's code by the register, else one of ours.
    let translated = category.as_deref().and_then(|code| line?.categories.get(code)).map(String::as_str);
    let text = matter.content();
    let said = Said {
        kind: matter.first(|appeal| appeal.kind).map(name),
        category: translated.or(category.as_deref()),
        title: title.as_deref().unwrap_or_default(),
        text: &text,
        demand: demand.as_deref().unwrap_or_default(),
        profile: line.and_then(|line| line.profile.as_deref()),
    };
    let category_said = category.as_deref();
    let policy = &judgement.policy;
    let models = (&judgement.category_model, &judgement.categories);
    let found = policy.propose(&said, models, (at, zone, &judgement.calendar));
    let mut triage = Triage {
        kind: found.kind.reason,
        category: found.category.as_ref().map(|category| match (&category.value.3, translated.and(category_said)) {
            (&GIVEN, Some(old)) => format!("原系统分类 {old}，按热线登记表对照"),
            _ => category.reason.clone(),
        }),
        flags: found.flags.iter().map(|flag| format!("{}：{}", flag.value, flag.reason)).collect(),
        due: None,
    };
    let due = match found.due {
        Some(Ok(due)) => Some(Due {
            respond_by: ticket::rfc3339(due.respond_by, zone),
            reply_by: ticket::rfc3339(due.reply_by, zone),
            policy: said.profile.unwrap_or(&policy.profile).to_owned(),
            mode: policy.mode.name(),
        }),
        Some(Err(refused)) => {
            warn_once(refused.year, &refused.to_string());
            triage.due = Some(format!("工作日历缺少 {} 年，未计算时限", refused.year));
            None
        }
        None => None,
    };
    Proposal {
        kind: kind(&found.kind.value),
        category: found.category.map(|category| {
            let (code, name, confidence, by) = category.value;
            let by = if translated.is_some() && by == GIVEN { "crosswalk" } else { by };
            Category { code, name, confidence: (f64::from(confidence) * 100.0).round() / 100.0, by }
        }),
        priority: Priority { level: found.level.value, reason: found.level.reason },
        flags: found.flags.into_iter().map(|flag| flag.value).collect(),
        due,
        triage,
    }
}

/// Once for each year that is missing, not for each ticket.
fn warn_once(year: i16, what: &str) {
    static WARNED: AtomicI16 = AtomicI16::new(0);
    if WARNED.swap(year, Ordering::Relaxed) != year {
        tracing::warn!(alarm = true, "{what}; until then such tickets have no deadlines");
    }
}

/// A kind's name, as in the ticket.
pub fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Consultation => "consultation",
        Kind::Help => "help",
        Kind::Complaint => "complaint",
        Kind::Report => "report",
        Kind::Suggestion => "suggestion",
        Kind::Praise => "praise",
        Kind::Other => "other",
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "consultation" => Kind::Consultation,
        "help" => Kind::Help,
        "complaint" => Kind::Complaint,
        "report" => Kind::Report,
        "suggestion" => Kind::Suggestion,
        "praise" => Kind::Praise,
        _ => Kind::Other,
    }
}
