//! Rounds: some messages of the line, decided one after the other and stored together.

use super::{Issuer, NotNow, quarantine};
use crate::{
    number::Number,
    store::{Message, MessageId, Outcome, Pass, StoreError},
};
use futures_util::FutureExt;
use jiff::Timestamp;
use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Messages looked at in one round: who waits for the disk meanwhile waits for their transaction, too.
const BATCH: usize = 128;
/// Between rounds under load: so many messages gather meanwhile that a transaction is worth its while. After a quiet
/// time there is no wait.
const GATHER: Duration = Duration::from_millis(10);
/// Between attempts while the store or the disk cannot write.
const PAUSE: Duration = Duration::from_millis(500);
/// A pass along the line is begun anew after so long, also where it finds no end: for what was skipped.
const LONGEST_PASS: Duration = Duration::from_secs(2);
/// Looked at without being told, at the latest after this: a message whose client left before its receipt tells nobody.
const IDLE: Duration = Duration::from_secs(1);

/// What a round did.
struct Round {
    pass: Pass,
    messages: usize,
    skipped: bool,
}

impl Issuer {
    /// Makes tickets of what waits and of what comes, until `stop`, or until another node may.
    pub async fn run(self, stop: CancellationToken) {
        self.prepare(&stop).await;
        let (mut after, mut begun) = (Pass::default(), Instant::now());
        let mut skipped = false;
        // Messages still to be taken one at a time: one of them failed the transaction of all.
        let mut alone = 0usize;
        while !self.term.is_over() {
            self.alive_at.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
            let round = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                round = self.round(after, if alone > 0 { 1 } else { BATCH }) => round,
            };
            let wait = match round {
                Ok(Some(round)) => {
                    alone = alone.saturating_sub(1);
                    after = round.pass;
                    if begun.elapsed() > LONGEST_PASS && alone == 0 {
                        (after, begun) = (Pass::default(), Instant::now());
                    }
                    skipped |= round.skipped;
                    if round.messages < BATCH && alone == 0 {
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = tokio::time::sleep(GATHER) => {}
                        }
                    }
                    continue;
                }
                // The end of the line: from the start again, for what was skipped, released or has closed meanwhile.
                Ok(None) => {
                    (after, begun) = (Pass::default(), Instant::now());
                    alone = 0;
                    let more = tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        more = self.catch_up(&stop) => more,
                    };
                    match more {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(error) => tracing::warn!(%error, "looking for repeats later waits for the store"),
                    }
                    self.wait(std::mem::take(&mut skipped)).await
                }
                Err(StoreError::Failed(_)) if alone == 0 => {
                    alone = BATCH;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "issuing waits for the store");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.arrived.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// How long to wait at the end of the line: until the next conversation closes, if that is soon.
    async fn wait(&self, skipped: bool) -> Duration {
        let longest = if skipped { PAUSE } else { IDLE };
        match self.reviser.store.next_due(self.reviser.clock.now()).await {
            Ok(Some(due)) => {
                let until = due.as_millisecond() - self.reviser.clock.now().as_millisecond() + 1;
                longest.min(Duration::from_millis(until.max(1).unsigned_abs()))
            }
            _ => longest,
        }
    }

    /// One batch; `None` at the end of the line.
    async fn round(&self, after: Pass, limit: usize) -> Result<Option<Round>, StoreError> {
        let store = &self.reviser.store;
        let mut messages = store.pending(after, self.reviser.clock.now(), limit).await?;
        messages.truncate(if limit == 1 { 1 } else { usize::MAX });
        let Some(last) = messages.last().map(|message| message.id) else { return Ok(None) };
        let pass = after.behind(&messages);
        let looked_at = messages.len();
        let mut outcomes = Vec::with_capacity(messages.len());
        let mut conversations = HashSet::new();
        let mut skipped = false;
        for message in messages {
            let said = match message.conversation {
                false => vec![message],
                true if !conversations.insert(message.number) => continue,
                true => store.conversation(message.number).await?,
            };
            let mut decided = self.decide(said.clone()).await;
            // What it belongs to is not stored yet, or is about to change: first that, then this.
            if !outcomes.is_empty() && comes_after(&decided, &outcomes) {
                skipped |= self.store(std::mem::take(&mut outcomes)).await?;
                decided = self.decide(said).await;
            }
            match decided {
                Ok(decided) => {
                    self.decided.make_ready(decided.iter().filter_map(numbered));
                    outcomes.extend(decided);
                }
                Err(NotNow::Later | NotNow::AfterOthers) => skipped = true,
                Err(NotNow::Store(error)) => return Err(error),
            }
        }
        if !outcomes.is_empty() {
            match self.store(outcomes).await {
                // It keeps its place and is tried again, but it does not stop the line.
                Err(StoreError::Failed(error)) if limit == 1 => {
                    tracing::error!(alarm = true, %error, message = last.0, "a message cannot be issued; the others go on");
                    skipped = true;
                }
                stored => skipped |= stored?,
            }
        }
        Ok(Some(Round { pass, messages: looked_at, skipped }))
    }

