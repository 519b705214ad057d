//! The form page.

use super::{Look, Page};
use crate::{
    config::{Config, KINDS, Limits},
    fields::{HONEYPOT, Typed},
};
use http::StatusCode;
use jiesu_connector::{FieldFault, Kind, Response};
use maud::{Markup, html};

const SCRIPT: &str = include_str!("form.js");

/// The pages of one channel.
pub(crate) struct Pages {
    pub look: Look,
    pub public_url: String,
    kinds: Vec<Kind>,
    pub(super) max_files: usize,
    /// In bytes.
    pub(super) max_file: usize,
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
    /// Files that are there already: the reference to each, and what it is called.
    pub kept: Vec<(String, String)>,
    /// What is to be solved before it counts, as JSON.
    pub challenge: Option<String>,
}

impl Shown<'_> {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.field == field).map(|fault| fault.detail.as_str())
    }

    pub(super) fn is_at_fault(&self, field: &str) -> bool {
        self.fault(field).is_some()
    }

    fn is_wrong(&self) -> bool {
        self.notice.is_some() || !self.faults.is_empty()
    }

    pub(super) fn error(&self, field: &str) -> Markup {
        html! { @if let Some(detail) = self.fault(field) { p.error id={ (field) "-error" } { "错误：" (detail) } } }
    }

    pub(super) fn invalid(&self, field: &str) -> Option<&'static str> {
        self.fault(field).map(|_| "true")
    }

    /// The ids of what describes `field`.
    pub(super) fn described(&self, field: &str, hint: bool) -> Option<String> {
        let hint = hint.then(|| format!("{field}-hint"));
        let error = self.fault(field).map(|_| format!("{field}-error"));
        Some([hint, error].into_iter().flatten().collect::<Vec<_>>().join(" ")).filter(|ids| !ids.is_empty())
    }
}

impl<'a> Shown<'a> {
    /// The same, and why the submit was not taken.
    pub fn because(self, notice: &'a str) -> Self {
        Self { notice: Some(notice), ..self }
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
            div.field.wrong[shown.is_at_fault(name)] {
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
        div.field.wrong[shown.is_at_fault(name)] {
            label for=(name) { (label) }
            p.hint id={ (name) "-hint" } { (hint) }
            (shown.error(name))
            // Browsers drop a line break right after the tag (HTML, 13.2.6.4.7): this one, not the citizen's.
            textarea id=(name) name=(name) rows=(if required { 7 } else { 2 }) required[required]
                aria-invalid=[shown.invalid(name)] aria-describedby=[shown.described(name, true)] {
                "\n" (shown.typed.get(name))
            }
        }
    }
}

fn tick(shown: &Shown<'_>, name: &str, label: &str, note: &str) -> Markup {
    let ticked = matches!(shown.typed.get(name).trim(), "yes" | "on" | "true" | "1");
    html! {
        div.tick.wrong[shown.is_at_fault(name)] {
            (shown.error(name))
            div.choice {
                input type="checkbox" id=(name) name=(name) value="yes" checked[ticked]
                    aria-invalid=[shown.invalid(name)] aria-describedby=[shown.described(name, false)];
                label for=(name) { (label) span.note { (note) } }
            }
        }
    }
}

impl Pages {
    /// Pages of a channel at `public_url`.
    pub fn new(config: &Config, limits: &Limits, public_url: &str) -> Self {
        Self {
            look: Look::of(config),
            public_url: public_url.into(),
            kinds: limits.kinds.clone(),
            max_files: limits.max_files,
            max_file: limits.max_file,
        }
    }

