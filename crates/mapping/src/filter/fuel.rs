//! What a run has left, and the filters that take from it.
//!
//! An empty tank ends the run by the language's own `halt`, which no `try` of the filter can catch.

use crate::said;
use jaq_core::{
    DataT, Exn, Lut, Native,
    box_iter::box_once,
    data::HasLut,
    native::{Fun, bome, run, v},
};
use jaq_json::{Num, Val};
use serde_json::Value;
use std::cell::Cell;

/// Natives of the language that come anew in [`natives`].
pub(super) const REPLACED: &[&str] = &["fromjson"];
/// Records the place (a byte) and takes one step: `__at(42)`.
pub(super) const AT: &str = "__at";
/// Takes the size of the input.
pub(super) const SIZE: &str = "__size";
/// Takes the size of the input where each byte counts: before a text is cut to pieces.
pub(super) const PIECES: &str = "__pieces";
/// Takes the product of the sizes of its two arguments: `__product($a; $b)`.
pub(super) const PRODUCT: &str = "__product";
/// Takes what `$a * $b` would build.
pub(super) const TIMES: &str = "__times";

/// Values nested in one another, at most: dropping and comparing them recurses.
const MAX_DEPTH: u32 = 160;
/// Bytes of text that cost one step.
const BYTES_A_STEP: u64 = 64;
/// Steps that one byte of a text costs which is cut to pieces.
const STEPS_A_PIECE: u64 = 8;
/// Steps of a call, whatever it does.
const STEPS_A_CALL: u64 = 4;

/// Filters that run on [`Val`] and know their [`Tank`].
pub(super) struct Data;

impl DataT for Data {
    type V<'a> = Val;
    type Data<'a> = Global<'a>;
}

/// What filters see of a run.
#[derive(Clone)]
pub(super) struct Global<'a> {
    pub lut: &'a Lut<Data>,
    pub tank: &'a Tank,
}

impl<'a> HasLut<'a, Data> for Global<'a> {
    fn lut(&self) -> &'a Lut<Data> {
        self.lut
    }
}

/// What is left, and where the run is.
pub(super) struct Tank {
    left: Cell<u64>,
    pub place: Cell<usize>,
}

impl Tank {
    pub fn new(fuel: u64) -> Self {
        Self { left: Cell::new(fuel), place: Cell::new(0) }
    }

    fn take(&self, steps: u64) -> Option<()> {
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Some(())
            }
            None => {
                self.left.set(0);
                None
            }
        }
    }

    /// Takes the size of `value`, and gives it.
    fn measure(&self, value: &Val, depth: u32) -> Option<u64> {
        if depth > MAX_DEPTH {
            self.left.set(0);
            return None;
        }
        let own = match value {
            Val::BStr(bytes) | Val::TStr(bytes) => 1 + bytes.len() as u64 / BYTES_A_STEP,
            Val::Num(Num::BigInt(integer)) => 1 + integer.bits() / 64,
            _ => 1,
        };
        self.take(own)?;
        let mut size = own;
        match value {
            Val::Arr(items) => {
                for item in items.iter() {
                    size += self.measure(item, depth + 1)?;
                }
            }
            Val::Obj(fields) => {
                for (key, value) in fields.iter() {
                    size += self.measure(key, depth + 1)? + self.measure(value, depth + 1)?;
                }
            }
            _ => {}
        }
        Some(size)
    }

    fn pieces(&self, value: &Val) -> Option<()> {
        match value {
            Val::BStr(bytes) | Val::TStr(bytes) => self.take(1 + bytes.len() as u64 * STEPS_A_PIECE),
            other => self.measure(other, 0).map(drop),
        }
    }

    fn product(&self, left: &Val, right: &Val) -> Option<()> {
        let size = |value: &Val| match value {
            Val::BStr(bytes) | Val::TStr(bytes) => Some(1 + bytes.len() as u64 / 16),
            other => self.measure(other, 0),
        };
        self.take(size(left)?.saturating_mul(size(right)?))
    }

    fn times(&self, left: &Val, right: &Val) -> Option<()> {
        let repeated = |text: &Val, number: &Val| {
            let (Val::BStr(bytes) | Val::TStr(bytes), Val::Num(number)) = (text, number) else { return Some(()) };
            let times = number.to_string().parse::<f64>().unwrap_or(f64::MAX).max(1.0);
            self.take((bytes.len() as f64 * times / 16.0) as u64 + 1)
        };
        repeated(left, right)?;
        repeated(right, left)?;
        match (left, right) {
            (Val::Num(_), Val::Num(_)) => self.product(left, right),
            _ => self.measure(left, 0).and_then(|_| self.measure(right, 0)).map(drop),
        }
    }
}

