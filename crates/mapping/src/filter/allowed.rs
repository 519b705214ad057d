//! What a filter may be made of.
//!
//! Nothing that need not end (recursion, `repeat`, `while`), nothing impure (`now`, `env`, `input`), and nothing that is
//! nested beyond measure: the language's parser, compiler and interpreter recurse as deep as a filter is nested.

use jaq_core::{
    load::{
        Lexer,
        lex::{StrPart, Tok, Token},
        parse::{BinaryOp, Def, Pattern, Term},
    },
    ops::Math,
    path::{Part, Path},
};

/// A fault: the part of the source, and what is wrong with it.
type Fault<'s> = (&'s str, String);

/// Brackets in one another, at most.
const MAX_BRACKETS: usize = 60;
/// Words and marks, at most.
const MAX_TOKENS: usize = 4_000;
/// How deep a run may recurse, with the bodies of called definitions.
const MAX_DEPTH: usize = 200;

/// What may be used.
pub(super) struct Grammar {
    /// Bytes of a filter, at most.
    pub longest: usize,
    /// `def`, `reduce`, `foreach`, `label`, `*`, assignments and formats may be used.
    loops: bool,
    names: &'static [&'static [&'static str]],
    what: &'static str,
}

/// For answers of a core: each run's cost is bounded by its input.
pub(super) const PREDICATE: Grammar =
    Grammar { longest: 256, loops: false, names: &[BOUNDED], what: "may not be used in a predicate" };

/// For messages: each run ends, and has fuel.
pub(super) const MAP: Grammar =
    Grammar { longest: 16 * 1024, loops: true, names: &[BOUNDED, FUELLED], what: "may not be used in a map" };

/// Named filters bounded by their input, which touch nothing outside, and end.
#[rustfmt::skip]
const BOUNDED: &[&str] = &[
    "abs", "add", "all", "any", "arrays", "ascii_downcase", "ascii_upcase", "booleans", "ceil", "contains", "empty",
    "endswith", "error", "false", "first", "floor", "has", "in", "index", "inside", "isarray", "isboolean", "isempty",
    "isnumber", "isobject", "isstring", "join", "keys", "last", "length", "ltrimstr", "map", "max", "min", "not", "null",
    "numbers", "objects", "round", "rtrimstr", "select", "split", "startswith", "strings", "test", "to_entries",
    "tostring", "trim", "true", "type", "unique", "utf8bytelength", "values",
];

/// Named filters that end, and whose cost is counted.
#[rustfmt::skip]
const FUELLED: &[&str] = &[
    "@base64", "@base64d", "@html", "@htmld", "@json", "@sh", "@text", "@uri", "@urid",
    "bsearch", "capture", "combinations", "del", "explode", "finites", "flatten", "from_entries", "fromdate",
    "fromdateiso8601", "fromjson", "getpath", "gmtime", "group_by", "implode", "indices", "infinite", "isfinite",
    "isinfinite", "isnan", "isnormal", "iterables", "keys_unsorted", "limit", "ltrim", "map_values", "match",
    "max_by", "min_by", "mktime", "nan", "normals", "nth", "nulls", "path", "paths", "pick", "pow", "range", "recurse",
    "reverse", "rindex", "rtrim", "scalars", "scan", "skip", "sort", "sort_by", "splits", "sqrt", "strftime",
    "strptime", "sub", "gsub", "toarray", "toboolean", "todate", "todateiso8601", "tojson", "tonumber", "transpose", "unique_by",
    "with_entries", "walk",
    "as_kind", "as_time",
];

/// Refuses what is nested too deeply, or too long a chain, before the parser sees it.
pub(super) fn nesting(source: &str) -> Result<(), Fault<'_>> {
    let mut depth = 0_usize;
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Err((&source[at..], format!("brackets are nested more than {MAX_BRACKETS} deep")));
        }
    }
    let Ok(tokens) = Lexer::new(source).lex() else { return Ok(()) };
    let mut left = MAX_TOKENS;
    count(&tokens, &mut left).map_err(|part| (part, format!("the filter has more than {MAX_TOKENS} words and marks")))
}

fn count<'s>(tokens: &[Token<&'s str>], left: &mut usize) -> Result<(), &'s str> {
    for Token(part, token) in tokens {
        *left = left.checked_sub(1).ok_or(*part)?;
        match token {
            Tok::Block(inner) => count(inner, left)?,
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(term) = part {
                        count(std::slice::from_ref(term), left)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Grammar {
    /// Refuses what may not be used.
    pub fn check<'s>(&self, term: &Term<&'s str>) -> Result<(), Fault<'s>> {
        Walk { grammar: self, scope: Vec::new(), open: Vec::new() }.term(term).map(drop)
    }
}

/// A definition in scope, or an argument of one: its name, how many arguments it takes, and how deep it runs.
type Known<'s> = (&'s str, usize, usize);

