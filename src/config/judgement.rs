//! What matters are judged by: models and rules, from the policy's files or built in.

use jiesu_linking::{Gazetteer, Model};
use jiesu_triage::{Calendar, Categories, Linear, Policy};
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

type Faults = Vec<(String, String)>;

/// Models and rules.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Kinds, priorities, flags and deadlines.
    pub policy: Policy,
    /// The working calendar.
    pub calendar: Calendar,
    /// The table of categories.
    pub categories: Categories,
    /// The model that names categories.
    pub category_model: Linear,
    /// The model that finds repeats; the built-in one is read when it is first needed.
    repeat_model: Arc<OnceLock<Model>>,
    /// How rare words are, as stored.
    pub repeat_words: Cow<'static, [u8]>,
    /// The city's places.
    pub places: Arc<Gazetteer>,
}

/// A built-in file; a test reads them all. Were one broken all the same, `broken` stands for it and stops nothing.
fn built_in<T, E>(read: Result<T, E>, broken: impl FnOnce() -> T) -> T {
    read.unwrap_or_else(|_| broken())
}

fn built_in_repeat_model() -> Model {
    built_in(Model::parse(include_str!("../../config/repeats.model.json")), || {
        Model::new(String::new(), Default::default(), Default::default(), Default::default())
    })
}

impl Judgement {
    /// What is built in.
    pub fn built_in() -> Self {
        let model = Linear::built_in(include_bytes!("../../config/categories.model"));
        Self {
            policy: built_in(policy(include_str!("../../config/deadlines.toml")), Policy::default),
            calendar: built_in(calendar(include_str!("../../config/calendar-cn.toml")), Calendar::default),
            categories: built_in(categories(include_str!("../../config/categories.toml")), Categories::default),
            category_model: built_in(model, Linear::empty),
            repeat_model: Arc::default(),
            repeat_words: include_bytes!("../../config/repeats.words").into(),
            places: Arc::default(),
        }
    }

    /// Gives the model that finds repeats, when it is called.
    pub fn repeat_model(&self) -> impl FnOnce() -> Model + Send + 'static {
        let model = self.repeat_model.clone();
        move || model.get_or_init(built_in_repeat_model).clone()
    }

    /// Takes a model's bytes; else what is wrong with them.
    pub(super) fn take(&mut self, key: &str, bytes: Vec<u8>) -> Result<(), String> {
        match key {
            "category_model" => {
                self.category_model = Linear::from_bytes(&bytes).map_err(|error| format!("is {error}"))?
            }
            "repeat_model" => {
                let text = String::from_utf8(bytes).map_err(|_| "is no text in UTF-8")?;
                self.repeat_model = Arc::new(Model::parse(&text).map_err(|error| format!("is {error}"))?.into());
            }
            _ => self.repeat_words = bytes.into(),
        }
        Ok(())
    }
}

pub(super) fn policy(text: &str) -> Result<Policy, Faults> {
    Policy::parse(text)
}

pub(super) fn calendar(text: &str) -> Result<Calendar, Faults> {
    Calendar::parse(text)
}

pub(super) fn categories(text: &str) -> Result<Categories, Faults> {
    Categories::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_built_in_can_be_read_and_the_models_labels_are_categories() {
        policy(include_str!("../../config/deadlines.toml")).unwrap();
        calendar(include_str!("../../config/calendar-cn.toml")).unwrap();
        Model::parse(include_str!("../../config/repeats.model.json")).unwrap();
        let built_in = Judgement::built_in();
        assert!(!built_in.category_model.labels().is_empty() && built_in.repeat_words.len() > 100_000);
        for label in built_in.category_model.labels() {
            assert!(built_in.categories.labelled(label).is_some(), "{label}");
        }
    }
}
