//! Rewrites a filter so that its run takes fuel and knows its place.
//!
//! Before each call and each step of a path the place is recorded; what a call or an operator works on or builds is
//! measured. The rewritten filter yields what the written one does.

use super::{fuel, place};
use jaq_core::{
    load::{
        Arena,
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    ops::Math,
    path::{Opt, Part, Path},
};

/// The rewritten filter's name.
pub(super) const MAIN: &str = "__main";

/// Calls whose cost is nothing.
#[rustfmt::skip]
const FREE: &[&str] = &["empty", "error", "false", "first", "limit", "not", "null", "true", "values", "select"];
/// Calls that cut a text to pieces.
#[rustfmt::skip]
const CUTTING: &[&str] = &["explode", "split", "splits", "scan", "match", "capture", "sub", "gsub"];
/// Calls that compare everything with everything.
const CROSSING: &[&str] = &["contains", "indices", "index", "rindex", "inside"];

pub(super) struct Instrument<'s> {
    source: &'s str,
    positions: &'s Arena,
}

type T<'s> = Term<&'s str>;

fn pipe<'s>(left: T<'s>, right: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn bind<'s>(value: T<'s>, name: &'s str, rest: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(value), BinaryOp::Pipe(Some(Pattern::Var(name))), Box::new(rest))
}

fn call(name: &'static str) -> T<'static> {
    Term::Call(name, Vec::new())
}

fn measured(term: T<'_>) -> T<'_> {
    pipe(term, call(fuel::SIZE))
}

/// `left` and `right` bound to variables, `name` called on both, then the operator.
fn weighed<'s>(name: &'static str, left: T<'s>, operator: Math, right: T<'s>) -> T<'s> {
    let (l, r) = (|| Term::Var("$__l"), || Term::Var("$__r"));
    let body =
        pipe(Term::Call(name, vec![l(), r()]), Term::BinOp(Box::new(l()), BinaryOp::Math(operator), Box::new(r())));
    bind(left, "$__l", bind(right, "$__r", measured(body)))
}

/// A constant: nothing to measure, and nothing that reads the input.
fn constant(term: &T<'_>) -> bool {
    match term {
        Term::Num(_) => true,
        Term::Str(None, parts) => !parts.iter().any(|part| matches!(part, StrPart::Term(_))),
        _ => false,
    }
}

impl<'s> Instrument<'s> {
    pub fn new(source: &'s str, positions: &'s Arena) -> Self {
        Self { source, positions }
    }

