//! The part of the form for files. What is there already stays there, whatever else was wrong.

use super::form::{Pages, Shown};
use crate::{fields::KEPT, kept::size};
use maud::{Markup, html};

/// What a phone's chooser offers first. Anything else can be chosen all the same.
const ACCEPT: &str = "image/*,video/*,audio/*,application/pdf,.doc,.docx,.xls,.xlsx,.txt";

impl Pages {
    /// Nothing, where no files are taken.
    pub(super) fn files(&self, shown: &Shown<'_>) -> Markup {
        if self.max_files == 0 {
            return html! {};
        }
        let largest = size(self.max_file as u64);
        html! {
            fieldset {
                legend { "照片、视频和文件" }
                div.field.wrong[shown.is_at_fault("files")] {
                    label for="files" { "添加附件（选填）" }
                    p.hint id="files-hint" {
                        "最多 " (self.max_files) " 个，每个不超过 " (largest)
                        "。照片里可能带有拍摄地点和时间，会一并提交，方便核实。"
                    }
                    (shown.error("files"))
                    ul.files id="uploads" {
                        @for (index, (reference, label)) in shown.kept.iter().enumerate() {
                            li {
                                div.choice {
                                    input type="checkbox" id={ "kept-" (index) } name=(KEPT) value=(reference) checked;
                                    label for={ "kept-" (index) } { (label) span.note { "已上传，取消勾选即不提交" } }
                                }
                            }
                        }
                    }
                    input type="file" id="files" name="files" multiple accept=(ACCEPT)
                        aria-invalid=[shown.invalid("files")] aria-describedby=[shown.described("files", true)];
                    p.said id="uploads-said" role="status" {}
                }
            }
        }
    }
}
