//! What counts as success, for cores that answer 200 to everything.
//!
//! The filter is the operator's, the body the receiver's: no body may make an innocent filter run on, fill the
//! memory or overflow the stack. So the filter has no loops (no `def`, `reduce`, `range`, `*`, assignment), only named
//! filters whose cost is bounded by their input, and the body is capped in size and depth.

use jaq_core::{
    Compiler, Ctx, Vars,
    data::JustLut,
    load::{
        Arena, File, Loader,
        lex::StrPart,
        parse::{BinaryOp, Pattern, Term},
    },
    ops::Math,
    path::{Part, Path},
    unwrap_valr,
};
use jaq_json::{Num, Val};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// The longest filter, in bytes: parsing, compiling and running recurse as deep as a filter is nested.
const MAX_FILTER: usize = 256;
/// The longest body that is looked at; a longer one does not hold.
const MAX_BODY: usize = 256 * 1024;

/// Named filters that a predicate may use: each is bounded by its input, touches nothing outside, and ends.
const ALLOWED: &[&str] = &[
    "abs",
    "add",
    "all",
    "any",
    "arrays",
    "ascii_downcase",
    "ascii_upcase",
    "booleans",
    "ceil",
    "contains",
    "empty",
    "endswith",
    "error",
    "false",
    "first",
    "floor",
    "has",
    "in",
    "index",
    "inside",
    "isarray",
    "isboolean",
    "isempty",
    "isnumber",
    "isobject",
    "isstring",
    "join",
    "keys",
    "last",
    "length",
    "ltrimstr",
    "map",
    "max",
    "min",
    "not",
    "null",
    "numbers",
    "objects",
    "round",
    "rtrimstr",
    "select",
    "split",
    "startswith",
    "strings",
    "test",
    "to_entries",
    "tostring",
    "trim",
    "true",
    "type",
    "unique",
    "utf8bytelength",
    "values",
];

type Data = JustLut<Val>;

/// A jq predicate on the answer of a destination.
#[derive(Clone)]
pub struct Predicate {
    source: Arc<str>,
    filter: Arc<jaq_core::Filter<Data>>,
}

impl Predicate {
    /// Compiles a filter such as `.code == 0`.
    ///
    /// # Errors
    /// What is wrong with the filter, in words.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.trim().is_empty() {
            return Err("the filter is empty".into());
        }
        if source.len() > MAX_FILTER {
            return Err(format!("the filter is longer than {MAX_FILTER} bytes"));
        }
        let term = jaq_core::load::parse(source, |parser| parser.term()).ok_or("not a jq filter")?;
        bounded(&term)?;

        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs)
            .load(&arena, File { code: source, path: () })
            .map_err(|_| "not a jq filter".to_string())?;
        let filter = Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
            let names: Vec<String> = errors
                .iter()
                .flat_map(|(_, undefined)| undefined)
                .map(|(name, what)| format!("undefined {} {name}", what.as_str()))
                .collect();
            names.join(", ")
        })?;
        Ok(Self { source: source.into(), filter: Arc::new(filter) })
    }

    /// Whether the first output of the filter on `body` is neither `false` nor `null`. A body that is no JSON, a
    /// filter that fails, and no output at all do not hold.
    pub fn holds(&self, body: &[u8]) -> bool {
        if body.len() > MAX_BODY {
            return false;
        }
        // By way of serde_json, whose recursion is limited; the filter language's own reader is not.
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return false };
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let first = self.filter.id.run((context, convert(value))).map(unwrap_valr).next();
        matches!(first, Some(Ok(value)) if !matches!(value, Val::Null | Val::Bool(false)))
    }

    /// The filter, as configured.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Predicate").field(&self.source).finish()
    }
}

