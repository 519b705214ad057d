//! What an operation is made of.

use jiesu_connector::Submission;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// One operation.
pub(super) struct Operation {
    pub path: &'static str,
    /// In lower case.
    pub method: &'static str,
    summary: &'static str,
    tag: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    /// Status, words, and the content.
    answers: Vec<(u16, &'static str, Option<Value>)>,
    security: Option<&'static str>,
}

impl Operation {
    pub fn get(tag: &'static str, path: &'static str, summary: &'static str) -> Self {
        let (parameters, answers) = (Self::in_path(path), Vec::new());
        Self { path, method: "get", summary, tag, parameters, body: None, answers, security: None }
    }

    pub fn post(tag: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self { method: "post", ..Self::get(tag, path, summary) }
    }

    fn in_path(path: &str) -> Vec<Value> {
        let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        names
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect()
    }

    /// A parameter of the query.
    pub fn query(mut self, name: &str, description: &str, schema: Value) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        self
    }

    /// A header.
    pub fn header(mut self, name: &str, description: &str) -> Self {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        self.parameters.push(json!({ "name": name, "in": "header", "description": description, "schema": schema }));
        self
    }

    /// A body of JSON.
    pub fn json(self, schema: Value) -> Self {
        Self {
            body: Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } })),
            ..self
        }
    }

    /// A body of fields.
    pub fn fields(self, schema: Value) -> Self {
        let content = json!({ "application/x-www-form-urlencoded": { "schema": schema } });
        Self { body: Some(json!({ "required": true, "content": content })), ..self }
    }

    /// An answer of JSON.
    pub fn answers(mut self, status: u16, words: &'static str, schema: Value) -> Self {
        self.answers.push((status, words, Some(json!({ "application/json": { "schema": schema } }))));
        self
    }

    /// The problems that it may tell (RFC 9457).
    pub fn problems(mut self, statuses: &[u16]) -> Self {
        let content = || Some(json!({ "application/problem+json": { "schema": reference("Problem") } }));
        self.answers.extend(statuses.iter().map(|status| (*status, words(*status), content())));
        self
    }

    /// The same in the shape of Open311.
    pub fn errors(mut self, statuses: &[u16]) -> Self {
        let content = || Some(json!({ "application/json": { "schema": reference("Open311Errors") } }));
        self.answers.extend(statuses.iter().map(|status| (*status, words(*status), content())));
        self
    }

    /// Who may.
    pub fn by(self, scheme: &'static str) -> Self {
        Self { security: Some(scheme), ..self }
    }

    pub fn describe(&self) -> Value {
        let mut described = json!({ "tags": [self.tag], "summary": self.summary });
        if !self.parameters.is_empty() {
            described["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            described["requestBody"] = body.clone();
        }
        for (status, words, content) in &self.answers {
            let mut answer = json!({ "description": words });
            if let Some(content) = content {
                answer["content"] = content.clone();
            }
            described["responses"][status.to_string()] = answer;
        }
        if let Some(scheme) = self.security {
            described["security"] = json!([{ scheme: [] }]);
        }
        described
    }
}

fn words(status: u16) -> &'static str {
    match status {
        400 => "Something in it is wrong; the answer names the field",
        401 => "The token is missing or wrong",
        403 => "Not allowed",
        404 => "There is no such thing",
        409 => "It does not fit now",
        413 => "Too large",
        415 => "Not a media type that is taken here",
        422 => "The same key with another body",
        429 => "Too many; see Retry-After",
        _ => "Not now; see Retry-After",
    }
}

/// A schema of ours.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn number(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// An object with these fields, and possibly more.
pub(super) fn object(fields: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

pub(super) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// What has a name.
pub(super) fn schemas() -> Value {
    let or_null = |kind: &str| json!({ "type": [kind, "null"] });
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    generator.subschema_for::<Submission>();
    let mut schemas = Value::Object(generator.take_definitions(true));
    schemas["Submission"]["required"] = json!(["content"]);
    schemas["Problem"] = json!({
        "type": "object",
        "description": "RFC 9457",
        "properties": {
            "title": text(), "status": { "type": "integer" }, "detail": text(),
            "errors": list(object(&[("field", text()), ("detail", text())])),
        },
        "required": ["title", "status", "detail"],
    });
    schemas["Receipt"] = object(&[("number", text()), ("code", or_null("string")), ("status_url", text())]);
    schemas["Ticket"] = object(&[
        ("schema", json!({ "const": "jiesu.ticket/1" })),
        ("number", text()),
        ("hotline", json!({ "type": "object" })),
        ("channel", json!({ "type": "object" })),
        ("received_at", json!({ "type": "string", "format": "date-time" })),
        ("kind", text()),
        ("category", or_null("object")),
        ("title", text()),
        ("content", text()),
        ("demand", or_null("string")),
        ("appellant", json!({ "type": "object" })),
        ("location", json!({ "type": "object" })),
        ("attachments", list(json!({ "type": "object" }))),
        ("transcript", list(json!({ "type": "object" }))),
        ("priority", json!({ "type": "object" })),
        ("flags", list(text())),
        ("due", or_null("object")),
        ("repeat", or_null("object")),
        ("incident", or_null("object")),
        ("status", text()),
    ]);
    schemas["Progress"] = object(&[
        ("number", text()),
        ("status", text()),
        ("received_at", text()),
        ("updated_at", text()),
        ("next", or_null("string")),
        ("steps", list(object(&[("at", text()), ("type", text())]))),
        ("replies", list(object(&[("at", text()), ("text", text())]))),
    ]);
    schemas["Open311Errors"] = list(object(&[("code", json!({ "type": "integer" })), ("description", text())]));
    schemas["Open311Request"] = object(&[
        ("service_request_id", text()),
        ("status", json!({ "enum": ["open", "closed"] })),
        ("service_code", text()),
        ("requested_datetime", text()),
    ]);
    schemas
}
