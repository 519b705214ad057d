//! Query strings of the admin API: unknown names are told the known ones.

use super::answer;
use axum::response::Response;
use jiesu_connector::{FieldFault, Problem};
use std::{collections::BTreeMap, str::FromStr};

/// The parameters of one request.
pub(super) struct Parameters(BTreeMap<String, String>);

fn fault(field: &str, detail: String) -> Box<Response> {
    Box::new(answer(Problem::fields(vec![FieldFault { field: field.into(), detail }])))
}

impl Parameters {
    /// Reads `query`, whose names must be among `known`.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Box<Response>> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(fault(&name, format!("is unknown; known: {}", known.join(", "))));
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(parameters))
    }

    /// The text of `name`, if given and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The text of `name`, if given and not empty, which must be one of `known`.
    pub(super) fn one_of(&self, name: &str, known: &[&str]) -> Result<Option<String>, Box<Response>> {
        match self.text(name) {
            Some(value) if !known.contains(&value.as_str()) => {
                Err(fault(name, format!("must be one of {}", known.join(", "))))
            }
            value => Ok(value),
        }
    }

    /// The value of `name`; `right` says what it should look like.
    pub(super) fn get<T: FromStr>(&self, name: &str, right: &str) -> Result<Option<T>, Box<Response>> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| fault(name, format!("must be {right}")))
    }

    /// A count of rows: `default` unless given, at most `max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Box<Response>> {
        match self.get::<usize>("limit", "a number from 1 on")? {
            Some(0) => Err(fault("limit", "must be a number from 1 on".into())),
            limit => Ok(limit.unwrap_or(default).min(max)),
        }
    }

    /// A local day as `YYYYMMDD`.
    pub(super) fn day(&self, name: &str) -> Result<Option<u32>, Box<Response>> {
        let date = self.get::<jiff::civil::Date>(name, "a day as 2026-11-22")?;
        Ok(date.map(crate::number::day_key))
    }
}