struct Walk<'g, 's> {
    grammar: &'g Grammar,
    scope: Vec<Known<'s>>,
    /// The definitions whose bodies are being looked at.
    open: Vec<(&'s str, usize)>,
}

impl<'s> Walk<'_, 's> {
    fn refused<T>(&self, part: &'s str, shown: &str) -> Result<T, Fault<'s>> {
        Err((part, format!("{shown} {}", self.grammar.what)))
    }

    fn looping(&self, part: &'s str, shown: &str) -> Result<(), Fault<'s>> {
        if self.grammar.loops { Ok(()) } else { self.refused(part, shown) }
    }

    fn all<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term<&'s str>>) -> Result<usize, Fault<'s>>
    where
        's: 't,
    {
        let mut deepest = 0;
        for term in terms {
            deepest = deepest.max(self.term(term)?);
        }
        Ok(deepest)
    }

    /// How deep the term runs.
    fn term(&mut self, term: &Term<&'s str>) -> Result<usize, Fault<'s>> {
        let below = match term {
            Term::Id | Term::Recurse | Term::Num(_) => 0,
            Term::Var(name) | Term::Break(name) => self.reserved(name).map(|()| 0)?,
            Term::Str(format, parts) => {
                if let Some(format) = format {
                    self.named(format)?;
                }
                let terms = parts.iter().filter_map(|part| match part {
                    StrPart::Term(term) => Some(term),
                    _ => None,
                });
                self.all(terms)?
            }
            Term::Arr(inner) => self.all(inner.as_deref())?,
            Term::Neg(inner) => self.term(inner)?,
            Term::Obj(fields) => {
                self.all(fields.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten())?
            }
            Term::BinOp(left, operator, right) => {
                match operator {
                    BinaryOp::Math(Math::Mul) => self.looping("", "`*`")?,
                    BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                        self.looping("", "an assignment")?;
                    }
                    BinaryOp::Pipe(Some(pattern)) => self.pattern(pattern)?,
                    _ => {}
                }
                self.all([&**left, right])?
            }
            Term::Label(name, inner) => {
                self.looping(name, "`label`")?;
                self.reserved(name)?;
                self.term(inner)?
            }
            Term::Fold(name, generator, pattern, arguments) => {
                self.looping(name, &format!("`{name}`"))?;
                self.pattern(pattern)?;
                self.term(generator)?.max(self.all(arguments)?)
            }
            Term::TryCatch(inner, catch) => self.term(inner)?.max(self.all(catch.as_deref())?),
            Term::IfThenElse(branches, otherwise) => {
                let branches = self.all(branches.iter().flat_map(|(condition, then)| [condition, then]))?;
                branches.max(self.all(otherwise.as_deref())?)
            }
            Term::Def(definitions, inner) => {
                let known = self.scope.len();
                for definition in definitions {
                    self.definition(definition)?;
                }
                let depth = self.term(inner)?;
                self.scope.truncate(known);
                depth
            }
            Term::Call(name, arguments) => self.call(name, arguments)?,
            Term::Path(head, Path(parts)) => {
                let mut depth = self.term(head)?;
                for (part, _) in parts {
                    let bounds = match part {
                        Part::Index(index) => [Some(index), None],
                        Part::Range(from, to) => [from.as_ref(), to.as_ref()],
                    };
                    depth = depth.max(self.all(bounds.into_iter().flatten())?);
                }
                depth + parts.len()
            }
        };
        if below >= MAX_DEPTH {
            return Err(("", "the filter is nested too deeply: take it apart".into()));
        }
        Ok(below + 1)
    }

    fn call(&mut self, name: &'s str, arguments: &[Term<&'s str>]) -> Result<usize, Fault<'s>> {
        let mut depth = 0;
        for argument in arguments {
            depth += self.term(argument)?;
        }
        let known = self.scope.iter().rev().find(|(known, arity, _)| (*known, *arity) == (name, arguments.len()));
        if let Some((.., own)) = known {
            return Ok(depth + own);
        }
        if self.open.contains(&(name, arguments.len())) {
            let what = format!("`{name}` calls itself, and a map must end: use map, reduce, foreach, limit or `..`");
            return Err((name, what));
        }
        self.named(name)?;
        if name == "recurse" && !arguments.is_empty() {
            return self.refused(name, "`recurse` with a filter of its own");
        }
        if name == "combinations" && !arguments.is_empty() {
            return self.refused(name, "`combinations` with a number");
        }
        Ok(depth)
    }

    fn definition(&mut self, definition: &Def<&'s str>) -> Result<(), Fault<'s>> {
        let Def { name, args, body } = definition;
        self.looping(name, "`def`")?;
        self.reserved(name)?;
        let known = self.scope.len();
        for argument in args {
            self.reserved(argument)?;
            self.scope.push((argument.trim_start_matches('$'), 0, 0));
        }
        self.open.push((name, args.len()));
        let depth = self.term(body)?;
        self.open.pop();
        self.scope.truncate(known);
        self.scope.push((name, args.len(), depth));
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern<&'s str>) -> Result<(), Fault<'s>> {
        match pattern {
            Pattern::Var(name) => self.reserved(name),
            Pattern::Arr(items) => items.iter().try_for_each(|item| self.pattern(item)),
            Pattern::Obj(fields) => fields.iter().try_for_each(|(key, inner)| {
                self.term(key)?;
                self.pattern(inner)
            }),
        }
    }

    fn named(&self, name: &'s str) -> Result<(), Fault<'s>> {
        if self.grammar.names.iter().any(|names| names.contains(&name)) {
            return Ok(());
        }
        self.refused(name, &format!("`{name}`"))
    }

    /// Names that begin like the gateway's own.
    fn reserved(&self, name: &'s str) -> Result<(), Fault<'s>> {
        if name.trim_start_matches('$').starts_with("__") {
            return Err((name, format!("`{name}`: names that begin with __ are taken")));
        }
        Ok(())
    }
}
