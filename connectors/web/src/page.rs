//! The form page. No script, no image, nothing from elsewhere; usable with a keyboard, a screen reader, and zoom.

use crate::{config::KINDS, fields::Typed};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use jiesu_connector::{FieldFault, Kind, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

/// The pages of one channel.
pub(crate) struct Pages {
    pub title: String,
    pub kinds: Vec<Kind>,
    pub public_url: String,
    /// Only our own style, and forms to ourselves (Content Security Policy, level 3).
    policy: String,
}

/// What the form shows besides itself.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    /// What was typed before.
    pub typed: Typed,
    /// The fields at fault.
    pub faults: &'a [FieldFault],
    /// Why the submit was not taken, if no field is at fault.
    pub notice: Option<&'a str>,
}

impl Shown<'_> {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.field == field).map(|fault| fault.detail.as_str())
    }

    fn is_wrong(&self) -> bool {
        self.notice.is_some() || !self.faults.is_empty()
    }

    fn error(&self, field: &str) -> Markup {
        html! { @if let Some(detail) = self.fault(field) { p.error id={ (field) "-error" } { "错误：" (detail) } } }
    }

    fn invalid(&self, field: &str) -> Option<&'static str> {
        self.fault(field).map(|_| "true")
    }

    /// The ids of what describes `field`.
    fn described(&self, field: &str, hint: bool) -> Option<String> {
        let hint = hint.then(|| format!("{field}-hint"));
        let error = self.fault(field).map(|_| format!("{field}-error"));
        Some([hint, error].into_iter().flatten().collect::<Vec<_>>().join(" ")).filter(|ids| !ids.is_empty())
    }
}

/// A field of one line.
struct Line {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    kind: &'static str,
    /// What the browser may fill in (HTML, section 4.10.18.7).
    autocomplete: &'static str,
    inputmode: Option<&'static str>,
}

impl Line {
    const fn new(name: &'static str, label: &'static str, hint: &'static str, kind: &'static str) -> Self {
        Self { name, label, hint, kind, autocomplete: "off", inputmode: None }
    }

    const fn filled(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    const fn keys(self, inputmode: &'static str) -> Self {
        Self { inputmode: Some(inputmode), ..self }
    }

    fn show(&self, shown: &Shown<'_>) -> Markup {
        let name = self.name;
        html! {
            div.field.wrong[shown.fault(name).is_some()] {
                label for=(name) { (self.label) }
                @if !self.hint.is_empty() { p.hint id={ (name) "-hint" } { (self.hint) } }
                (shown.error(name))
                input type=(self.kind) id=(name) name=(name) value=(shown.typed.get(name))
                    autocomplete=(self.autocomplete) inputmode=[self.inputmode] aria-invalid=[shown.invalid(name)]
                    aria-describedby=[shown.described(name, !self.hint.is_empty())];
            }
        }
    }
}

const PLACE: Line = Line::new("place", "发生地点（选填）", "例如：嘉州大道 123 号门口", "text");
const LAT: Line = Line::new("lat", "纬度", "例如：29.55", "text").keys("decimal");
const LON: Line = Line::new("lon", "经度", "例如：103.76", "text").keys("decimal");
const OCCURRED_AT: Line = Line::new("occurred_at", "发生时间（选填）", "北京时间", "datetime-local");
const NAME: Line = Line::new("name", "姓名（选填）", "", "text").filled("name");
const PHONE: Line =
    Line::new("phone", "联系电话（选填）", "留下电话，承办单位才能联系您核实和答复", "tel").filled("tel").keys("tel");
const EMAIL: Line = Line::new("email", "电子邮箱（选填）", "", "email").filled("email").keys("email");

fn area(shown: &Shown<'_>, name: &str, label: &str, hint: &str, required: bool) -> Markup {
    html! {
        div.field.wrong[shown.fault(name).is_some()] {
            label for=(name) { (label) }
            p.hint id={ (name) "-hint" } { (hint) }
            (shown.error(name))
            // Browsers drop a line break right after the tag (HTML, 13.2.6.4.7): this one, not the citizen's.
            textarea id=(name) name=(name) rows=(if required { 8 } else { 3 }) required[required]
                aria-invalid=[shown.invalid(name)] aria-describedby=[shown.described(name, true)] {
                "\n" (shown.typed.get(name))
            }
        }
    }
}

fn tick(shown: &Shown<'_>, name: &str, label: &str) -> Markup {
    let ticked = matches!(shown.typed.get(name).trim(), "yes" | "on" | "true" | "1");
    html! {
        div.tick.wrong[shown.fault(name).is_some()] {
            (shown.error(name))
            div.choice {
                input type="checkbox" id=(name) name=(name) value="yes" checked[ticked]
                    aria-invalid=[shown.invalid(name)] aria-describedby=[shown.described(name, false)];
                label for=(name) { (label) }
            }
        }
    }
}

impl Pages {
    /// Pages with `title`, offering `kinds`, below `public_url`.
    pub fn new(title: String, kinds: Vec<Kind>, public_url: &str) -> Self {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        Self { title, kinds, public_url: public_url.into(), policy }
    }

