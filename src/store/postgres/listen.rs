//! The ear: hears what other nodes did, knows how large the database is, and wakes a writer in trouble.

use super::{
    Shared,
    fail::Fail,
    link::Link,
    tx::{self, CHANNEL, SIGNALS},
    writer::Writer,
};
use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// Between looks at a writer in trouble, and attempts to listen again.
const LOOK: Duration = Duration::from_secs(1);
/// Between questions for the size, which also show that somebody still answers.
const SIZE: Duration = Duration::from_secs(30);
/// Between counts of the tables that fill and empty, while anything is written.
const COUNT: Duration = Duration::from_secs(5);
/// How the server chooses its ways through a table depends on what it believes of its size. Of these it may have seen nothing
/// when it looked last, and then a flood comes.
const COUNT_THEM: &str = "ANALYZE (SKIP_LOCKED) pending, piece, unchecked";
/// For an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Listens until the store is closed.
pub(super) async fn run(shared: Arc<Shared>, writer: Weak<Writer>) {
    let mut link: Option<Link> = None;
    let mut asked_at: Option<Instant> = None;
    let mut counted_at = Instant::now();
    loop {
        sleep(LOOK).await;
        match writer.upgrade() {
            // Changes nothing, but finds that the database is there again.
            Some(writer) if shared.is_troubled() => writer.probe(),
            Some(_) => {}
            None => return,
        }
        if link.as_ref().is_some_and(Link::is_closed) {
            link = None;
        }
        let open = match link.take() {
            Some(open) => open,
            None => match listen(&shared).await {
                Some(open) => {
                    asked_at = None;
                    open
                }
                None => {
                    // The writer finds out, and says so, also when nobody writes.
                    if let Some(writer) = writer.upgrade() {
                        writer.probe();
                    }
                    continue;
                }
            },
        };
        if asked_at.is_none_or(|at| at.elapsed() >= SIZE) {
            let size = open.one::<i64>("SELECT pg_database_size(current_database())", &[]);
            match timeout(ANSWER, size).await {
                Ok(Ok(bytes)) => shared.bytes.store(bytes.unsigned_abs(), Ordering::Relaxed),
                // Somebody who does not answer does not notify either.
                _ => continue,
            }
            asked_at = Some(Instant::now());
        }
        if counted_at.elapsed() >= COUNT && shared.written.swap(false, Ordering::Relaxed) {
            match timeout(ANSWER, open.batch(COUNT_THEM)).await {
                Err(_) | Ok(Err(Fail::Lost(_))) => continue,
                // Whatever else keeps it from that, the line goes on as well as it can.
                Ok(_) => counted_at = Instant::now(),
            }
        }
        link = Some(open);
    }
}

async fn listen(shared: &Arc<Shared>) -> Option<Link> {
    let heard = {
        let shared = shared.clone();
        move |notification: tokio_postgres::Notification| {
            // What this node did itself, it knows.
            if notification.process_id() == shared.writer.load(Ordering::Relaxed) {
                return;
            }
            if let Some(signal) = SIGNALS.into_iter().find(|signal| tx::name(*signal) == notification.payload()) {
                let _ = shared.signals.send(signal);
            }
        }
    };
    let link = Link::listening(&shared.address, heard).await.ok()?;
    timeout(ANSWER, link.batch(&format!("LISTEN {CHANNEL}"))).await.ok()?.ok()?;
    // Nobody knows what was done in between.
    for signal in SIGNALS {
        let _ = shared.signals.send(signal);
    }
    Some(link)
}
