//! jq filters, compiled once and run within bounds.

mod allowed;
mod fuel;
mod instrument;
mod place;
#[cfg(test)]
mod tests;
mod values;

pub use place::Place;

use allowed::Grammar;
use fuel::{Data, Tank};
use instrument::Instrument;
use jaq_core::{
    Compiler, Ctx, Vars,
    load::{Arena, Error as LoadError, File, Loader},
};
use jaq_json::Val;
use serde_json::Value;
use std::{fmt, sync::Arc};

/// Bytes of stack to compile on; only what is used is taken.
const COMPILER_STACK: usize = 64 << 20;

/// How much a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Steps: every call, every value built (by its size) and every comparison costs some. A step takes some fifty
    /// nanoseconds at most.
    pub fuel: u64,
    /// Outputs, at most.
    pub outputs: usize,
    /// Bytes of all outputs together, at most.
    pub bytes: usize,
}

/// For messages: a fifth of a second at the very most, and seldom a millisecond.
impl Default for Caps {
    fn default() -> Self {
        Self { fuel: 4_000_000, outputs: 1_000, bytes: 32 << 20 }
    }
}

/// A compiled jq filter.
#[derive(Clone)]
pub struct Filter {
    source: Arc<str>,
    compiled: Arc<jaq_core::Filter<Data>>,
}

/// A text that is no filter, or none that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", .place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default())]
pub struct CompileError {
    /// What is wrong.
    pub what: String,
    /// Where.
    pub place: Option<Place>,
}

/// A filter failed on an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// What went wrong, without anything of the input.
    pub what: String,
    /// The filter's own words, which may quote the input: for whoever tries the filter, never for a log.
    pub detail: Option<String>,
    /// Where in the filter.
    pub place: Option<Place>,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RunError {}

