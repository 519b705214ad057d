//! The page that a citizen keeps.

use super::{
    Page,
    form::{Pages, label},
};
use crate::{config::KINDS, fields::Typed, kept::Kept, qr::qr};
use http::StatusCode;
use jiesu_connector::{Receipt, Response, status_url};
use maud::{Markup, html};

const SCRIPT: &str = include_str!("receipt.js");

impl Pages {
    /// The receipt (受理回执), to be printed or kept as a picture. The status code stands in the page only: not in its
    /// address, and not in the QR code, which scanners send on.
    pub fn receipt(&self, receipt: &Receipt, typed: &Typed, kept: &[Kept]) -> Response {
        let status = if receipt.redelivery { StatusCode::OK } else { StatusCode::CREATED };
        let look_up = status_url(&self.public_url, &receipt.number);
        let main = html! {
            div.done {
                h1 { "已收到您的诉求" }
                @if receipt.redelivery {
                    p { "这件诉求您已经提交过，没有重复登记。下面是同一份回执。" }
                } @else {
                    p { "我们会尽快受理。下面是您的受理回执。" }
                }
            }
            section.receipt aria-label="受理回执" {
                dl {
                    dt { "工单号" }
                    dd id="number" { (receipt.number) }
                    dt { "查询码" }
                    dd id="code" { (receipt.code.as_deref().unwrap_or("已无法再次显示")) }
                }
                div.scan { (qr(&look_up, "二维码：打开进度查询页")) p { "扫码查询进度" } }
            }
            p.keep {
                strong { "请保存或打印本页。" } "查询码只在这里显示一次，请不要告诉别人。"
            }
            p.screen { button.quiet type="button" id="print" hidden { "打印或存为 PDF" } }
            h2 { "接下来" }
            ol.steps {
                li { strong { "受理。" } "热线中心核对诉求，转给承办单位办理。" }
                li { strong { "办理。" } "如果您留下了联系方式，承办单位可能会与您核实情况。" }
                li {
                    strong { "答复。" } "您可以随时在" a href=(look_up) { "进度查询" }
                    "页用工单号和查询码查看办理情况和答复。"
                }
            }
            p { "补充情况或催办，也可以拨打 " (self.look.phone()) " 并报上工单号。" }
            (summary(typed, kept))
            p.screen { a href="?" { "再提交一件诉求" } }
        };
        let links = &[("/status", "查询进度")];
        self.look.page(Page { status, heading: "已收到您的诉求", main, script: Some(SCRIPT), links })
    }
}

/// What was sent, without who sent it: a printed receipt may lie about.
fn summary(typed: &Typed, kept: &[Kept]) -> Markup {
    let kind =
        KINDS.iter().find(|(_, value, _)| *value == typed.get("kind").trim()).map(|(_, _, name)| (*name).to_owned());
    let said = |field: &'static str| {
        Some((label(field), typed.said(field)?.replace('T', if field == "occurred_at" { " " } else { "T" })))
    };
    let rows = [kind.map(|kind| (label("kind"), kind))];
    let rows = rows.into_iter().chain(["content", "demand", "place", "occurred_at"].map(said)).flatten();
    html! {
        details.sent {
            summary { "您提交的内容" }
            dl {
                @for (name, text) in rows { dt { (name) } dd dir="auto" { (text) } }
                @if !kept.is_empty() {
                    dt { "附件" }
                    dd { @for file in kept { div dir="auto" { (file.label()) } } }
                }
            }
        }
    }
}