    pub fn main(&self, term: T<'s>) -> Def<&'s str> {
        Def { name: MAIN, args: Vec::new(), body: self.term(term, true) }
    }

    /// A definition of the language: what it adds up costs, its calls do not.
    pub fn prelude(&self, definition: Def<&'static str>) -> Def<&'s str> {
        self.definition(definition, false)
    }

    fn definition(&self, Def { name, args, body }: Def<&'s str>, own: bool) -> Def<&'s str> {
        Def { name, args, body: self.term(body, own) }
    }

    /// `term`, its place recorded first.
    fn at(&self, part: &'s str, term: T<'s>) -> T<'s> {
        let Some(offset) = place::offset(self.source, part) else { return term };
        let number = self.positions.alloc(offset.to_string());
        pipe(Term::Call(fuel::AT, vec![Term::Num(number)]), term)
    }

    #[allow(clippy::boxed_local)] // It comes boxed, and goes boxed.
    fn boxed(&self, term: Box<T<'s>>, own: bool) -> Box<T<'s>> {
        Box::new(self.term(*term, own))
    }

    fn term(&self, term: T<'s>, own: bool) -> T<'s> {
        let size = |term| if own { measured(term) } else { term };
        match term {
            Term::Id | Term::Num(_) | Term::Var(_) | Term::Break(_) | Term::Arr(None) => term,
            Term::Recurse => size(term),
            Term::Str(..) if constant(&term) => term,
            Term::Str(format, parts) => {
                let parts = parts.into_iter().map(|part| match part {
                    StrPart::Term(term) => StrPart::Term(self.term(term, own)),
                    other => other,
                });
                size(Term::Str(format, parts.collect()))
            }
            Term::Arr(Some(inner)) => size(Term::Arr(Some(self.boxed(inner, own)))),
            Term::Obj(fields) => size(Term::Obj(
                fields
                    .into_iter()
                    .map(|(key, value)| match value {
                        Some(value) => (self.key(key, own), Some(self.term(value, own))),
                        None => (key, None),
                    })
                    .collect(),
            )),
            Term::Neg(inner) => Term::Neg(self.boxed(inner, own)),
            Term::BinOp(left, operator, right) => self.operation(*left, operator, *right, own),
            Term::Label(name, inner) => Term::Label(name, self.boxed(inner, own)),
            Term::Fold(name, generator, pattern, arguments) => {
                let arguments = arguments.into_iter().enumerate().map(|(place, argument)| {
                    let argument = self.term(argument, own);
                    if place == 1 { measured(argument) } else { argument }
                });
                Term::Fold(name, self.boxed(generator, own), self.pattern(pattern, own), arguments.collect())
            }
            Term::TryCatch(inner, catch) => {
                Term::TryCatch(self.boxed(inner, own), catch.map(|catch| self.boxed(catch, own)))
            }
            Term::IfThenElse(branches, otherwise) => Term::IfThenElse(
                branches.into_iter().map(|(when, then)| (self.term(when, own), self.term(then, own))).collect(),
                otherwise.map(|otherwise| self.boxed(otherwise, own)),
            ),
            Term::Def(definitions, inner) => Term::Def(
                definitions.into_iter().map(|definition| self.definition(definition, own)).collect(),
                self.boxed(inner, own),
            ),
            Term::Call(name, arguments) => {
                let arguments: Vec<_> = arguments.into_iter().map(|argument| self.term(argument, own)).collect();
                if own { self.call(name, arguments) } else { Term::Call(name, arguments) }
            }
            Term::Path(head, Path(parts)) => self.path(*head, parts, own),
        }
    }

    /// A key that is a name stays one.
    fn key(&self, key: T<'s>, own: bool) -> T<'s> {
        if constant(&key) || matches!(key, Term::Var(_)) { key } else { self.term(key, own) }
    }

    fn pattern(&self, pattern: Pattern<&'s str>, own: bool) -> Pattern<&'s str> {
        match pattern {
            Pattern::Var(_) => pattern,
            Pattern::Arr(items) => Pattern::Arr(items.into_iter().map(|item| self.pattern(item, own)).collect()),
            Pattern::Obj(fields) => {
                let fields = fields.into_iter().map(|(key, inner)| (self.key(key, own), self.pattern(inner, own)));
                Pattern::Obj(fields.collect())
            }
        }
    }

    fn operation(&self, left: T<'s>, operator: BinaryOp<&'s str>, right: T<'s>, own: bool) -> T<'s> {
        let (left, right) = (self.term(left, own), self.term(right, own));
        let joined = |left: T<'s>, operator, right: T<'s>| Term::BinOp(Box::new(left), operator, Box::new(right));
        match operator {
            BinaryOp::Pipe(pattern) => {
                joined(left, BinaryOp::Pipe(pattern.map(|pattern| self.pattern(pattern, own))), right)
            }
            BinaryOp::Math(Math::Mul) => weighed(fuel::TIMES, left, Math::Mul, right),
            BinaryOp::Math(Math::Sub) if own => weighed(fuel::PRODUCT, left, Math::Sub, right),
            BinaryOp::Math(Math::Div) if own => {
                measured(joined(pipe(left, call(fuel::PIECES)), BinaryOp::Math(Math::Div), right))
            }
            BinaryOp::Math(operator) if own => measured(joined(left, BinaryOp::Math(operator), right)),
            BinaryOp::Cmp(operator) if own => {
                let side = |term: T<'s>| if constant(&term) { term } else { measured(term) };
                joined(side(left), BinaryOp::Cmp(operator), side(right))
            }
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt if own => {
                measured(joined(left, operator, right))
            }
            other => joined(left, other, right),
        }
    }

    fn call(&self, name: &'s str, arguments: Vec<T<'s>>) -> T<'s> {
        if FREE.contains(&name) {
            return self.at(name, Term::Call(name, arguments));
        }
        if CROSSING.contains(&name) && arguments.len() == 1 {
            let argument = arguments.into_iter().next().unwrap_or_default();
            let product = Term::Call(fuel::PRODUCT, vec![Term::Id, Term::Var("$__r")]);
            let crossed = pipe(product, Term::Call(name, vec![Term::Var("$__r")]));
            return self.at(name, bind(argument, "$__r", measured(crossed)));
        }
        let before = if CUTTING.contains(&name) { fuel::PIECES } else { fuel::SIZE };
        self.at(name, pipe(call(before), measured(Term::Call(name, arguments))))
    }

    /// `.a.b` as `.a | .b`, each with its place, as far as the steps are names; an index sees the input of the whole.
    fn path(&self, head: T<'s>, parts: Vec<(Part<T<'s>>, Opt)>, own: bool) -> T<'s> {
        let mut done = self.term(head, own);
        let mut parts = parts.into_iter().peekable();
        while own && let Some((part, optional)) = parts.next_if(|(part, _)| stepwise(part)) {
            let name = match &part {
                Part::Index(Term::Str(None, words)) => match words.first() {
                    Some(StrPart::Str(name)) => *name,
                    _ => "",
                },
                _ => "",
            };
            let step = Term::Path(Box::new(Term::Id), Path(vec![(part, optional)]));
            let step = self.at(name, step);
            done = if matches!(done, Term::Id) { step } else { pipe(done, step) };
        }
        if parts.peek().is_none() {
            return done;
        }
        let rest = parts.map(|(part, optional)| {
            let part = match part {
                Part::Index(index) => Part::Index(self.term(index, own)),
                Part::Range(from, to) => {
                    Part::Range(from.map(|from| self.term(from, own)), to.map(|to| self.term(to, own)))
                }
            };
            (part, optional)
        });
        Term::Path(Box::new(done), Path(rest.collect()))
    }
}

/// The step does not read the input.
fn stepwise(part: &Part<T<'_>>) -> bool {
    match part {
        Part::Index(index) => constant(index),
        Part::Range(from, to) => from.is_none() && to.is_none(),
    }
}