fn convert(value: Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => Val::Num(Num::from_integral(integer)),
            (_, Some(integer), _) => Val::Num(Num::from_integral(integer)),
            (.., float) => Val::Num(Num::Float(float.unwrap_or(f64::NAN))),
        },
        Value::String(text) => Val::utf8_str(text),
        Value::Array(items) => items.into_iter().map(convert).collect(),
        Value::Object(fields) => {
            Val::obj(fields.into_iter().map(|(key, value)| (Val::utf8_str(key), convert(value))).collect())
        }
    }
}

/// Refuses what could run on.
fn bounded(term: &Term<&str>) -> Result<(), String> {
    let refused = |what: &str| Err(format!("{what} may not be used in a predicate"));
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) => Ok(()),
        Term::Str(Some(format), _) => refused(format),
        Term::Str(None, parts) => parts.iter().try_for_each(|part| match part {
            StrPart::Term(term) => bounded(term),
            _ => Ok(()),
        }),
        Term::Arr(inner) => inner.as_deref().map_or(Ok(()), bounded),
        Term::Obj(fields) => fields.iter().try_for_each(|(key, value)| {
            bounded(key)?;
            value.as_ref().map_or(Ok(()), bounded)
        }),
        Term::Neg(inner) => bounded(inner),
        Term::BinOp(left, operator, right) => {
            match operator {
                BinaryOp::Math(Math::Mul) => return refused("`*`"),
                BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                    return refused("an assignment");
                }
                BinaryOp::Pipe(Some(pattern)) => bounded_pattern(pattern)?,
                _ => {}
            }
            bounded(left)?;
            bounded(right)
        }
        Term::Label(..) | Term::Break(_) => refused("`label`"),
        Term::Fold(name, ..) => refused(&format!("`{name}`")),
        Term::Def(..) => refused("`def`"),
        Term::TryCatch(inner, catch) => {
            bounded(inner)?;
            catch.as_deref().map_or(Ok(()), bounded)
        }
        Term::IfThenElse(branches, otherwise) => {
            branches.iter().try_for_each(|(condition, then)| bounded(condition).and_then(|()| bounded(then)))?;
            otherwise.as_deref().map_or(Ok(()), bounded)
        }
        Term::Call(name, arguments) => {
            if !ALLOWED.contains(name) {
                return refused(&format!("`{name}`"));
            }
            arguments.iter().try_for_each(bounded)
        }
        Term::Path(head, Path(parts)) => {
            bounded(head)?;
            parts.iter().try_for_each(|(part, _)| match part {
                Part::Index(index) => bounded(index),
                Part::Range(from, to) => {
                    from.as_ref().map_or(Ok(()), bounded)?;
                    to.as_ref().map_or(Ok(()), bounded)
                }
            })
        }
    }
}

fn bounded_pattern(pattern: &Pattern<&str>) -> Result<(), String> {
    match pattern {
        Pattern::Var(_) => Ok(()),
        Pattern::Arr(items) => items.iter().try_for_each(bounded_pattern),
        Pattern::Obj(fields) => fields.iter().try_for_each(|(key, inner)| {
            bounded(key)?;
            bounded_pattern(inner)
        }),
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
    fn a_filter_nested_to_its_full_length_overflows_nothing() {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("{a:", "}"), ("-", ""), ("try ", ""), (".|", ""), (".+", ""), ("not|", "")]
        {
            let depth = MAX_FILTER / (open.len() + close.len()) - 1;
            let filter = format!("{}.{}", open.repeat(depth), close.repeat(depth));
            if let Ok(predicate) = Predicate::compile(&filter) {
                predicate.holds(b"1");
            }
        }
        assert!(Predicate::compile(&"(".repeat(MAX_FILTER)).is_err());
    }

    #[test]
    fn a_hostile_body_does_not_hold_and_does_not_overflow() {
        let predicate = Predicate::compile("[..] | length > 0").unwrap();
        let deep = "[".repeat(100_000);
        assert!(!predicate.holds(deep.as_bytes()));
        assert!(!predicate.holds(&vec![b' '; MAX_BODY + 1]));
    }
}
