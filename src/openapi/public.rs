//! What the public listener does in JSON.

use super::build::{Operation, list, number, object, reference, text};
use serde_json::{Value, json};

pub(super) fn operations() -> Vec<Operation> {
    let time = || json!({ "type": "string", "format": "date-time" });
    let receipt = || reference("Receipt");
    let service =
        || object(&[("service_code", text()), ("service_name", text()), ("metadata", json!({ "type": "boolean" }))]);
    vec![
        Operation::post(
            "appeals",
            "/channels/{id}",
            "An appeal, to a channel of type `api` (with its token) or `web` (without)",
        )
        .by("partner")
        .header("Idempotency-Key", "The caller's own name for this request")
        .json(reference("Submission"))
        .answers(201, "On disk; the code is for the citizen and shown once", receipt())
        .answers(200, "Known already: the first receipt again", receipt())
        .problems(&[400, 401, 404, 405, 409, 413, 415, 422, 429, 503]),
        Operation::post("appeals", "/api/v1/status", "How far a matter is, for its citizen")
            .json(object(&[("number", text()), ("code", text())]))
            .answers(200, "What happened, and what comes next", reference("Progress"))
            .problems(&[400, 404, 413, 429, 503]),
        Operation::post(
            "core",
            "/api/v1/tickets/{number}/updates",
            "The core says where a ticket stands, and answers the citizen",
        )
        .by("core")
        .json(update())
        .answers(200, "Stored", object(&[("number", text())]))
        .problems(&[400, 401, 404, 413, 422, 429, 503]),
        Operation::get("open311", "/open311/v2/services.json", "The categories")
            .query("jurisdiction_id", "There is one jurisdiction only", text())
            .answers(200, "All of them", list(service()))
            .errors(&[429]),
        Operation::get("open311", "/open311/v2/services/{service_code}.json", "One category")
            .answers(
                200,
                "It has no attributes of its own",
                object(&[("service_code", text()), ("attributes", list(json!({})))]),
            )
            .errors(&[404, 429]),
        Operation::get("open311", "/open311/v2/requests.json", "What citizens agreed to publish, newest first")
            .query("service_request_id", "Only these, separated by commas; overrides all else", text())
            .query("service_code", "Only of these, separated by commas", text())
            .query("start_date", "Received at or after this", time())
            .query("end_date", "Received at or before this; with `start_date` at most 90 days", time())
            .query("status", "`open`, `closed`, or both", text())
            .query("page", "From 1", number(1, 100_000))
            .query("page_size", "At most 1000", number(1, 1000))
            .answers(200, "At most 1000", list(reference("Open311Request")))
            .errors(&[400, 429, 503]),
        Operation::get("open311", "/open311/v2/requests/{service_request_id}.json", "One of them")
            .answers(200, "An array with one element", list(reference("Open311Request")))
            .errors(&[404, 429, 503]),
        Operation::post(
            "open311",
            "/open311/v2/requests.json",
            "An appeal, with the token of an `api` channel as `api_key`",
        )
        .fields(request())
        .answers(200, "On disk; the notice holds the code for the citizen", list(made()))
        .errors(&[400, 403, 404, 409, 413, 422, 429, 503]),
        Operation::get("interface", "/api/v1/openapi.json", "This description").answers(
            200,
            "OpenAPI 3.1",
            json!({ "type": "object" }),
        ),
    ]
}

fn made() -> Value {
    object(&[("service_request_id", text()), ("service_notice", text()), ("account_id", json!({ "type": "null" }))])
}

fn update() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "minLength": 1, "description": "The core's own, unique name of this update" },
            "status": { "enum": ["accepted", "dispatched", "in_progress", "returned", "replied", "closed", "reopened", null] },
            "unit": { "type": ["string", "null"], "maxLength": 200 },
            "at": { "type": ["string", "null"], "format": "date-time" },
            "reply": {
                "type": ["object", "null"],
                "properties": { "text": { "type": "string", "minLength": 1 }, "public": { "type": ["boolean", "null"] } },
                "required": ["text"],
                "additionalProperties": false,
            },
            "ask_rating": { "type": ["boolean", "null"] },
        },
        "required": ["id"],
        "additionalProperties": false,
    })
}

fn request() -> Value {
    let optional = [
        "lat",
        "long",
        "address_string",
        "address_id",
        "description",
        "first_name",
        "last_name",
        "phone",
        "email",
        "media_url",
        "publish",
    ];
    let mut schema = object(&[("api_key", text()), ("service_code", text())]);
    for name in optional {
        schema["properties"][name] = text();
    }
    schema
}
