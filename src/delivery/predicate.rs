//! What counts as success, for cores that answer 200 to everything.
//!
//! The filter is the operator's, the body the receiver's: no body may make an innocent filter run on, fill the
//! memory or overflow the stack. So the filter has no loops ([`Filter::predicate`]), and the body is capped in size and
//! depth.

use jiesu_mapping::{Caps, Filter, json};
use serde_json::Value;

/// The longest body that is looked at; a longer one does not hold.
const MAX_BODY: usize = 256 * 1024;

/// A jq predicate on the answer of a destination.
#[derive(Debug, Clone)]
pub struct Predicate(Filter);

impl Predicate {
    /// Compiles a filter such as `.code == 0`.
    ///
    /// # Errors
    /// What is wrong with the filter, in words, and where.
    pub fn compile(source: &str) -> Result<Self, String> {
        Filter::predicate(source).map(Self).map_err(|error| error.to_string())
    }

    /// Whether the first output of the filter on `body` is neither `false` nor `null`. A body that is no JSON, a
    /// filter that fails, and no output at all do not hold.
    pub fn holds(&self, body: &[u8]) -> bool {
        if body.len() > MAX_BODY {
            return false;
        }
        let Ok(value) = json::read(body) else { return false };
        let first = self.0.first(value, Caps::default());
        matches!(first, Ok(Some(value)) if !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// The filter, as configured.
    pub fn source(&self) -> &str {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_can_be_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Predicate>();
    }

    #[test]
    fn a_predicate_holds_when_its_first_output_is_true() {
        for (filter, body, expected) in [
            (".code == 0", r#"{"code":0}"#, true),
            (".code == 0", r#"{"code":500}"#, false),
            (".code == 0", r#"{"code":"0"}"#, false),
            (".code == 0", r#"{}"#, false),
            (".code == 0", "OK", false),
            (".code == 0", "", false),
            (".code == 0", "[1]", false),
            (".code == 0 and (.data.id | length) > 0", r#"{"code":0,"data":{"id":"x"}}"#, true),
            (".success", r#"{"success":true}"#, true),
            (".success", r#"{"success":null}"#, false),
            (".code | test(\"^2\")", r#"{"code":"200"}"#, true),
            (".code as $c | [0, 200] | any(. == $c)", r#"{"code":200}"#, true),
            (".[] | select(.ok) | true", "[]", false),
            ("error", "{}", false),
            ("if .code then .code == 0 else false end", r#"{"code":0}"#, true),
            (".n == 18446744073709551615", r#"{"n":18446744073709551615}"#, true),
        ] {
            assert_eq!(Predicate::compile(filter).unwrap().holds(body.as_bytes()), expected, "{filter} on {body}");
        }
    }

    #[test]
    fn a_filter_that_could_run_on_is_refused() {
        for (filter, names) in [
            ("def f: f; f", "`def`"),
            ("repeat(1)", "`repeat`"),
            ("[range(1e18)]", "`range`"),
            ("reduce .[] as $x ([.]; . + .)", "`reduce`"),
            (".text * 1000000000", "`*`"),
            (".[1000000000] = 1", "an assignment"),
            ("halt", "`halt`"),
            ("env", "`env`"),
            (".body | fromjson", "`fromjson`"),
            ("debug", "`debug`"),
        ] {
            let error = Predicate::compile(filter).unwrap_err();
            assert!(error.starts_with(names), "{filter}: {error}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in ["", "  ", ".code ==", "nonsense", "$x", "import \"a\" as a; .", &".".repeat(2000)] {
            assert!(Predicate::compile(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn a_hostile_body_does_not_hold_and_does_not_overflow() {
        let predicate = Predicate::compile("[..] | length > 0").unwrap();
        let deep = "[".repeat(100_000);
        assert!(!predicate.holds(deep.as_bytes()));
        assert!(!predicate.holds(&vec![b' '; MAX_BODY + 1]));
    }
}
