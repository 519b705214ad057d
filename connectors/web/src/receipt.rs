//! The page that a citizen keeps.

use crate::page::Pages;
use http::StatusCode;
use jiesu_connector::{Receipt, Response, status_url};
use maud::html;

impl Pages {
    /// The receipt (受理回执), to be printed or written down. The status code stands in the page only.
    pub fn receipt(&self, receipt: &Receipt) -> Response {
        let status = if receipt.redelivery { StatusCode::OK } else { StatusCode::CREATED };
        self.page(
            status,
            &format!("已收到您的诉求 - {}", self.title),
            html! {
                h1 { "已收到您的诉求" }
                @if receipt.redelivery {
                    p { "这件诉求您已经提交过，没有重复登记。下面是同一份回执。" }
                }
                dl.receipt {
                    dt { "工单号" }
                    dd id="number" { (receipt.number) }
                    dt { "查询码" }
                    dd id="code" { (receipt.code.as_deref().unwrap_or("已无法再次显示")) }
                }
                p { strong { "请保存或打印本页。" } "查询码只在这里显示，请不要告诉别人。" }
                h2 { "接下来" }
                ol {
                    li { "热线中心受理后，会把诉求转给承办单位办理。" }
                    li { "如果您留下了联系方式，承办单位可能会与您核实情况。" }
                    li {
                        "您可以随时在"
                        a href=(status_url(&self.public_url, &receipt.number)) { "进度查询" }
                        "页用工单号和查询码查看办理进度。"
                    }
                }
                p { "补充情况或催办，也可以拨打 12345 并报上工单号。" }
                p.screen { a href="?" { "再提交一件诉求" } }
            },
        )
    }
}
