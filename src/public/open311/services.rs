//! The categories as services.

use super::Refused;
use crate::public::Public;
use http::StatusCode;
use jiesu_triage::Category;
use serde_json::{Value, json};

/// `GET services`.
pub(super) fn all(public: &Public) -> Value {
    public.categories.iter().map(shown).collect()
}

/// `GET services/{code}`: none of ours has attributes of its own.
pub(super) fn one(public: &Public, code: &str) -> Result<Value, Refused> {
    let category = find(public, code)?;
    Ok(json!({ "service_code": category.code, "attributes": [] }))
}

/// The category of this code.
pub(super) fn find<'a>(public: &'a Public, code: &str) -> Result<&'a Category, Refused> {
    let found = public.categories.iter().find(|category| category.code == code);
    found.ok_or_else(|| {
        Refused::new(StatusCode::NOT_FOUND, format!("service_code {code:?} was not found: see services"))
    })
}

fn shown(category: &Category) -> Value {
    json!({
        "service_code": category.code,
        "service_name": category.name,
        "description": category.name,
        "metadata": false,
        "type": "realtime",
        "keywords": category.name,
        "group": "",
    })
}

/// `GET discovery` (wiki.open311.org/Service_Discovery).
pub(super) fn discovery(public: &Public) -> Value {
    let endpoint = json!({
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": format!("{}/open311/v2", public.public_url),
        "type": "production",
        "formats": ["application/json", "application/xml"],
    });
    json!({ "contact": public.look.title(), "key_service": "ask the operator for a token of an api channel",
        "endpoints": [endpoint] })
}
