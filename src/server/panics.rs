//! Panics in the log.

/// Logs panics by their place only, instead of printing their message: that may quote what a citizen wrote (the
/// standard library's own message about a string cut in mid-character does).
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic");
    }));
}
