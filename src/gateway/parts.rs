//! From the configuration to the parts that run.

use crate::{
    channels::{Channel, Channels},
    config::{self, Assembly, Loaded},
    registry::Registry,
    server::limits::RateSpec,
    store::Window,
};
use jiesu_connector::Connector;
use std::{sync::Arc, time::Duration};

/// The channels of a configuration; takes the parts that it was loaded with.
pub fn channels(loaded: &mut Loaded, registry: &Registry) -> Channels {
    let parts = std::mem::take(&mut loaded.parts);
    let built = parts.into_iter().filter_map(|(id, parts)| {
        let config = loaded.config.channels.get(&id)?;
        let kind = registry.get(&config.kind)?.name;
        let window = match (config.assembly, parts.converses) {
            (Some(Assembly::Immediate), _) | (None, false) => None,
            (Some(Assembly::Window(window)), _) => Some(window),
            (None, true) => Some(config::Window::default()),
        };
        let window = window.map(|window| Window { idle: window.idle.get(), max: window.max.get() });
        // The connector has told of words that are none.
        let own = config.settings["words"].as_object();
        let words = own.and_then(|own| loaded.outside.words.with(own).ok());
        let words = words.unwrap_or_else(|| loaded.outside.words.clone());
        let usual = Channel::new(&id, kind, &config.hotline, window, parts);
        let (unsubscribe, repeats) = (config.unsubscribe, config.repeats.unwrap_or(usual.repeats));
        let channel = Channel { unsubscribe, repeats, words, ..usual };
        Some((channel.id.clone(), Arc::new(channel)))
    });
    built.collect()
}

/// The first form page's; pages that belong to no channel look like it.
pub(super) fn look(loaded: &Loaded) -> jiesu_web::Look {
    let form = loaded.config.channels.values().find(|channel| channel.kind == <jiesu_web::Web as Connector>::NAME);
    let config = form.and_then(|channel| serde_json::from_value(channel.settings.clone()).ok());
    jiesu_web::Look::of(&config.unwrap_or_default())
}

pub(super) fn rate(rate: &crate::config::Rate) -> Option<RateSpec> {
    use crate::config::Rate;
    match rate {
        Rate::PerSecond(count) => Some(RateSpec { count: *count, per: Duration::from_secs(1) }),
        Rate::PerMinute(count) => Some(RateSpec { count: *count, per: Duration::from_secs(60) }),
        Rate::Off => None,
    }
}
