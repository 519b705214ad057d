//! The JSON interface as OpenAPI 3.1: `docs/openapi.json`, written and checked by the tests, and served by each listener
//! as far as it is its own.

mod admin;
mod build;
mod public;

use build::{Operation, schemas};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Whose operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Citizens, channels and the core.
    Public,
    /// Operators.
    Admin,
}

/// The description of one listener.
pub fn document(listener: Listener) -> &'static Value {
    static PUBLIC: LazyLock<Value> = LazyLock::new(|| describe(&[Listener::Public]));
    static ADMIN: LazyLock<Value> = LazyLock::new(|| describe(&[Listener::Admin]));
    match listener {
        Listener::Public => &PUBLIC,
        Listener::Admin => &ADMIN,
    }
}

fn operations(listener: Listener) -> Vec<Operation> {
    match listener {
        Listener::Public => public::operations(),
        Listener::Admin => admin::operations(),
    }
}

fn describe(listeners: &[Listener]) -> Value {
    let mut paths = serde_json::Map::new();
    for listener in listeners {
        for operation in operations(*listener) {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            path[operation.method] = operation.describe();
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jiesu 接诉",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A multi-channel intake gateway for government service hotlines",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "partner": { "type": "http", "scheme": "bearer", "description": "A token of an `api` channel" },
                "core": { "type": "http", "scheme": "bearer", "description": "`core.token`" },
                "operator": { "type": "http", "scheme": "bearer", "description": "`admin.token`; none is needed on a loopback address without one" },
            },
            "schemas": schemas(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_file_is_what_the_program_says() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let whole = describe(&[Listener::Public, Listener::Admin]);
        let text = serde_json::to_string_pretty(&whole).expect("values are JSON") + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&file, &text).expect("the file can be written");
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(there == text, "docs/openapi.json is stale: UPDATE_EXPECT=1 writes it anew");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let whole = describe(&[Listener::Public, Listener::Admin]);
        let text = whole.to_string();
        let references: Vec<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 20);
        for reference in references {
            assert!(whole.pointer(reference).is_some(), "{reference}");
        }
    }
}
