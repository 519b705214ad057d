//! The table of categories.

use serde::Deserialize;

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// As `0503`.
    pub code: String,
    /// As `噪声扰民`.
    pub name: String,
    /// What the model calls it; its name, unless given.
    pub label: Option<String>,
}

/// The table, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Categories(Vec<Category>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    categories: Vec<Category>,
}

impl Categories {
    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong, with its key.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let file: File = crate::policy::read(text)?;
        let mut faults = Vec::new();
        for (index, category) in file.categories.iter().enumerate() {
            let key = |name: &str| format!("categories[{index}].{name}");
            if category.code.is_empty() || !category.code.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                faults.push((key("code"), "no category's code; it must be letters and digits".into()));
            }
            if file.categories.iter().take(index).any(|other| other.code == category.code) {
                faults.push((key("code"), format!("{} is there twice; each category once", category.code)));
            }
            if category.name.trim().is_empty() {
                faults.push((key("name"), "empty; it must be the category's name".into()));
            }
        }
        if faults.is_empty() { Ok(Self(file.categories)) } else { Err(faults) }
    }

    /// The category that the model calls so.
    pub fn labelled(&self, label: &str) -> Option<&Category> {
        self.0.iter().find(|category| category.label.as_deref().unwrap_or(&category.name) == label)
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &Category> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_finds_a_category_by_what_the_model_calls_it_and_names_each_mistake() {
        let table = Categories::parse(
            "[[categories]]\ncode = \"05\"\nname = \"噪声\"\nlabel = \"环境保护\"\n[[categories]]\ncode = \"06\"\nname = \"交通\"",
        )
        .unwrap();
        assert_eq!(table.labelled("环境保护").unwrap().code, "05");
        assert_eq!(table.labelled("交通").unwrap().code, "06");
        assert!(table.labelled("噪声").is_none());
        let faults = Categories::parse("[[categories]]\ncode = \"\"\nname = \" \"").unwrap_err();
        assert_eq!(faults.len(), 2);
    }
}
