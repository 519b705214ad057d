//! What comes of files: encodings, separators, quotes, broken rows, workbooks.

// A helper has nobody to hand an error to: what cannot go on panics with the reason.
#![allow(clippy::unwrap_used)]

use encoding_rs::{BIG5, GB18030};
use jiesu_connector::{Appeal, Connector, Inbound, Parts};
use jiesu_connector_testkit::{FakeSecrets, Specimen};
use jiesu_files::{Config, Files};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn channel(config: Value) -> Result<Parts, Vec<String>> {
    let config: Config = serde_json::from_value(config).expect("the shape is right");
    let secrets = FakeSecrets::default();
    Files::build(config, &secrets.setup("old")).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The appeals in a file, and the lines of its reject file.
fn read(config: Value, name: &str, bytes: &[u8]) -> Result<(Vec<Appeal>, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    let parts = channel(config).unwrap();
    let Inbound::Pull(source) = &parts.inbound else { panic!("a source") };
    let mut import = source.importer().expect("an importer").open(&file)?;
    let mut appeals = Vec::new();
    while let Some(messages) = import.next()? {
        appeals.extend(messages.iter().map(|message| parts.parser.parse(&message.raw).expect("an appeal")));
    }
    let done = import.finish()?;
    assert!(done.rows <= appeals.len() as u64 + done.rejected + done.skipped, "no row is lost");
    let rejects = done.rejects.map(|place| fs::read_to_string(place).unwrap()).unwrap_or_default();
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1 + usize::from(!rejects.is_empty()), "nothing else is left");
    Ok((appeals, rejects.trim_start_matches('\u{feff}').lines().skip(1).map(str::to_owned).collect()))
}

fn contents(name: &str, bytes: &[u8]) -> Vec<String> {
    let (appeals, rejects) = read(json!({}), name, bytes).unwrap();
    assert_eq!(rejects, [""; 0]);
    appeals.into_iter().map(|appeal| appeal.content).collect()
}

#[test]
fn the_connector_keeps_to_the_contract() {
    assert_eq!(Specimen::of::<Files>().faults(include_str!("../../README.md")), [""; 0]);
}

#[test]
fn csv_is_read_in_every_chinese_encoding_and_separator() {
    let simple =
        "编号,诉求内容,联系电话\r\n1,城东小区夜间施工噪声扰民,13800138000\r\n2,人民路路灯不亮影响出行,13900139000\r\n";
    let expected = ["城东小区夜间施工噪声扰民", "人民路路灯不亮影响出行"];
    let wide = |order: fn(u16) -> [u8; 2], mark: bool| {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(simple.encode_utf16()).flat_map(order).collect::<Vec<u8>>()
    };
    for (what, bytes) in [
        ("UTF-8", simple.as_bytes().to_vec()),
        ("with a mark", format!("\u{feff}{simple}").into_bytes()),
        ("GB18030", GB18030.encode(simple).0.into_owned()),
        ("GB18030, marked", GB18030.encode(&format!("\u{feff}{simple}")).0.into_owned()),
        ("carriage returns alone", simple.replace("\r\n", "\r").into_bytes()),
        ("the same in GB18030", GB18030.encode(&simple.replace("\r\n", "\r")).0.into_owned()),
        ("the same in UTF-16", {
            let alone = simple.replace("\r\n", "\r");
            alone.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }),
        ("UTF-16, marked", wide(u16::to_le_bytes, true)),
        ("UTF-16, the other way", wide(u16::to_be_bytes, true)),
        (";", simple.replace(',', ";").into_bytes()),
        ("tab", simple.replace(',', "\t").into_bytes()),
        ("sep=", format!("sep=|\n{}", simple.replace(',', "|")).into_bytes()),
        ("without a last line end", simple.trim_end().replace("\r\n", "\n").into_bytes()),
        ("under a title", format!("诉求登记表,,\n\n{simple}").into_bytes()),
    ] {
        assert_eq!(contents("a.csv", &bytes), expected, "{what}");
    }
    // The mark is no part of a name.
    let map = json!({ "map": ".row | {content: .[\"诉求内容\"]}" });
    let marked = GB18030.encode("\u{feff}诉求内容,编号\n路灯不亮影响出行,1\n").0;
    assert_eq!(read(map, "b.csv", &marked).unwrap().1, [""; 0]);
    let traditional = "編號,內容,電話\n1,城東小區夜間施工噪聲擾民，希望儘快處理,0912345678\n2,人民路路燈不亮影響出行，請派人檢查,0987654321\n";
    let map = json!({ "map": ".row | {id: .[\"編號\"], content: .[\"內容\"]}" });
    let (appeals, rejects) = read(map, "b.csv", &BIG5.encode(traditional).0).unwrap();
    assert_eq!(rejects, [""; 0]);
    assert_eq!(appeals[0].content, "城東小區夜間施工噪聲擾民，希望儘快處理");
}

