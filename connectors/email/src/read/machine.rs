//! Mail that nobody wrote: automatic answers, lists, bounces (RFC 3834, RFC 3464). It is kept and never answered.

use super::{
    charset,
    header::Header,
    html,
    params::Parameterised,
    structure::{Node, Part},
    transfer, words,
};
use crate::marks::{self, Mark};

/// Bytes of one part of a bounce in which our marks are looked for.
const SEARCHED: usize = 256 << 10;
/// Characters of a reason.
const MAX_REASON: usize = 300;

/// What wrote a mail that nobody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// A mail could not be delivered, or not yet, or was.
    Bounce(Bounce),
    /// An automatic answer.
    Answer,
    /// A mailing list, or advertising.
    List,
    /// We ourselves.
    Own,
}

/// What a bounce says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounce {
    /// The mail of ours that it is about.
    pub about: Option<Mark>,
    /// It is lost for good, and why. `None`: it is late, or has arrived.
    pub failed: Option<String>,
}

impl Machine {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bounce(_) => "bounce",
            Self::Answer => "auto-reply",
            Self::List => "list",
            Self::Own => "own",
        }
    }
}

/// What is known of a mail from outside of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Envelope<'a> {
    /// MAIL FROM; empty for the null sender, `None` if unknown.
    pub from: Option<&'a str>,
    /// Our own addresses, in lower case.
    pub own: &'a [String],
}

/// Tells whether a machine wrote it.
pub fn recognise(
    header: &Header<'_>,
    node: &Node<'_>,
    from: &str,
    subject: &str,
    envelope: Envelope<'_>,
) -> Option<Machine> {
    let value = |name: &str| header.get(name).map(|raw| String::from_utf8_lossy(raw).trim().to_ascii_lowercase());
    let sender = from.to_ascii_lowercase();
    let local = sender.split('@').next().unwrap_or_default();
    let report = report_type(header);
    let leaves = node.leaves();
    let status = leaves.iter().find(|part| part.content_type.value == "message/delivery-status");
    let daemons = ["mailer-daemon", "mail-daemon", "microsoftexchange329e71ec"];
    let daemon = local == "postmaster" || daemons.iter().any(|daemon| local.starts_with(daemon));
    let returned = is_bounce_subject(subject);
    let null_sender = envelope.from == Some("") || value("return-path").is_some_and(|path| path == "<>");
    if status.is_some()
        || report.as_deref() == Some("delivery-status")
        || (daemon && (returned || null_sender))
        || (returned && null_sender)
    {
        return Some(Machine::Bounce(bounce(header, &leaves, status.copied())));
    }
    if value("x-gateway-id").is_some_and(|id| id.starts_with("jiesu"))
        || envelope.own.contains(&marks::base_address(&sender))
    {
        return Some(Machine::Own);
    }
    let submitted =
        value("auto-submitted").is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() != "no");
    let precedence = value("precedence").unwrap_or_default();
    let list = ["list-id", "list-unsubscribe", "list-post"].iter().any(|name| header.get(name).is_some());
    if list || matches!(precedence.as_str(), "list" | "bulk" | "junk") {
        // Some automatic answers call themselves bulk.
        let answer = submitted || is_answer_subject(subject);
        return Some(if answer { Machine::Answer } else { Machine::List });
    }
    let marked = ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-qq-autoreply"];
    let marked = marked.iter().any(|name| value(name).is_some_and(|value| value != "no" && value != "false"));
    let automatic = submitted || marked || report.is_some() || null_sender || daemon;
    (automatic || precedence == "auto_reply" || is_answer_subject(subject)).then_some(Machine::Answer)
}

/// Nobody is at the other end, or it asks for silence: no receipt, though it may well be a matter.
pub fn wants_silence(header: &Header<'_>, from: &str) -> bool {
    is_nobody(from) || header.get("x-auto-response-suppress").is_some()
}

/// An address that says of itself that nobody reads it.
pub fn is_nobody(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    let local: String = local.chars().filter(char::is_ascii_alphanumeric).collect();
    let local = local.to_ascii_lowercase();
    local.contains("noreply") || local.contains("donotreply")
}

