//! The pages: what they have in common. No request but the page itself, nothing from elsewhere; usable without scripts,
//! with a keyboard, a screen reader, and zoom.

mod form;
mod receipt;
mod upload;

pub(crate) use form::{Pages, Shown};

use crate::{
    colour::Colour,
    config::{Config, Line},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use jiesu_connector::Response;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

/// The look that all pages for citizens share: name, colour, hotlines.
#[derive(Debug, Clone)]
pub struct Look {
    title: String,
    office: Option<String>,
    lines: Vec<Line>,
    style: String,
    style_hash: String,
}

/// One page.
pub struct Page<'a> {
    /// The status.
    pub status: StatusCode,
    /// In the browser's tab, before the name.
    pub heading: &'a str,
    /// What is in it.
    pub main: Markup,
    /// Its script, if it has one; it stands in the page and is allowed by its hash.
    pub script: Option<&'static str>,
    /// Links in its foot: address and words.
    pub links: &'a [(&'a str, &'a str)],
}

impl Look {
    /// As configured.
    pub fn of(config: &Config) -> Self {
        let day = Colour::read(&config.colour).unwrap_or(Colour::read("#0b5cad").unwrap_or(crate::colour::WHITE));
        let night = day.by_night();
        let style = format!(
            ":root{{--brand:{day};--accent:{day}}}@media(prefers-color-scheme:dark){{:root{{--accent:{night}}}}}\n{STYLE}"
        );
        Self {
            title: config.title.clone(),
            office: config.office.clone(),
            lines: config.hotlines.clone(),
            style_hash: hash(&style),
            style,
        }
    }

    /// The name at the head.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The number to call.
    pub fn phone(&self) -> &str {
        self.lines.first().map_or("12345", |line| &line.code)
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// A whole page. It is never stored: it may show what a citizen typed.
    pub fn page(&self, page: Page<'_>) -> Response {
        let Page { status, heading, main, script, links } = page;
        let body = html! {
            (DOCTYPE)
            html lang="zh-CN" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="format-detection" content="telephone=no";
                    title { (heading) " - " (self.title) }
                    style { (PreEscaped(&self.style)) }
                }
                body {
                    a.skip href="#main" { "跳到正文" }
                    header.band {
                        div {
                            p.brand { (self.title) }
                            a.call href={ "tel:" (self.phone()) } { "拨打 " (self.phone()) }
                        }
                    }
                    main id="main" { (main) }
                    footer {
                        @if !links.is_empty() {
                            p { @for (address, words) in links { a href=(address) { (words) } } }
                        }
                        p {
                            @for (index, line) in self.lines.iter().enumerate() {
                                @if index > 0 { " · " }
                                (line.name) " " (line.code)
                            }
                        }
                        @if let Some(office) = &self.office { p { (office) } }
                    }
                    @if let Some(script) = script { script { (PreEscaped(script)) } }
                }
            }
        };
        let scripts = script.map(|script| format!("; script-src '{}'; connect-src 'self'", hash(script)));
        let policy = format!(
            "default-src 'none'; style-src '{}'{}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            self.style_hash,
            scripts.unwrap_or_default()
        );
        Response::new(status, "text/html; charset=utf-8", body.into_string())
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::CONTENT_SECURITY_POLICY, &policy)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            // Not `no-referrer`: with it browsers post our own form with `Origin: null`.
            .with(header::REFERRER_POLICY, "same-origin")
    }
}

/// As a policy names what stands in the page (Content Security Policy, level 3).
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