    /// The form.
    pub fn form(&self, status: StatusCode, shown: &Shown<'_>) -> Response {
        let coordinates =
            ["lat", "lon"].iter().any(|name| shown.is_at_fault(name) || !shown.typed.get(name).is_empty());
        let hidden = |name: &str| html! { input type="hidden" name=(name) value=(shown.typed.get(name)); };
        let main = html! {
            h1 { "登记诉求" }
            (self.summary(shown))
            p.lead {
                "请写清楚什么时间、什么地点、发生了什么。提交后您会得到工单号和查询码，随时可以"
                a href="/status" { "查询进度" } "。遇到危险或需要急救，请直接拨打 110、119 或 120。"
            }
            p.draft id="draft" role="status" {}
            form id="form" method="post" enctype=[(self.max_files > 0).then_some("multipart/form-data")] novalidate
                autocomplete="on" data-fresh[!shown.is_wrong()] data-challenge=[shown.challenge.as_deref()]
                data-max-files=(self.max_files) data-max-file=(self.max_file) {
                (hidden("token")) (hidden("patience")) (hidden("altcha")) (hidden("datum"))
                fieldset {
                    legend { "您的诉求" }
                    (self.kinds(shown))
                    (self.lines(shown))
                    (area(shown, "content", "诉求内容（必填）", "发生了什么，已经持续多久", true))
                    (area(shown, "demand", "办理要求（选填）", "您希望怎样解决", false))
                }
                fieldset {
                    legend { "地点和时间" }
                    (PLACE.show(shown))
                    div.here {
                        button.quiet type="button" id="locate" hidden { "使用当前位置" }
                        p.said id="located" role="status" {}
                    }
                    details open[coordinates] {
                        summary { "填写坐标（选填）" }
                        div.pair { (LAT.show(shown)) (LON.show(shown)) }
                    }
                    (OCCURRED_AT.show(shown))
                }
                (self.files(shown))
                fieldset {
                    legend { "您的联系方式" }
                    div.pair { (NAME.show(shown)) (PHONE.show(shown)) }
                    (EMAIL.show(shown))
                    (tick(shown, "anonymous", "匿名", "不留下我的身份"))
                    (tick(shown, "confidential", "保密", "我的身份只让热线中心知道，不告诉承办单位"))
                    (tick(shown, "publish", "同意公开", "可以公开这件诉求和答复，不公开姓名和联系方式"))
                }
                // For programs that fill in everything they find; who sees the page does not see it.
                div.off aria-hidden="true" {
                    label for=(HONEYPOT) { "网址（请不要填写）" }
                    input type="text" id=(HONEYPOT) name=(HONEYPOT) value="" tabindex="-1" autocomplete="off";
                }
                div.send {
                    button type="submit" id="submit" { "提交诉求" }
                    p.said id="sending" role="status" {}
                    p.hint { "您的个人信息只用于办理这件诉求。" }
                }
            }
        };
        let heading = if shown.is_wrong() { "错误：登记诉求" } else { "登记诉求" };
        let links = &[("/status", "查询进度")];
        self.look.page(Page { status, heading, main, script: Some(SCRIPT), links })
    }

    fn summary(&self, shown: &Shown<'_>) -> Markup {
        html! {
            @if shown.is_wrong() {
                div.summary role="alert" aria-labelledby="summary" tabindex="-1" autofocus {
                    h2 id="summary" { "诉求还没有提交" }
                    @if let Some(notice) = shown.notice { p { (notice) } }
                    @if shown.challenge.is_some() {
                        noscript { p { "您的浏览器没有启用脚本：请等待一分钟，再点“提交诉求”。" } }
                    }
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
            fieldset.wrong[shown.is_at_fault("kind")] aria-describedby=[shown.described("kind", false)] {
                legend { "诉求类型（选填）" }
                (shown.error("kind"))
                div.tiles {
                    @for (index, (_, value, name)) in offered.enumerate() {
                        // The first bears the field's own name, so that the summary can lead to it.
                        @let id = if index == 0 { "kind".to_owned() } else { format!("kind-{value}") };
                        div.tile {
                            input type="radio" id=(id) name="kind" value=(value)
                                checked[shown.typed.get("kind") == *value];
                            label for=(id) { (name) }
                        }
                    }
                }
            }
        }
    }

    /// Which hotline it is for, where there is a choice.
    fn lines(&self, shown: &Shown<'_>) -> Markup {
        let lines = self.look.lines();
        html! {
            @if lines.len() > 1 {
                div.field.wrong[shown.is_at_fault("hotline")] {
                    label for="hotline" { "要找的热线（选填）" }
                    (shown.error("hotline"))
                    select id="hotline" name="hotline" aria-invalid=[shown.invalid("hotline")]
                        aria-describedby=[shown.described("hotline", false)] {
                        option value="" { "不确定，由中心分派" }
                        @for line in lines {
                            option value=(line.code) selected[shown.typed.get("hotline") == line.code] {
                                (line.code) " " (line.name)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a field is called.
pub(super) fn label(field: &str) -> &'static str {
    let lines = [PLACE, LAT, LON, OCCURRED_AT, NAME, PHONE, EMAIL];
    match field {
        "hotline" => "热线",
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
