//! Twenty-three ways to write the same three things: an id, a telephone, and a citizen's words.

use super::Said;
use encoding_rs::{GB18030, GBK};

/// How a sender writes.
pub struct Format {
    pub name: &'static str,
    pub map: &'static str,
    pub written: Written,
}

/// What the messages are written into.
pub enum Written {
    /// One push a message.
    Single(fn(&Said) -> Push),
    /// One push for several.
    Batch(fn(&[Said]) -> Push),
    /// A file with this ending; the row that the flag asks for makes no appeal.
    File(&'static str, fn(&[Said], bool) -> Vec<u8>),
    /// A workbook, written by a program that is not ours, in this way.
    Workbook(&'static str),
}

/// One request.
pub struct Push {
    pub method: &'static str,
    pub query: String,
    pub kind: &'static str,
    pub body: Vec<u8>,
}

fn posted(kind: &'static str, body: impl Into<Vec<u8>>) -> Push {
    Push { method: "POST", query: String::new(), kind, body: body.into() }
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn json(said: &Said) -> String {
    let Said { id, tel, words } = said;
    serde_json::json!({ "no": id, "tel": tel, "text": words }).to_string()
}

fn form(said: &Said, words: &[u8]) -> String {
    format!("no={}&tel={}&text={}", said.id, said.tel, percent(words))
}

fn csv(said: &[Said], separator: &str, broken: bool) -> String {
    let mut text = ["工单编号", "联系电话", "诉求内容"].join(separator) + "\r\n";
    for Said { id, tel, words } in said {
        text += &([id, &tel.to_string(), &format!("\"{words}\"")].map(|cell| cell.as_str()).join(separator) + "\r\n");
    }
    text + if broken { "broken\r\n" } else { "" }
}

/// The map of most.
const FLAT: &str = "{id: .body.no, content: .body.text, appellant: {phone: .body.tel}}";

pub const FORMATS: &[Format] = &[
    Format {
        name: "JSON, nested",
        map: "{id: .body.head.no, content: .body.data.text, appellant: {phone: .body.data.tel}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            let body = serde_json::json!({ "head": { "no": id }, "data": { "text": words, "tel": tel } });
            posted("application/json", body.to_string())
        }),
    },
    Format {
        name: "JSON, flat, all escaped",
        map: FLAT,
        written: Written::Single(|said| {
            let escaped: String = json(said)
                .chars()
                .map(|letter| match letter.is_ascii() {
                    true => letter.to_string(),
                    false => format!("\\u{:04x}", u32::from(letter)),
                })
                .collect();
            posted("text/plain", escaped)
        }),
    },
    Format {
        name: "JSON, a batch",
        map: ".body.list[] | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::Batch(|said| {
            let list = said.iter().map(json).collect::<Vec<_>>().join(",");
            posted("application/json", format!("{{\"list\":[{list}]}}"))
        }),
    },
    Format {
        name: "JSON in GBK",
        map: FLAT,
        written: Written::Single(|said| posted("application/json; charset=GBK", GBK.encode(&json(said)).0)),
    },
    Format {
        name: "NDJSON",
        map: ".text | split(\"\\n\")[] | select(. != \"\") | fromjson | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::Batch(|said| {
            posted("application/x-ndjson", said.iter().map(|said| json(said) + "\n").collect::<String>())
        }),
    },
    Format {
        name: "a form in UTF-8",
        map: FLAT,
        written: Written::Single(|said| posted("application/x-www-form-urlencoded", form(said, said.words.as_bytes()))),
    },
    Format {
        name: "a form in GBK",
        map: FLAT,
        written: Written::Single(|said| {
            posted("application/x-www-form-urlencoded; charset=gbk", form(said, &GBK.encode(&said.words).0))
        }),
    },
    Format {
        name: "a form in an encoding that it does not name",
        map: FLAT,
        written: Written::Single(|said| {
            posted("application/x-www-form-urlencoded", form(said, &GBK.encode(&said.words).0))
        }),
    },
    Format {
        name: "JSON in a field of a form",
        map: ".body.data | fromjson | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::Single(|said| {
            posted("application/x-www-form-urlencoded", format!("sign=1&data={}", percent(json(said).as_bytes())))
        }),
    },
    Format {
        name: "a form in parts",
        map: FLAT,
        written: Written::Single(|said| {
            let part = |name: &str, value: &str| {
                format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let Said { id, tel, words } = said;
            let parts = [part("no", id), part("tel", &tel.to_string()), part("text", words)].concat();
            posted("multipart/form-data; boundary=b0undary", parts + "--b0undary--\r\n")
        }),
    },
    Format {
        name: "parameters of the address",
        map: "{id: .query.no, content: .query.text, appellant: {phone: .query.tel}}",
        written: Written::Single(|said| Push {
            method: "GET",
            query: form(said, said.words.as_bytes()),
            kind: "",
            body: Vec::new(),
        }),
    },
    Format {
        name: "XML, attributes, GBK by its declaration",
        map: ".body.case | {id: .[\"@no\"], content: .[\"#text\"], appellant: {phone: .[\"@tel\"]}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            let text = format!("<?xml version=\"1.0\" encoding=\"GBK\"?><case no=\"{id}\" tel='{tel}'>{words}</case>");
            posted("text/xml", GBK.encode(&text).0)
        }),
    },
    Format {
        name: "XML, namespaces, CDATA",
        map: ".body[\"h:case\"] | {id: .[\"h:no\"], content: .[\"h:内容\"], appellant: {phone: .[\"h:tel\"]}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            let text = format!(
                "<h:case xmlns:h=\"urn:h\"><!-- n --><h:no>{id}</h:no><h:tel>{tel}</h:tel>\n<h:内容>\n<![CDATA[{words}]]>\n</h:内容></h:case>"
            );
            posted("application/xml; charset=utf-8", text)
        }),
    },
    Format {
        name: "SOAP",
        map: ".body[\"soap:Envelope\"][\"soap:Body\"].AddCase | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            let text = format!(
                "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Header/>\
                 <soap:Body><AddCase><no>{id}</no><tel>{tel}</tel><text>{words}</text></AddCase></soap:Body></soap:Envelope>"
            );
            posted("application/soap+xml; charset=utf-8; action=\"AddCase\"", text)
        }),
    },
    Format {
        name: "XML, one element or several",
        map: ".body.cases.case | toarray[] | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::Batch(|said| {
            let case = |Said { id, tel, words }: &Said| {
                format!("<case><no>{id}</no><tel>{tel}</tel><text>{words}</text></case>")
            };
            posted("text/xml; charset=utf-8", format!("<cases>{}</cases>", said.iter().map(case).collect::<String>()))
        }),
    },
    Format {
        name: "text, named lines",
        map: ".text | split(\"\\n\") | map(capture(\"^(?<name>[^：]+)：(?<value>.*)$\")) | map({(.name): .value}) | add | {id: .[\"编号\"], content: .[\"内容\"], appellant: {phone: .[\"来电\"]}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            posted("text/plain; charset=utf-8", format!("编号：{id}\n来电：{tel}\n内容：{words}"))
        }),
    },
    Format {
        name: "text, bars, GB18030",
        map: ".text / \"|\" | {id: .[0], content: .[2], appellant: {phone: .[1]}}",
        written: Written::Single(|said| {
            let Said { id, tel, words } = said;
            posted("text/plain; charset=gb18030", GB18030.encode(&format!("{id}|{tel}|{words}")).0)
        }),
    },
    Format {
        name: "CSV in UTF-8 with a mark",
        map: "",
        written: Written::File("csv", |said, broken| ("\u{feff}".to_owned() + &csv(said, ",", broken)).into_bytes()),
    },
    Format {
        name: "CSV in GBK with semicolons",
        map: "",
        written: Written::File("csv", |said, broken| GBK.encode(&csv(said, ";", broken)).0.into_owned()),
    },
    Format {
        name: "lines with tabs in GB18030",
        map: "",
        written: Written::File("txt", |said, broken| GB18030.encode(&csv(said, "\t", broken)).0.into_owned()),
    },
    Format {
        name: "CSV in UTF-16",
        map: "",
        written: Written::File("csv", |said, broken| {
            let text = "\u{feff}".to_owned() + &csv(said, ",", broken);
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }),
    },
    Format {
        name: "NDJSON in a file",
        map: ".row | {id: .no, content: .text, appellant: {phone: .tel}}",
        written: Written::File("ndjson", |said, broken| {
            let lines: String = said.iter().map(|said| json(said) + "\n").collect();
            (lines + if broken { "{\"no\":" } else { "" }).into_bytes()
        }),
    },
    Format { name: "XLSX with shared strings", map: "", written: Written::Workbook("shared") },
    Format { name: "XLSX with strings in place", map: "", written: Written::Workbook("inline") },
];