    /// As [`Self::outcomes`]; what panics goes into quarantine, and the line goes on.
    async fn decide(&self, messages: Vec<Message>) -> Result<Vec<Outcome>, NotNow> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        match AssertUnwindSafe(self.outcomes(messages)).catch_unwind().await {
            Ok(decided) => decided,
            Err(_panic) => {
                let reason = || "issuing panicked: a bug; see the log".to_owned();
                Ok(ids.into_iter().map(|id| quarantine(id, reason())).collect())
            }
        }
    }

    /// Tells whether something was left for another round.
    async fn store(&self, mut outcomes: Vec<Outcome>) -> Result<bool, StoreError> {
        let learnt = self.citizens.take();
        outcomes.extend((!learnt.is_empty()).then_some(Outcome::Learnt(learnt)));
        let (mut issued, mut repeated, mut quarantined, mut media, mut reply) = (0, 0, 0, false, false);
        let mut begin = Vec::new();
        let numbers: Vec<Number> = outcomes.iter().filter_map(numbered).collect();
        for outcome in &outcomes {
            match outcome {
                Outcome::Ticket { media: files, ticket, .. } => {
                    let joins = ticket.joins.as_ref().filter(|joins| joins.begins.is_some());
                    begin.extend(joins.map(|joins| joins.root));
                    issued += 1;
                    media |= !files.is_empty();
                }
                Outcome::Quarantine { .. } => quarantined += 1,
                Outcome::Supplement { change, .. } => media |= !change.media.is_empty(),
                Outcome::Repeat { change, .. } => {
                    repeated += 1;
                    media |= !change.media.is_empty();
                    reply |= change.reply.is_some();
                }
                Outcome::Noted { .. } | Outcome::Apart { .. } | Outcome::Learnt(_) => {}
            }
        }
        let issued_now = self.reviser.store.issue(outcomes).await;
        self.decided.stored();
        let left = match issued_now {
            Ok(left) => left,
            Err(error) => {
                self.incidents.forget();
                self.citizens.forget();
                return Err(error);
            }
        };
        match left {
            0 => {
                self.decided.forget(&numbers);
                begin.into_iter().for_each(|root| self.incidents.begun(root));
            }
            _ => self.incidents.forget(),
        }
        self.citizens.round_is_over();
        self.incidents.round_is_over();
        metrics::counter!("jiesu_repeats_total").increment(repeated);
        if reply {
            self.reply_due.notify_one();
        }
        metrics::counter!("jiesu_issued_total").increment(issued);
        metrics::counter!("jiesu_quarantined_total").increment(quarantined);
        if media {
            self.media_due.notify_one();
        }
        self.reviser.tell().await;
        Ok(left > 0)
    }
}

/// It needs what is not stored yet, or changes a ticket that another outcome changes.
fn comes_after(decided: &Result<Vec<Outcome>, NotNow>, others: &[Outcome]) -> bool {
    match decided {
        Err(NotNow::AfterOthers) => true,
        Ok(decided) => decided.iter().filter(|outcome| !matches!(outcome, Outcome::Supplement { .. })).any(|outcome| {
            let changed = changed(outcome);
            changed.is_some() && others.iter().any(|other| self::changed(other) == changed)
        }),
        Err(_) => false,
    }
}

/// The number that gets its ticket, or is found to repeat another.
fn numbered(outcome: &Outcome) -> Option<Number> {
    match outcome {
        Outcome::Ticket { ticket, .. } => Some(ticket.number),
        Outcome::Repeat { number, .. } => Some(*number),
        _ => None,
    }
}

/// The ticket that was there already, and that an outcome changes.
fn changed(outcome: &Outcome) -> Option<Number> {
    match outcome {
        Outcome::Repeat { change, .. } | Outcome::Supplement { change, .. } => Some(change.number),
        Outcome::Ticket { ticket, .. } => ticket.first().map(|first| first.number),
        _ => None,
    }
}
