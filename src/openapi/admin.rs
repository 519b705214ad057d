//! What the admin listener does in JSON.

use super::build::{Operation, list, number, object, reference, text};
use serde_json::{Value, json};

pub(super) fn operations() -> Vec<Operation> {
    let any = || json!({ "type": "object" });
    let all = |name: &str| object(&[(name, list(json!({ "type": "object" })))]);
    let limit = |operation: Operation| operation.query("limit", "Rows, at most", number(1, 1000));
    let get = |path, summary| Operation::get("operators", path, summary).by("operator");
    let post = |path, summary| Operation::post("operators", path, summary).by("operator");
    let count = || json!({ "type": "integer", "minimum": 0 });
    let day = || json!({ "type": "string", "format": "date" });
    let done = |operation: Operation, status, schema: Value| {
        operation.answers(status, "Done, or under way", schema).problems(&[400, 401, 403, 404, 409, 413, 503])
    };
    let mut tickets = limit(get("/api/v1/tickets", "Tickets, newest first; contact data is masked"));
    for (name, what) in [
        ("q", "With these words"),
        ("channel", "Of this channel"),
        ("hotline", "For this hotline"),
        ("status", "With this status"),
        ("kind", "Of this kind"),
        ("appellant", "Of this citizen"),
        ("before", "With numbers before this one"),
    ] {
        tickets = tickets.query(name, what, text());
    }
    vec![
        tickets
            .query("day", "Of this local day", day())
            .answers(200, "Found", all("tickets"))
            .problems(&[400, 401, 403, 503]),
        get("/api/v1/tickets/{number}", "All of a ticket; the read goes into the audit trail")
            .answers(200, "With fresh links to its attachments", reference("Ticket"))
            .problems(&[401, 403, 404, 503]),
        get("/api/v1/tickets/{number}/deliveries", "What became of its events at each destination")
            .answers(200, "By destination", object(&[("deliveries", json!({}))]))
            .problems(&[401, 403, 404, 503]),
        done(post("/api/v1/tickets/{number}/link", "Says that two tickets are of one matter"), 200, any())
            .json(object(&[("to", text())])),
        done(post("/api/v1/tickets/{number}/dismiss", "Says that it is not what `similar` names"), 200, any()),
        get("/api/v1/citizens/{key}", "By which names a citizen is known, and why; the read goes into the audit trail")
            .answers(200, "The names, masked", any())
            .problems(&[401, 403, 404, 503]),
        done(post("/api/v1/citizens/{key}/split", "Makes one of the names a citizen of its own"), 200, any())
            .json(object(&[("identity", text())])),
        done(
            post("/api/v1/tickets/{number}/unlink", "Undoes a repeat, or takes a ticket out of its incident"),
            200,
            any(),
        ),
        done(post("/api/v1/repeats/reindex", "Builds the repeat index anew"), 202, any()),
        limit(get("/api/v1/events", "The feed: ordered, replayable"))
            .query("after", "A cursor: 0, or the next of an earlier page", text())
            .query("wait", "Seconds to wait for news", number(0, 60))
            .answers(200, "A page", object(&[("events", list(any())), ("next", text())]))
            .problems(&[400, 401, 403, 503]),
        limit(get("/api/v1/deliveries", "Dead letters"))
            .query("state", "In this state", json!({ "enum": ["dead", "queued", "delivered"] }))
            .query("destination", "Of this destination", text())
            .answers(200, "Newest first", all("deliveries"))
            .problems(&[400, 401, 403, 404, 503]),
        done(post("/api/v1/deliveries/{id}/retry", "Sends a dead letter again"), 202, any()),
        done(post("/api/v1/deliveries/retry", "Sends dead letters again: all, or a destination's"), 202, any())
            .json(json!({ "type": "object", "properties": { "destination": text() }, "additionalProperties": false })),
        done(
            post("/api/v1/destinations/{name}/rewind", "Everything after a cursor goes to a destination again"),
            202,
            any(),
        )
        .json(object(&[("after", text())])),
        get("/api/v1/destinations", "How far each destination has come")
            .answers(200, "All of them", object(&[("destinations", list(any())), ("newest", text())]))
            .problems(&[401, 403, 503]),
        done(post("/api/v1/destinations/{name}/pause", "Sends nothing more to a destination"), 200, any()),
        done(post("/api/v1/destinations/{name}/resume", "Sends to it again, from where it was"), 200, any()),
        get("/api/v1/channels", "How each channel does")
            .answers(200, "All of them", all("channels"))
            .problems(&[401, 403, 503]),
        done(post("/api/v1/channels/{id}/pause", "Takes nothing more from a channel"), 200, any()),
        done(post("/api/v1/channels/{id}/resume", "Takes from it again"), 200, any()),
        get("/api/v1/reconciliation", "What was received, and what became of it")
            .query("day", "This local day; today", day())
            .answers(
                200,
                "By channel and hotline",
                object(&[
                    ("rows", list(any())),
                    ("total", any()),
                    ("balanced", json!({ "type": "boolean" })),
                    ("certificate", any()),
                ]),
            )
            .problems(&[400, 401, 403, 503]),
        get(
            "/api/v1/reconciliation/chain",
            "Whether every closed day's record fits its hash, and follows the day before",
        )
        .answers(200, "All closed days", object(&[("intact", json!({ "type": "boolean" })), ("broken", list(any()))]))
        .problems(&[401, 403, 503]),
        get("/api/v1/parity", "What the last comparison of each line found")
            .answers(200, "By line", all("parity"))
            .problems(&[401, 403, 503]),
        get("/api/v1/parity/received", "What was received for a line; the read goes into the audit trail")
            .query("line", "The hotline's number", text())
            .query("from", "From this local day on", day())
            .query("to", "To this local day", day())
            .query("after", "The next of an earlier page", text())
            .answers(200, "A page", object(&[("rows", list(any())), ("next", any())]))
            .problems(&[400, 401, 403, 503]),
        limit(get("/api/v1/quarantine", "Messages that no parser understands, or that may be no citizen's"))
            .answers(200, "Newest first", all("quarantine"))
            .problems(&[400, 401, 403, 503]),
        done(post("/api/v1/quarantine/{message}/release", "Lets one pass"), 200, object(&[("released", count())])),
        done(post("/api/v1/quarantine/release", "Lets all of them pass"), 200, object(&[("released", count())])),
        limit(get("/api/v1/audit", "Who looked at what"))
            .answers(200, "Newest first", all("audit"))
            .problems(&[400, 401, 403, 503]),
        get("/api/v1/nodes", "The nodes of the gateway, and what each of them holds")
            .answers(200, "This one first", all("nodes"))
            .problems(&[401, 403, 503]),
        get("/api/v1/overview", "What the console shows first").answers(200, "Now", any()).problems(&[401, 403, 503]),
        get("/healthz", "The process answers").answers(200, "It does", object(&[("status", text())])),
        get("/readyz", "Appeals can be accepted").answers(200, "They can", any()).answers(503, "They cannot", any()),
        get("/api/v1/openapi.json", "This description").answers(200, "OpenAPI 3.1", any()).problems(&[401, 403]),
    ]
}