#[test]
fn a_header_may_have_two_rows_and_stand_there_again() {
    let text = "诉求人,,诉求内容,登记\n姓名,电话,诉求内容,工单编号\n张三,13800138000,路灯不亮,1\n\
                姓名,电话,诉求内容,工单编号\n李四,08332435678,井盖丢失,2\n";
    let (appeals, rejects) = read(json!({}), "a.csv", text.as_bytes()).unwrap();
    let found: Vec<_> = appeals.iter().map(|appeal| appeal.appellant.phone.as_deref().unwrap()).collect();
    assert_eq!(found, ["13800138000", "08332435678"]);
    assert!(rejects.len() == 1 && rejects[0].starts_with("4,the row is the header again"), "{rejects:?}");
    // A row that happens to say a column's name is a row.
    assert_eq!(contents("b.csv", "id,content\n1,content\n2,b\n".as_bytes()), ["content", "b"]);
}

#[test]
fn telephones_that_a_spreadsheet_has_shortened_are_told() {
    let text = "id,content,phone\n1,a,1.38E+10\n2,b,1.3800138E10\n3,c,0086 138 0013 8000\n";
    let (appeals, rejects) = read(json!({}), "a.csv", text.as_bytes()).unwrap();
    let found: Vec<_> = appeals.iter().map(|appeal| appeal.appellant.phone.as_deref().unwrap()).collect();
    assert_eq!(found, ["13800138000", "0086 138 0013 8000"]);
    assert!(rejects.len() == 1 && rejects[0].contains("has lost its digits"), "{rejects:?}");
}

#[test]
fn quotes_hold_what_they_hold_and_broken_ones_cost_one_line() {
    let text = "id,content,phone\n\
                1,\"多行\n内容，\"\"引\"\"号,逗号\",1\n\
                2,\"没有闭合,2\n\
                3,好的一行,3\n\
                4,\"引号\"之后有字,4\n\
                5,中间\"引号\"无妨,5\n\
                6,\"又没有闭合,6\n\
                7,最后一行,7\n";
    let (appeals, rejects) = read(json!({}), "a.csv", text.as_bytes()).unwrap();
    let found: Vec<_> = appeals.iter().map(|appeal| appeal.content.as_str()).collect();
    assert_eq!(found, ["多行\n内容，\"引\"号,逗号", "好的一行", "中间\"引号\"无妨", "最后一行"]);
    let lines: Vec<_> = rejects.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["4", "6", "8"], "{rejects:?}");
}

#[test]
fn bad_rows_are_told_with_their_line_and_reason() {
    let long = "长".repeat(400_000);
    let rows: Vec<Vec<u8>> = vec![
        "id,content,content,,phone".into(),
        "1,甲,乙,丙,13800138000".into(),
        "2,少".into(),
        "3,多,,,1,2".into(),
        "4,,,,1".into(),
        b"5,\xff\xfe,,,1".to_vec(),
        "6,a\0b,,,1".into(),
        format!("7,{long},,,1").into_bytes(),
        "8,=cmd(),,,+86,,,".into(),
        "9,多出的空列,,,1,,".into(),
    ];
    let (appeals, rejects) = read(json!({}), "a.csv", &rows.join(&b'\n')).unwrap();
    let found: Vec<_> = appeals.iter().map(|appeal| appeal.content.as_str()).collect();
    assert_eq!(found, ["甲", "=cmd()", "多出的空列"], "{rejects:?}");
    for (line, reason) in [
        ("3,", "the row has 2 columns, the header 5"),
        ("4,", "the row has 6 columns"),
        ("5,", "content is required"),
        ("6,", "bytes in it that are no UTF-8"),
        ("7,", "U+0000"),
        ("8,", "longer than 1024 KiB"),
    ] {
        assert!(
            rejects.iter().any(|row| row.starts_with(line) && row.contains(reason)),
            "{line} {reason}: {rejects:.300?}"
        );
    }
    let map = json!({ "map": ".row | {content: .content_2, title: .column_4}" });
    let (appeals, rejects) = read(map, "a.csv", b"id,content,content,\n1,a,b,c\n2,a,=b+1,\"\x40x\"\n3,a,,d\n").unwrap();
    assert_eq!((appeals.len(), rejects.len()), (2, 1));
}