fn report_type(header: &Header<'_>) -> Option<String> {
    let kind = Parameterised::read(header.get("content-type")?);
    let report = kind.plain("report-type").map(|kind| String::from_utf8_lossy(kind).to_ascii_lowercase());
    (kind.value == "multipart/report").then(|| report.unwrap_or_default())
}

/// At the beginning only: a citizen may well complain of an automatic answer.
fn begins(subject: &str, starts: &[&str]) -> bool {
    let subject = subject.trim().to_lowercase();
    starts.iter().any(|start| {
        subject.strip_prefix(start).is_some_and(|rest| {
            let apart = [':', '：', ' ', '(', '（', '[', '【', '-', '!', '！', '/', '通'];
            rest.is_empty() || start.ends_with([']', '】']) || rest.starts_with(apart)
        })
    })
}

fn is_answer_subject(subject: &str) -> bool {
    let starts = [
        "自动回复",
        "自動回覆",
        "自动答复",
        "[自动回复]",
        "【自动回复】",
        "auto reply",
        "auto-reply",
        "autoreply",
        "automatic reply",
        "out of office",
        "自动应答",
        "自动回覆",
        "休假自动回复",
        "外出自动回复",
    ];
    let subject = subject.trim();
    let ends = ["(自动回复)", "（自动回复）", "[自动回复]", "【自动回复】", "的自动回复", "的自动答复"];
    let named = |end: &&str| subject.ends_with(*end) && (!end.starts_with('的') || subject.starts_with("来自"));
    begins(subject, &starts) || ends.iter().any(named)
}

fn is_bounce_subject(subject: &str) -> bool {
    let starts = [
        "退信",
        "系统退信",
        "退信通知",
        "[退信]",
        "【退信】",
        "邮件退信",
        "投递失败",
        "邮件投递失败",
        "邮件发送失败",
        "发送失败",
        "未送达",
        "邮件未送达",
        "未传递",
        "无法投递",
        "无法送达",
        "传递失败",
        "传递状态通知",
        "投递状态通知",
        "系統退信",
        "無法傳遞",
        "undelivered mail returned to sender",
        "undelivered",
        "undelivered mail",
        "undeliverable",
        "delivery status notification",
        "mail delivery failed",
        "returned mail",
        "failure notice",
        "mail delivery failure",
        "delivery failure",
        "delivery failed",
        "mail delivery subsystem",
        "warning: message",
        "delivery has failed",
        "email delivery failure",
        "[postmaster] email delivery failure",
    ];
    let from_server = subject.trim_start().starts_with("来自") && subject.trim_end().ends_with("的退信");
    from_server || begins(subject, &starts)
}

fn bounce(header: &Header<'_>, leaves: &[&Part<'_>], status: Option<&Part<'_>>) -> Bounce {
    let addressed = ["to", "delivered-to", "x-original-to", "x-failed-recipients", "in-reply-to", "references"];
    let mut about = addressed.iter().flat_map(|name| header.all(name)).find_map(named_mark);
    let mut words = String::new();
    for part in leaves {
        let bytes = transfer::undo(part.body, part.header.get("content-transfer-encoding").unwrap_or_default());
        let bytes = &bytes[..bytes.len().min(SEARCHED)];
        about = about.or_else(|| named_mark(bytes));
        if words.is_empty() && part.content_type.value.starts_with("text/") {
            let text = charset::decode(bytes, part.content_type.plain("charset"), None);
            let text = if part.content_type.value == "text/html" { html::read(&text).text } else { text };
            words = words::one_line(&text);
        }
    }
    let report =
        status.map(|part| transfer::undo(part.body, part.header.get("content-transfer-encoding").unwrap_or_default()));
    let failed = match report {
        Some(report) => reported(&report),
        None => Some(words),
    };
    let short = |why: String| words::without_addresses(&why).chars().take(MAX_REASON).collect::<String>();
    Bounce { about, failed: failed.map(short) }
}