impl Filter {
    /// Compiles a map: `def` (not recursive), `reduce`, `foreach`, `range`, regular expressions; nothing that reads the
    /// clock or the surroundings, and nothing that need not end.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn map(source: &str) -> Result<Self, CompileError> {
        Self::compile(source, &allowed::MAP)
    }

    /// Compiles a predicate: no loops at all, at most 256 bytes.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn predicate(source: &str) -> Result<Self, CompileError> {
        Self::compile(source, &allowed::PREDICATE)
    }

    /// On a thread of its own, with a stack for whatever is as deep as the filter is long.
    fn compile(source: &str, grammar: &Grammar) -> Result<Self, CompileError> {
        std::thread::scope(|scope| {
            let compiler = std::thread::Builder::new().stack_size(COMPILER_STACK);
            let compiler = compiler.spawn_scoped(scope, || Self::compile_here(source, grammar));
            let compiled = compiler.map(std::thread::ScopedJoinHandle::join);
            let failed = || Err(CompileError { what: "the filter could not be compiled".into(), place: None });
            compiled.ok().and_then(Result::ok).unwrap_or_else(failed)
        })
    }

    fn compile_here(source: &str, grammar: &Grammar) -> Result<Self, CompileError> {
        let at = |part: &str, what: String| CompileError { what, place: Place::of(source, part) };
        let whole = |what: String| CompileError { what, place: None };
        if source.trim().is_empty() {
            return Err(whole("the filter is empty".into()));
        }
        if source.len() > grammar.longest {
            return Err(whole(format!("the filter is longer than {} bytes", grammar.longest)));
        }
        allowed::nesting(source).map_err(|(part, what)| at(part, what))?;

        let arena = Arena::default();
        let main = File { code: source, path: () };
        // Loaded once for its errors, which know their place.
        Loader::new([]).load(&arena, main).map_err(|errors| syntax(source, errors))?;
        let term = jaq_core::load::parse(source, |parser| parser.term())
            .ok_or_else(|| whole("`import` and `include` have nothing to load".into()))?;
        grammar.check(&term).map_err(|(part, what)| at(part, what))?;

        let positions = Arena::default();
        let instrument = Instrument::new(source, &positions);
        let prelude = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let prelude = prelude.map(|def| instrument.prelude(def)).chain([instrument.main(term)]);
        let modules = Loader::new(prelude)
            .load(&arena, File { code: instrument::MAIN, path: () })
            .map_err(|_| whole("not a jq filter".into()))?;
        let kept = |name: &str| !fuel::REPLACED.contains(&name);
        let natives = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(|(name, ..)| kept(name));
        let compiled = Compiler::default().with_funs(natives.chain(fuel::natives())).compile(modules);
        let compiled = compiled.map_err(|errors| match errors.iter().flat_map(|(_, names)| names).next() {
            Some((name, what)) => at(name, format!("there is no {} {name}", what.as_str())),
            None => whole("not a jq filter".into()),
        })?;
        Ok(Self { source: source.into(), compiled: Arc::new(compiled) })
    }

    /// The filter as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// All outputs of the filter on `input`.
    ///
    /// # Errors
    /// [`RunError`]: the filter failed, or took more than `caps`.
    pub fn run(&self, input: Value, caps: Caps) -> Result<Vec<Value>, RunError> {
        let outputs = self.take(input, caps, caps.outputs.saturating_add(1))?;
        if outputs.len() > caps.outputs {
            let what = format!("the filter yields more than {} values", caps.outputs);
            return Err(RunError { what, detail: None, place: None });
        }
        Ok(outputs)
    }

    /// The first output of the filter on `input`; what would come after it is not computed.
    ///
    /// # Errors
    /// [`RunError`]: the filter failed before that, or took more than `caps`.
    pub fn first(&self, input: Value, caps: Caps) -> Result<Option<Value>, RunError> {
        Ok(self.take(input, caps, 1)?.pop())
    }

    fn take(&self, input: Value, caps: Caps, count: usize) -> Result<Vec<Value>, RunError> {
        let tank = Tank::new(caps.fuel);
        let context = Ctx::<Data>::new(fuel::Global { lut: &self.compiled.lut, tank: &tank }, Vars::new([]));
        let mut room = caps.bytes;
        let outputs = self.compiled.id.run((context, values::from_json(input))).take(count).map(|output| {
            let output: Val = output.map_err(|exception| self.failed(exception, &tank))?;
            values::to_json(&output, &mut room, 0).map_err(|what| self.error(&tank, what.into()))
        });
        outputs.collect()
    }

    fn error(&self, tank: &Tank, what: String) -> RunError {
        RunError { what, detail: None, place: Place::at(&self.source, tank.place.get()) }
    }

    fn failed(&self, exception: jaq_core::Exn<'_, Val>, tank: &Tank) -> RunError {
        let Ok(error) = exception.get_err() else {
            return self.error(tank, "the filter takes too many steps on this input".into());
        };
        let detail = error.to_string();
        // The words quote values; only their beginning is the language's own.
        let known = [
            ("cannot index", "a value has no such field or index"),
            ("cannot use", "a value is of the wrong type here"),
            ("cannot calculate", "two values cannot be put together by this operator"),
            ("cannot iterate", "a value cannot be iterated over"),
            ("cannot parse", "a text cannot be read"),
            ("invalid path", "this is no path"),
        ];
        let what = known
            .iter()
            .find(|(beginning, _)| detail.trim_start_matches('"').starts_with(beginning))
            .map(|(_, what)| *what);
        let what = what.unwrap_or("the filter raises an error").to_owned();
        RunError { detail: Some(values::shortened(&detail)), ..self.error(tank, what) }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.source).finish()
    }
}

/// The first error of the language, in words.
fn syntax(source: &str, errors: jaq_core::load::Errors<&str, ()>) -> CompileError {
    let found = |part: &str| match part.chars().next() {
        None => "the filter ends".to_owned(),
        Some(_) => format!("there is {:?}", part.chars().take(20).collect::<String>()),
    };
    for (_, error) in errors {
        let (expected, part) = match error {
            LoadError::Lex(errors) => match errors.into_iter().next() {
                Some((expected, part)) => (expected.as_str(), part),
                None => continue,
            },
            LoadError::Parse(errors) => match errors.into_iter().next() {
                Some((expected, part)) => (expected.as_str(), part),
                None => continue,
            },
            LoadError::Io(_) => {
                return CompileError { what: "`import` and `include` have nothing to load".into(), place: None };
            }
        };
        let what = format!("not a jq filter: {expected} expected, but {}", found(part));
        return CompileError { what, place: Place::of(source, part) };
    }
    CompileError { what: "not a jq filter".into(), place: None }
}
