//! Odd pushes, right ones and wrong ones.

use super::account::{Account, Push, encrypt, envelope, message, message_json, next_id, sign, text};

/// The key before the current one.
pub const OLD_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// An account whose key has just been changed.
pub fn account(channel: &str, mode: &'static str) -> Account {
    let previous_key = (mode != "plain").then(|| OLD_KEY.to_owned());
    Account { previous_key, ..Account::new(channel, mode) }
}

/// With `padding` bytes of padding: every length modulo the block has its turn.
fn padded(account: &Account, padding: usize) -> Push {
    let citizen = format!("oODD-{}-{padding:02}", account.mode);
    let plain = |fill: usize| message(&citizen, 70_000 + padding as u64, "text", &[("Content", &"x".repeat(fill))]);
    let bare = 20 + plain(0).len() + account.app_id.len();
    let fill = (64 - padding - bare % 32) % 32 + 32;
    let inner = envelope(plain(fill).as_bytes(), &account.app_id);
    assert_eq!(usize::from(*inner.last().unwrap()), padding);
    account.sealed_as(&encrypt(&inner, &account.key), false, "")
}

/// What the account's platform might send, in odd shapes.
pub fn odd_and_right(account: &Account) -> Vec<(&'static str, Push)> {
    // A citizen for each account: what one says again is a repeat.
    let citizen = &*format!("oODD-{}", account.mode);
    let said = || text(citizen, "路灯坏了");
    let write = |message: String| account.push(&message);
    let bare = said().replace("<xml>", "").replace("</xml>", "");
    let mut pushes = vec![
        ("a declaration", write(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", said()))),
        ("white space and comments", write(said().replace("><", ">\n <!-- --><"))),
        ("CDATA in two", write(said().replace("路灯坏了]]>", "路灯]]><![CDATA[坏了]]>"))),
        ("no CDATA", write(said().replace("<![CDATA[", "").replace("]]>", ""))),
        ("references", write(said().replace("<![CDATA[路灯坏了]]>", "&#36335;&#x706f;&amp;&lt;x&gt;"))),
        ("markup as words", write(said().replace("路灯坏了", "<!DOCTYPE a [<!ENTITY b \"c\">]> &b;"))),
        ("a field twice", write(said().replace("</xml>", "<Content>又一个</Content></xml>"))),
        ("a field of next year", write(said().replace("</xml>", "<New><Deep><Er>1</Er></Deep></New><E/></xml>"))),
        ("a MsgId beyond 2^63", write(message(citizen, u64::MAX - next_id() % 1_000, "text", &[("Content", "a")]))),
        ("no MsgId", write(said().replace("MsgId>", "MsgData>"))),
        ("the longest text", write(text(citizen, &"诉".repeat(682)))),
        ("JSON", write(message_json(citizen, next_id(), "text", &[("Content", "路灯\u{1f600}")]))),
        (
            "JSON with escapes",
            write(
                message_json(citizen, next_id(), "text", &[("Content", "a")])
                    .replace("\"a\"", "\"\\u8def\\ud83d\\ude00\""),
            ),
        ),
        ("MsgType in capitals", write(said().replace("[text]", "[TEXT]"))),
    ];
    if account.mode != "safe" {
        let mut body = vec![0xef, 0xbb, 0xbf];
        body.extend(said().into_bytes());
        pushes.push(("a byte order mark", Push { body, ..account.plain("") }));
        let push = account.plain(&said());
        pushes.push(("encrypt_type=raw", Push { query: format!("{}&encrypt_type=raw", push.query), ..push }));
    }
    if account.mode != "plain" {
        pushes.extend((1..=32).map(|padding| ("each padding", padded(account, padding))));
        let old = encrypt(&envelope(said().as_bytes(), &account.app_id), OLD_KEY);
        pushes.push(("the previous key", account.sealed_as(&old, false, "")));
        let push = account.sealed(&said());
        pushes.push(("no encrypt_type", Push { query: push.query.replace("&encrypt_type=aes", ""), ..push }));
        let push = account.sealed(&said());
        pushes.push((
            "spaces for plus signs",
            Push { body: String::from_utf8(push.body).unwrap().replace('+', " ").into(), ..push },
        ));
        let lie = bare.replace(citizen, "oLIE-outside").replace("路灯坏了", "谎言");
        let encrypted = encrypt(&envelope(said().as_bytes(), &account.app_id), &account.key);
        pushes.push(("other words outside", account.sealed_as(&encrypted, false, &lie)));
        let json = message_json(citizen, next_id(), "text", &[("Content", "JSON 里外")]);
        pushes.push(("JSON in JSON", account.sealed(&json)));
        let encrypted = encrypt(&envelope(json.replace("里外", "在 XML 里").as_bytes(), &account.app_id), &account.key);
        pushes.push(("JSON in XML", account.sealed_as(&encrypted.clone(), false, "")));
    }
    pushes
}

/// What nobody's platform sends.
pub fn odd_and_wrong(account: &Account) -> Vec<(&'static str, Push)> {
    let said = || text("oEVIL-citizen", "伪造");
    let raw = |body: Vec<u8>| match account.mode {
        "plain" => Push { body, ..account.plain("") },
        _ => account.sealed_as(&encrypt(&envelope(&body, &account.app_id), &account.key), false, ""),
    };
    let utf16: Vec<u8> = said().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let laughs = format!(
        "<!DOCTYPE xml [<!ENTITY a \"ha\">{}]><xml><Content>&j;</Content></xml>",
        ('b'..='j')
            .map(|it| format!("<!ENTITY {it} \"{}\">", format!("&{};", (it as u8 - 1) as char).repeat(10)))
            .collect::<String>()
    );
    let mut pushes = vec![
        ("a bomb of entities", raw(laughs.into())),
        ("an external DTD", raw(format!("<!DOCTYPE xml SYSTEM \"http://127.0.0.1:9/x.dtd\">{}", said()).into())),
        (
            "a parameter entity",
            raw(format!("<!DOCTYPE xml [<!ENTITY % a SYSTEM \"file:///etc/passwd\"> %a;]>{}", said()).into()),
        ),
        ("a doctype in small letters", raw(format!("<!doctype xml>{}", said()).into())),
        ("an entity that nobody declared", raw(said().replace("<![CDATA[伪造]]>", "&xxe;").into())),
        ("half of a character", raw(said().replace("<![CDATA[伪造]]>", "&#xd83d;").into())),
        ("a NUL by reference", raw(said().replace("<![CDATA[伪造]]>", "&#0;").into())),
        ("nothing but depth", raw("<xml>".repeat(20_000).into())),
        ("depth in JSON", raw(format!("{{\"a\":{}", "[".repeat(20_000)).into())),
        ("a thousand and one fields", raw(format!("<xml>{}</xml>", "<a>1</a>".repeat(1_001)).into())),
        ("two documents", raw(format!("{0}{0}", said()).into())),
        ("words after the end", raw(format!("{}伪造", said()).into())),
        ("another root", raw(said().replace("xml>", "XML>").into())),
        ("an unclosed CDATA", raw(said().replace("伪造]]>", "伪造").into())),
        ("UTF-16", raw(utf16)),
        ("GBK", raw(b"<xml><Content>\xce\xb1\xd4\xec</Content></xml>".to_vec())),
        ("an array", raw(b"[{\"MsgType\":\"text\"}]".to_vec())),
        ("white space", raw(b" \n ".to_vec())),
    ];
    let push = account.push(&said());
    let with = |from: &str, to: &str| Push { query: push.query.replace(from, to), ..push.clone() };
    let signature = if account.mode == "plain" { "signature=" } else { "msg_signature=" };
    pushes.extend([
        ("a signature too many", with(signature, &format!("{signature}0000&{signature}"))),
        ("no timestamp", with("timestamp=", "time=")),
        ("no nonce", with("nonce=", "once=")),
        ("a signature in capitals", {
            let (before, after) = push.query.split_once(signature).unwrap();
            let (value, rest) = after.split_at(40);
            Push { query: format!("{before}{signature}{}{rest}", value.to_uppercase()), ..push.clone() }
        }),
        ("half of the signature", {
            let (before, after) = push.query.split_once(signature).unwrap();
            let (value, rest) = after.split_at(40);
            Push { query: format!("{before}{signature}{}{rest}", &value[..20]), ..push.clone() }
        }),
    ]);
    if account.mode == "plain" {
        return pushes;
    }
    let inner = envelope(said().as_bytes(), &account.app_id);
    let sealed = |plain: &[u8]| account.sealed_as(&encrypt(plain, &account.key), false, "");
    let whole = encrypt(&inner, &account.key);
    let part = |end: usize| account.sealed_as(&whole[..end], false, "");
    for padding in [0u8, 33, 64, 128, 255] {
        let mut plain = inner.clone();
        let last = plain.len() - 1;
        plain[last] = padding;
        pushes.push(("padding that is none", sealed(&plain)));
    }
    pushes.extend([
        ("padding of several values", {
            let mut plain = envelope(&[said().as_bytes(), b"    "].concat(), &account.app_id);
            let at = plain.len() - 2;
            plain[at] ^= 1;
            if *plain.last().unwrap() == 1 {
                plain[at + 1] = 2
            }
            sealed(&plain)
        }),
        ("a longer app id", sealed(&envelope(said().as_bytes(), &format!("{}x", account.app_id)))),
        ("a shorter app id", sealed(&envelope(said().as_bytes(), &account.app_id[1..]))),
        ("the app id in capitals", sealed(&envelope(said().as_bytes(), &account.app_id.to_uppercase()))),
        ("ciphertext cut off", part(whole.len() - 4)),
        ("one base64 letter", part(1)),
        ("only the first block", part(64)),
        ("signed without the ciphertext", {
            let push = sealed(&inner);
            let value = |name: &str| push.query.split('&').find_map(|it| it.strip_prefix(name)).unwrap().to_owned();
            let signature = sign(&[&account.token, &value("timestamp="), &value("nonce=")]);
            Push {
                query: format!(
                    "timestamp={}&nonce={}&encrypt_type=aes&msg_signature={signature}",
                    value("timestamp="),
                    value("nonce=")
                ),
                ..push
            }
        }),
        ("signed over the body", {
            let push = sealed(&inner);
            let value = |name: &str| push.query.split('&').find_map(|it| it.strip_prefix(name)).unwrap().to_owned();
            let body = String::from_utf8(push.body.clone()).unwrap();
            let signature = sign(&[&account.token, &value("timestamp="), &value("nonce="), &body]);
            Push {
                query: format!(
                    "timestamp={}&nonce={}&encrypt_type=aes&msg_signature={signature}",
                    value("timestamp="),
                    value("nonce=")
                ),
                ..push
            }
        }),
        ("signed with the AES key", Account { token: account.key.clone(), ..account.clone() }.sealed(&said())),
        ("an unsigned ciphertext first", {
            let push = sealed(&inner);
            let body = String::from_utf8(push.body).unwrap();
            let other = encrypt(&envelope(text("oEVIL-citizen", "换掉").as_bytes(), &account.app_id), &account.key);
            Push { body: body.replace("<xml>", &format!("<xml><Encrypt>{other}</Encrypt>")).into(), ..push }
        }),
        ("a doctype around", {
            let push = sealed(&inner);
            Push { body: [b"<!DOCTYPE xml>", push.body.as_slice()].concat(), ..push }
        }),
        ("the ciphertext of JSON as a number", {
            let push = sealed(&inner);
            Push { body: b"{\"Encrypt\":1}".to_vec(), ..push }
        }),
    ]);
    pushes
}