#[test]
fn maps_skip_split_and_fail_row_by_row() {
    let map = r#".row as $r | if $r.state == "void" then null else $r.texts[] | {id: "\($r.no)/\(.)", content: .} end"#;
    let text = "{\"no\":1,\"texts\":[\"a\",\"b\"]}\n\n{\"no\":2,\"state\":\"void\"}\n[1]\n{\"no\":3,\"texts\":7}\n{\"no\":4,\"texts\":[\"c\"]";
    let (appeals, rejects) = read(json!({ "map": map }), "a.ndjson", text.as_bytes()).unwrap();
    assert_eq!(appeals.iter().map(|appeal| appeal.content.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let begin: Vec<_> = rejects.iter().map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(begin, ["4", "5", "6"], "{rejects:?}");
    assert!(rejects[1].contains("line 1, column"), "where in the filter: {}", rejects[1]);
}

#[test]
fn files_that_are_none_are_refused_as_a_whole() {
    for (name, bytes, reason) in [
        ("a.csv", &b""[..], "the file is empty"),
        ("a.csv", b"\n\n", "no header"),
        ("a.csv", b"a,b\n1,2\n", "no column is known"),
        ("a.xls", &[0xd0, 0xcf, 0x11, 0xe0, 0, 0], "save it as .xlsx"),
        ("a.xlsx", b"PK\x03\x04xxxx", "no whole XLSX"),
        ("a.pdf", b"%PDF-1.7", "neither CSV"),
        ("a.xls", b"\xef\xbb\xbf\n<HTML xmlns:x=\"urn\"><table><tr><td>1</td></tr></table>", "a web page"),
        ("a.xls", b"<?xml version=\"1.0\"?><Workbook/>", "a web page"),
        ("locked.xlsx", &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1], "a password"),
    ] {
        let error = read(json!({}), name, bytes).map(|_| ()).unwrap_err();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn slips_in_the_configuration_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let faults = |config: Value| channel(config).err().unwrap_or_default().join("\n");
    let at = |path: &Path| path.display().to_string();
    assert!(faults(json!({ "watch": at(&folder.path().join("none")) })).contains("make the folder"));
    assert!(faults(json!({ "watch": at(&file) })).contains("is no folder"));
    assert!(
        faults(json!({ "watch": at(folder.path()), "done": at(folder.path()) }))
            .contains("done: is the watched folder")
    );
    assert!(faults(json!({ "map": ".row |" })).contains("map: not a jq filter"));
    assert!(faults(json!({ "settle": "0s" })).contains("settle: \"0s\" is no duration"));
}

/// A workbook with shared strings, dates, formulas, merged cells, and a hidden sheet before the one that counts.
#[test]
fn a_workbook_is_read_as_people_see_it() {
    let sheet = r#"<worksheet xmlns="m"><sheetData>
      <row r="1"><c r="A1" t="s"><v>0</v></c></row>
      <row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3" t="s"><v>2</v></c><c r="C3" t="s"><v>3</v></c><c r="D3" t="inlineStr"><is><t>地址</t></is></c></row>
      <row r="4"><c r="A4"><v>1.3800138E10</v></c><c r="B4" t="s"><v>4</v></c><c r="C4" s="1"><v>46348.333333333336</v></c><c r="D4" t="str"><f>A1&amp;B1</f><v>东&lt;路</v></c></row>
      <row r="5"><c><v>7</v></c><c t="inlineStr"><is><r><t>富</t></r><r><t>文本</t></r><rPh><t>fu</t></rPh></is></c><c r="D5"><f>SUM(A1)</f></c></row>
      <row r="6"/><row r="7"><c r="A7"><v>9</v></c><c r="B7" t="e"><v>#N/A</v></c></row>
    </sheetData><mergeCells count="2"><mergeCell ref="A1:D1"/><mergeCell ref="C4:C5"/></mergeCells></worksheet>"#;
    let parts = [
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="h" sheetId="1" state="hidden" r:id="rId1"/><sheet name="v" sheetId="2" r:id="rId2"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Target="worksheets/none.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>"#,
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy/m/d h:mm"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
        ),
        (
            "xl/sharedStrings.xml",
            r#"<sst><si><t>登记表</t></si><si><t>编号</t></si><si><t>诉求内容</t></si><si><t>受理时间</t></si><si><t xml:space="preserve">一行&#10;又一行</t></si></sst>"#,
        ),
        ("xl/worksheets/sheet2.xml", sheet),
    ];
    let mut book = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        book.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut book, text.as_bytes()).unwrap();
    }
    let bytes = book.finish().unwrap().into_inner();
    let map = json!({ "map": ".row | {id: .[\"编号\"], content: .[\"诉求内容\"], occurred_at: .[\"受理时间\"], location: {text: .[\"地址\"]}}" });
    let (appeals, rejects) = read(map, "a.xlsx", &bytes).unwrap();
    let found: Vec<_> = appeals
        .iter()
        .map(|appeal| {
            (appeal.content.as_str(), appeal.occurred_at.as_deref().unwrap(), appeal.location.text.as_deref().unwrap())
        })
        .collect();
    let at = "2026-11-22T08:00:00+08:00";
    assert_eq!(found, [("一行\n又一行", at, "东<路"), ("富文本", at, "=SUM(A1)")]);
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert!(rejects[0].starts_with("7,"), "{rejects:?}");
}