fn empty<'a>() -> Exn<'a, Val> {
    Exn::halt(1)
}

/// The identity, which takes something, also in paths and on the left of an update.
macro_rules! taking {
    ($name:expr, $arguments:expr, |$tank:ident, $value:ident, $vars:ident| $taken:expr) => {
        (
            $name,
            v($arguments),
            Native::<Data>::new(|mut cv| {
                let $vars = &mut cv.0;
                let $tank = $vars.data().tank;
                let $value = &cv.1;
                let taken = $taken;
                box_once(taken.map(|()| cv.1).ok_or_else(empty))
            })
            .with_paths(|mut cv| {
                let $vars = &mut cv.0;
                let $tank = $vars.data().tank;
                let $value = &cv.1.0;
                let taken = $taken;
                box_once(taken.map(|()| cv.1).ok_or_else(empty))
            })
            .with_update(|mut cv, update| {
                let $vars = &mut cv.0;
                let $tank = $vars.data().tank;
                let $value = &cv.1;
                match $taken {
                    Some(()) => update(cv.1),
                    None => box_once(Err(empty())),
                }
            }),
        )
    };
}

fn text_of(value: &Val) -> Option<String> {
    match value {
        Val::TStr(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Val::Num(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The filters that take fuel, and those that come instead of the language's own.
pub(super) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let from_json = run(("fromjson", v(0), |cv| {
        let Val::TStr(text) = &cv.1 else { return bome(Err(jaq_json::Error::typ(cv.1, "string"))) };
        // By way of serde_json, whose recursion is limited; the language's own reader is not.
        let read = serde_json::from_slice::<Value>(text).map(super::values::from_json);
        bome(read.map_err(|_| jaq_json::Error::str("cannot parse the text as JSON")))
    }));
    [
        taking!(AT, 1, |tank, _value, vars| {
            if let Val::Num(number) = vars.pop_var()
                && let Some(place) = number.as_isize()
            {
                tank.place.set(usize::try_from(place).unwrap_or_default());
            }
            tank.take(STEPS_A_CALL)
        }),
        taking!(SIZE, 0, |tank, value, _vars| tank.take(STEPS_A_CALL).and_then(|()| tank.measure(value, 0)).map(drop)),
        taking!(PIECES, 0, |tank, value, _vars| tank.pieces(value)),
        taking!(PRODUCT, 2, |tank, _value, vars| {
            let (right, left) = (vars.pop_var(), vars.pop_var());
            tank.product(&left, &right)
        }),
        taking!(TIMES, 2, |tank, _value, vars| {
            let (right, left) = (vars.pop_var(), vars.pop_var());
            tank.times(&left, &right)
        }),
        from_json,
        run(("as_time", v(0), |cv| {
            let at = text_of(&cv.1).and_then(|text| said::time(&text));
            bome(at.map(Val::utf8_str).ok_or_else(|| jaq_json::Error::str("cannot parse the text as a time")))
        })),
        run(("toarray", v(0), |cv| bome(Ok(if let Val::Arr(_) = cv.1 { cv.1 } else { [cv.1].into_iter().collect() })))),
        run(("as_kind", v(0), |cv| {
            let kind = text_of(&cv.1).and_then(|text| said::kind(&text));
            let word = kind.and_then(|kind| serde_json::to_value(kind).ok()).unwrap_or_default();
            bome(Ok(super::values::from_json(word)))
        })),
    ]
    .into_iter()
}
