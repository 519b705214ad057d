//! The files in `config/`, and the one made for the reference.

use super::*;

#[test]
fn the_smallest_file_runs_without_any_environment() {
    let loaded = load(&config_file("gateway.toml"), &registry()).unwrap();
    assert_eq!(loaded.config.channels["form"].kind, "web");
    assert!(loaded.config.core.is_some());
}

/// Fails when `config/NAME` is not `expected`; writes it instead when `UPDATE_EXPECT` is set.
pub(super) fn is_current(name: &str, expected: &str) {
    let path = config_file(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "config/{name} is stale; run the tests with UPDATE_EXPECT=1 to write it anew");
}

#[test]
fn the_example_file_is_current() {
    is_current("gateway.example.toml", &example(&Registry::standard()));
}

#[test]
fn the_schema_file_is_current() {
    let schema = serde_json::to_string_pretty(&schema(&Registry::standard())).unwrap();
    is_current("gateway.schema.json", &format!("{schema}\n"));
}

/// As it stands, and with every option that is commented out put in.
#[test]
fn the_example_is_without_a_fault_but_for_its_secrets() {
    for registry in [registry(), desks()] {
        let text = example(&registry);
        let full: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .collect();
        let whole = schema(&registry);
        let walk = walk::Walk { root: &whole, also: &[] };
        for text in [text.clone(), full.join("\n")] {
            let value = load::read_toml(&text).unwrap();
            let found = walk.faults(&value);
            assert!(found.is_empty(), "{found:?}\n{text}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        fs::write(&path, &text).unwrap();
        let loaded = load(&path, &registry).unwrap();
        assert!(loaded.config.core.is_some() && loaded.config.channels.is_empty());
    }
    let full = example(&desks());
    for option in [
        "#token = \"env:JIESU_ADMIN_TOKEN\"",
        "listen = \"127.0.0.1:8080\"",
        "#[channels.api]",
        "#where = {",
        "token = \"env:NAME\"",
    ] {
        assert!(full.contains(option), "{option} in {full}");
    }
}

/// A page of reference for every option: an option without a comment is a gap in it.
#[test]
fn every_option_is_described() {
    fn look(schema: &serde_json::Value, path: &str, gaps: &mut Vec<String>) {
        for (key, option) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if option.get("description").is_none() {
                gaps.push(path.clone());
            }
            look(option, &path, gaps);
        }
    }
    let schema = schema(&registry());
    let mut gaps = Vec::new();
    look(&schema, "", &mut gaps);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        look(definition, name, &mut gaps);
    }
    assert!(gaps.is_empty(), "{gaps:?}");
}
