//! Who is told of tickets: the core, the subscribers, and the lines' own systems.

use crate::{
    config::{self, ContactPolicy, Loaded, Success},
    delivery::{self, Contact, Destination, Filter, Map, RetryPolicy},
    store::{Store, StoreError},
};
use jiff::Timestamp;
use std::sync::Arc;

/// The core and the subscribers, as configured.
pub(super) fn destinations(loaded: &Loaded) -> Vec<Destination> {
    let success = |success: &Success| match success {
        Success::Status => delivery::Success::Status,
        Success::Predicate(predicate) => {
            let predicate = predicate.clone();
            delivery::Success::Predicate(Arc::new(move |body| predicate.holds(body)))
        }
    };
    let retry = |retry: &config::Retry| RetryPolicy {
        first: retry.first.get(),
        max: retry.max.get(),
        give_up: retry.give_up.get(),
    };
    let core = loaded.config.core.iter().map(|core| Destination {
        secret: loaded.secrets.core_secret.clone(),
        timeout: core.timeout.get(),
        concurrency: core.concurrency.get().into(),
        retry: retry(&core.retry),
        success: success(&core.success),
        ..Destination::new("core", core.url.url().as_str())
    });
    let globs = |globs: &Option<Vec<config::Glob>>| globs.clone().unwrap_or_default();
    let subscribers = loaded.config.subscribers.iter().map(|subscriber| Destination {
        secret: loaded.secrets.subscriber_secrets.get(&subscriber.name).cloned(),
        timeout: subscriber.timeout.get(),
        concurrency: subscriber.concurrency.get().into(),
        retry: retry(&subscriber.retry),
        success: success(&subscriber.success),
        filter: Filter {
            events: subscriber
                .events
                .as_ref()
                .map(|events| events.iter().map(|types| types.pattern().clone()).collect()),
            regions: globs(&subscriber.filter.regions),
            categories: globs(&subscriber.filter.categories),
            hotlines: globs(&subscriber.filter.hotlines),
            kinds: globs(&subscriber.filter.kinds),
            lines: loaded.hotlines.of_subscriber(&subscriber.name),
            registered: subscriber.filter.registered,
            spares_officials: !subscriber.filter.against_officials.unwrap_or(!subscriber.filter.registered),
        },
        contact: match subscriber.contact {
            ContactPolicy::Full => Contact::UnlessConfidential,
            ContactPolicy::Masked => Contact::Masked,
            ContactPolicy::None => Contact::None,
        },
        map: subscriber.map.clone().map(|map| Map(Arc::new(move |event| map.form(event)))),
        ..Destination::new(&subscriber.name, subscriber.url.url().as_str())
    });
    core.chain(subscribers).collect()
}

/// A line whose parity is below its threshold is not absorbed unless somebody said why: it stays as it was before, so
/// that its own system goes on getting its tickets.
pub(super) async fn hold_back(loaded: &Loaded, store: &dyn Store) -> Result<(), StoreError> {
    let today = Timestamp::now().to_zoned(loaded.config.server.timezone.get().clone()).date();
    for run in store.parity().await? {
        let Some(line) = loaded.hotlines.get(&run.line) else { continue };
        if let Some(why) = line.refusal(today, run.parity()) {
            tracing::error!(alarm = true, line = run.line, "a line is not absorbed yet: {why}");
        }
        // Also where its day is still to come: this process may live until then.
        loaded.hotlines.hold(&run.line, run.parity());
    }
    Ok(())
}