fn named_mark(bytes: &[u8]) -> Option<Mark> {
    marks::find(&String::from_utf8_lossy(bytes)).into_iter().find(|mark| mark.name.is_some())
}

/// Why it is lost, if a recipient's group in the report says so.
fn reported(report: &[u8]) -> Option<String> {
    let mut rest = report;
    while !rest.is_empty() {
        let (group, after) = Header::split(rest);
        let field = |name: &str| group.get(name).map(|raw| words::decode(raw, None)).unwrap_or_default();
        if field("action").eq_ignore_ascii_case("failed") {
            let told = [field("status"), field("diagnostic-code")].into_iter().filter(|text| !text.is_empty());
            return Some(told.collect::<Vec<_>>().join(" "));
        }
        if after.len() >= rest.len() {
            break;
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::structure;
    use super::*;

    fn machine(mail: &str, envelope: Envelope<'_>) -> Option<Machine> {
        let (header, body) = Header::split(mail.as_bytes());
        let (node, _) = structure::tree(&header, body);
        let words = |name| words::decode(header.get(name).unwrap_or_default(), None);
        recognise(&header, &node, &words("from"), &words("subject"), envelope)
    }

    #[test]
    fn machines_are_recognised_by_what_they_write() {
        let known = |mail: &str| machine(&format!("{mail}\n\nx"), Envelope::default()).map(|machine| machine.name());
        for answer in [
            "Auto-Submitted: auto-replied (vacation)",
            "Return-Path: <>",
            "Precedence: auto_reply",
            "X-Autoreply: yes",
            "Subject: 自动回复：您好",
            "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSNOg==?= x",
            "Subject: [自动回复]您的来信",
            "Subject: Re: 路灯(自动回复)",
            "Subject: 来自王小明的自动回复",
            "Content-Type: multipart/report; report-type=disposition-notification",
        ] {
            assert_eq!(known(answer), Some("auto-reply"), "{answer}");
        }
        assert_eq!(known("List-Id: <a.b>"), Some("list"));
        for subject in
            ["系统退信", "系统退信/Systems bounce", "来自QQ邮箱的退信", "邮件发送失败通知", "未送达: 您的诉求"]
        {
            assert_eq!(known(&format!("From: PostMaster@qq.com\nSubject: {subject}")), Some("bounce"), "{subject}");
        }
        assert_eq!(known("X-Gateway-Id: jiesu"), Some("own"));
        for person in [
            "Auto-Submitted: no",
            "Subject: 投诉自动回复",
            "Subject: 自动回复太慢了",
            "Subject: 退信封的钱",
            "From: a@qq.com",
        ] {
            assert_eq!(known(person), None, "{person}");
        }
        let own = ["12345@leshan.example".to_owned()];
        let envelope = Envelope { from: None, own: &own };
        assert_eq!(machine("From: 12345+t.x@Leshan.example\n\nx", envelope), Some(Machine::Own));
        assert_eq!(machine("From: a@b.cn\n\nx", Envelope { from: Some(""), own: &[] }), Some(Machine::Answer));
    }

    #[test]
    fn a_bounce_names_the_mail_that_it_is_about_and_why() {
        let mail = "From: MAILER-DAEMON@b.cn\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nsorry\n\
            --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; b.cn\n\nFinal-Recipient: rfc822; w@b.cn\n\
            Action: ACTION\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\n--b\nContent-Type: text/rfc822-headers\n\n\
            Message-ID: <20261122-000123-4.rp_1.abcdefghij234567@a.cn>\n\n--b--\n";
        let bounce = |action: &str| match machine(&mail.replace("ACTION", action), Envelope::default()) {
            Some(Machine::Bounce(bounce)) => bounce,
            other => panic!("{other:?}"),
        };
        let failed = bounce("failed");
        assert_eq!(failed.about.unwrap().name.as_deref(), Some("rp_1"));
        assert_eq!(failed.failed.as_deref(), Some("5.1.1 smtp; 550 no such user"));
        assert_eq!(bounce("delayed").failed, None);
    }
}