    /// The form.
    pub fn form(&self, status: StatusCode, shown: &Shown<'_>) -> Response {
        let head = if shown.is_wrong() { format!("错误：{}", self.title) } else { self.title.clone() };
        let coordinates =
            ["lat", "lon"].iter().any(|name| shown.fault(name).is_some() || !shown.typed.get(name).is_empty());
        self.page(
            status,
            &head,
            html! {
                h1 { (self.title) }
                (self.summary(shown))
                p { "请把事情写清楚：什么时间、什么地点、发生了什么。提交后您会得到一个工单号和一个查询码。" }
                form method="post" novalidate autocomplete="on" {
                    input type="hidden" name="token" value=(shown.typed.get("token"));
                    fieldset {
                        legend { "您的诉求" }
                        (self.kinds(shown))
                        (area(shown, "content", "诉求内容（必填）", "发生了什么，已经持续多久", true))
                        (area(shown, "demand", "办理要求（选填）", "您希望怎样解决", false))
                    }
                    fieldset {
                        legend { "地点和时间" }
                        (PLACE.show(shown))
                        details open[coordinates] {
                            summary { "填写坐标（选填）" }
                            (LAT.show(shown))
                            (LON.show(shown))
                        }
                        (OCCURRED_AT.show(shown))
                    }
                    fieldset {
                        legend { "您的联系方式" }
                        (NAME.show(shown))
                        (PHONE.show(shown))
                        (EMAIL.show(shown))
                        (tick(shown, "anonymous", "匿名：不留下我的身份"))
                        (tick(shown, "confidential", "保密：我的身份只让热线中心知道，不告诉承办单位"))
                        (tick(shown, "publish", "同意公开这件诉求和答复（不公开姓名和联系方式）"))
                    }
                    button type="submit" { "提交诉求" }
                }
            },
        )
    }

    fn summary(&self, shown: &Shown<'_>) -> Markup {
        html! {
            @if shown.is_wrong() {
                div.summary role="alert" aria-labelledby="summary" tabindex="-1" autofocus {
                    h2 id="summary" { "诉求还没有提交" }
                    @if let Some(notice) = shown.notice { p { (notice) } }
                    @if !shown.faults.is_empty() {
                        ul {
                            @for fault in shown.faults {
                                li { a href={ "#" (fault.field) } { (label(&fault.field)) "：" (fault.detail) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn kinds(&self, shown: &Shown<'_>) -> Markup {
        let offered = self.kinds.iter().filter_map(|kind| KINDS.iter().find(|(known, ..)| known == kind));
        html! {
            fieldset.wrong[shown.fault("kind").is_some()] aria-describedby=[shown.described("kind", false)] {
                legend { "诉求类型（选填）" }
                (shown.error("kind"))
                @for (index, (_, value, name)) in offered.enumerate() {
                    // The first bears the field's own name, so that the summary can lead to it.
                    @let id = if index == 0 { "kind".to_owned() } else { format!("kind-{value}") };
                    div.choice {
                        input type="radio" id=(id) name="kind" value=(value) checked[shown.typed.get("kind") == *value];
                        label for=(id) { (name) }
                    }
                }
            }
        }
    }

    /// A whole page. It is never stored: it may show what a citizen typed.
    pub fn page(&self, status: StatusCode, head: &str, main: Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="zh-CN" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (head) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main { (main) } }
            }
        };
        Response::new(status, "text/html; charset=utf-8", page.into_string())
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::CONTENT_SECURITY_POLICY, &self.policy)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            // Not `no-referrer`: with it browsers post our own form with `Origin: null`.
            .with(header::REFERRER_POLICY, "same-origin")
    }
}

/// What a field is called in the summary.
fn label(field: &str) -> &'static str {
    let lines = [PLACE, LAT, LON, OCCURRED_AT, NAME, PHONE, EMAIL];
    match field {
        "kind" => "诉求类型",
        "content" => "诉求内容",
        "demand" => "办理要求",
        "anonymous" => "匿名",
        "confidential" => "保密",
        "publish" => "公开",
        "files" => "附件",
        _ => lines
            .iter()
            .find(|line| line.name == field)
            .map_or("表单", |line| line.label.strip_suffix("（选填）").unwrap_or(line.label)),
    }
}
