use super::*;
use serde_json::json;

fn run(filter: &str, input: Value) -> Result<Vec<Value>, RunError> {
    Filter::map(filter).unwrap_or_else(|error| panic!("{filter}: {error}")).run(input, Caps::default())
}

fn refused(filter: &str) -> String {
    Filter::map(filter).expect_err(filter).to_string()
}

#[test]
fn a_map_is_jq() {
    let input = json!({ "a": { "b": [1, 2, 3] }, "text": "路灯 坏了", "n": 13_800_138_000_u64, "null": null });
    for (filter, expected) in [
        (".a.b", vec![json!([1, 2, 3])]),
        (".a.b[]", vec![json!(1), json!(2), json!(3)]),
        (".a[\"b\"][1:]", vec![json!([2, 3])]),
        (".a.b[.a.b[0]]", vec![json!(2)]),
        (".missing.deeper?", vec![json!(null)]),
        ("{content: .text, id: (.n | tostring)}", vec![json!({ "content": "路灯 坏了", "id": "13800138000" })]),
        ("{text, \"x\": 1, (\"y\" + \"z\"): 2}", vec![json!({ "text": "路灯 坏了", "x": 1, "yz": 2 })]),
        (".null // .text", vec![json!("路灯 坏了")]),
        ("def twice(f): f | f; 3 | twice(. * 2)", vec![json!(12)]),
        ("def add2($x; $y): $x + $y; add2(1; 2)", vec![json!(3)]),
        ("reduce .a.b[] as $x (0; . + $x)", vec![json!(6)]),
        ("[foreach .a.b[] as $x (0; . + $x; [$x, .])]", vec![json!([[1, 1], [2, 3], [3, 6]])]),
        ("[range(0; 10; 3)]", vec![json!([0, 3, 6, 9])]),
        ("[limit(2; .a.b[])]", vec![json!([1, 2])]),
        ("first(.a.b[])", vec![json!(1)]),
        (".text | split(\" \")", vec![json!(["路灯", "坏了"])]),
        (".text | test(\"^路\")", vec![json!(true)]),
        (".text | gsub(\"\\\\s\"; \"-\")", vec![json!("路灯-坏了")]),
        ("(.text / \" \") | join(\"+\")", vec![json!("路灯+坏了")]),
        ("\"a\\(.a.b | length)b\"", vec![json!("a3b")]),
        ("[1, 2, 3] - [2]", vec![json!([1, 3])]),
        ("\"ab\" * 3", vec![json!("ababab")]),
        (".a.b as [$x, $y] | $x + $y", vec![json!(3)]),
        (". as {text: $t} | $t", vec![json!("路灯 坏了")]),
        ("try error(\"x\") catch .", vec![json!("x")]),
        ("[.a.b[] | select(. > 1)]", vec![json!([2, 3])]),
        (".a.b[0] = 9 | .a.b", vec![json!([9, 2, 3])]),
        (".a |= with_entries(.key |= ascii_upcase) | .a", vec![json!({ "B": [1, 2, 3] })]),
        ("del(.a, .n, .null)", vec![json!({ "text": "路灯 坏了" })]),
        ("label $out | .a.b[] | if . == 2 then ., break $out else . end", vec![json!(1), json!(2)]),
        ("\"5rOV\" | @base64d", vec![json!("法")]),
        ("\"{\\\"a\\\":[1]}\" | fromjson | .a", vec![json!([1])]),
        ("[..] | length", vec![json!(9)]),
        ("\"12\" | tonumber + 1", vec![json!(13)]),
        ("[.a.b | index(2), (contains([3])), (2 | IN(1, 2))?] | length", vec![json!(2)]),
        ("\"2026/11/22 8:00\" | as_time", vec![json!("2026-11-22T08:00:00+08:00")]),
        ("[1, [2], null] | map(toarray)", vec![json!([[1], [2], [null]])]),
        ("[\"投诉\", \"噪声\"] | map(as_kind)", vec![json!(["complaint", null])]),
        ("empty", vec![]),
        ("null", vec![json!(null)]),
    ] {
        if filter.contains("IN(") {
            assert!(refused(filter).contains("`IN`"), "not in the list, so not in the language");
            continue;
        }
        assert_eq!(run(filter, input.clone()).as_deref(), Ok(&expected[..]), "{filter}");
    }
}

#[test]
fn what_need_not_end_or_reads_the_surroundings_is_refused_with_its_place() {
    for (filter, expected) in [
        (
            "def f: f; f",
            "`f` calls itself, and a map must end: use map, reduce, foreach, limit or `..` (line 1, column 8: f; f)",
        ),
        ("def f(g): def h: f(g); h; f(.)", "`f` calls itself"),
        ("repeat(1)", "`repeat` may not be used in a map (line 1, column 1: repeat(1))"),
        (".a |\n  until(. > 3; . + 1)", "`until` may not be used in a map (line 2, column 3: until(. > 3; . + 1))"),
        ("recurse(.a)", "`recurse` with a filter of its own"),
        ("now", "`now`"),
        ("env.HOME", "`env`"),
        ("$ENV", "there is no variable $ENV (line 1, column 1: $ENV)"),
        ("input", "`input`"),
        ("halt", "`halt`"),
        ("debug", "`debug`"),
        ("import \"a\" as a; .", "nothing to load"),
        ("__size", "`__size`"),
        ("1 as $__l | $__l", "names that begin with __ are taken"),
        (".a.b.c | nonsense(1)", "`nonsense` may not be used in a map (line 1, column 10: nonsense(1))"),
        ("map(1; 2)", "there is no filter map"),
        ("$x", "there is no variable $x"),
    ] {
        let error = refused(filter);
        assert!(error.contains(expected), "{filter}: {error}");
    }
}

#[test]
fn a_slip_is_told_with_its_place() {
    for (filter, expected) in [
        ("", "the filter is empty"),
        ("{content: .body.", "line 1, column 10"),
        (
            "{\n  content: .body.text\n  title: .body.t\n}",
            "comma or right brace expected, but there is \"title\" (line 3, column 3: title: .body.t)",
        ),
        (".a | @", "identifier expected, but the filter ends (line 1, column 7: the end)"),
        ("\"abc", "closing quote expected"),
        ("if . then 1", "else or end expected, but the filter ends"),
    ] {
        let error = refused(filter);
        assert!(error.contains(expected) || error.contains("not a jq filter"), "{filter}: {error}");
        assert!(error.contains(expected) || expected.starts_with("line"), "{filter}: {error}");
    }
}

#[test]
fn a_failure_is_told_with_its_place_and_without_the_input() {
    let input = json!({ "body": { "phone": "13800138000", "list": "a b" } });
    for (filter, at, what) in [
        ("{content: .body.phone.number}", ".number", "no such field"),
        ("{\n  content: (.body.list | map(.x))\n}", "map(.x))", "wrong type"),
        (".body.phone + 1", "phone + 1", "operator"),
        (".body | tojson | fromjson | .phone | error", "error", "raises an error"),
        (".body.list | tonumber", "tonumber", "cannot be read"),
    ] {
        let error = run(filter, input.clone()).expect_err(filter);
        assert!(error.to_string().contains(what), "{filter}: {error}");
        assert!(!error.to_string().contains("138"), "{filter}: {error}");
        let words = &error.place.as_ref().expect(filter).words;
        assert!(words.starts_with(at.trim_start_matches('.')), "{filter}: {words}");
    }
}

#[test]
fn no_filter_runs_on_or_fills_the_memory() {
    let long = "a".repeat(1 << 20);
    let input = json!({ "many": vec![1; 50_000], "more": vec![2; 50_000], "text": long });
    for filter in [
        "[range(1e12)]",
        "last(range(1e12))",
        "[range(infinite)]",
        "reduce range(100) as $i (\"a\"; . + .)",
        "reduce range(100) as $i ([0]; [., .]) | tojson",
        "reduce range(100) as $i ([0]; . + .) | length",
        "\"a\" * 1e15",
        "\"a\" * 1000000 * 1000000",
        ".many - .more",
        "[.text * 2 | explode] | length",
        ".text | gsub(\"a\"; \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\")",
        "[.many[] as $a | .many[] as $b | $a + $b] | length",
        "reduce range(1e6) as $i (0; [.])",
        "reduce range(64) as $i (3; . * .)",
        "def a: ., .; def b: a | a; def c: b | b; def d: c | c; def e: d | d; def f: e | e; last(f)",
        "try [range(1e12)] catch 1",
        "[.many[] | [range(1000)]] | length",
        "[range(30) as $i | [0, 1]] | combinations",
        "[limit(1e12; range(1e12))]",
        "[.text | splits(\"a\")] | length",
    ] {
        let Ok(compiled) = Filter::map(filter) else { continue };
        let started = std::time::Instant::now();
        let error = compiled.run(input.clone(), Caps::default()).expect_err(filter);
        assert!(error.what.contains("too many steps") || error.what.contains("more than"), "{filter}: {error}");
        assert!(started.elapsed().as_secs() < 30, "{filter}");
    }
}

#[test]
fn no_filter_overflows_the_stack() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a:", "}"),
        ("-", ""),
        ("try ", ""),
        (".|", ""),
        (".+", ""),
        ("not|", ""),
        ("\"\\(", ")\""),
        ("if . then ", " end"),
        (". as $x|", ""),
        ("def f: .;", ""),
        ("map(", ")"),
        (".,", ""),
        (".a", ""),
        ("reduce . as $x(0;", ")"),
    ] {
        for depth in [50, 150, 16 * 1024 / (open.len() + close.len()) - 1] {
            let filter = format!("{}.{}", open.repeat(depth), close.repeat(depth));
            if let Ok(filter) = Filter::map(&filter) {
                let _ = filter.run(json!(1), Caps::default());
            }
        }
    }
    assert!(refused(&"(".repeat(10_000)).contains("nested"));
    let chain: String =
        (0..150).map(|i| if i == 0 { "def f0: .;".into() } else { format!("def f{i}: [f{}];", i - 1) }).collect();
    assert!(refused(&format!("{chain} f149")).contains("nested too deeply"));
}

#[test]
fn outputs_are_capped() {
    let caps = Caps { outputs: 3, bytes: 1000, ..Caps::default() };
    let filter = |source: &str| Filter::map(source).unwrap().run(json!("x"), caps);
    assert!(filter("range(3)").is_ok());
    assert!(filter("range(4)").unwrap_err().what.contains("more than 3 values"));
    assert!(filter("\"a\" * 2000").unwrap_err().what.contains("too large"));
    assert!(
        filter("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")
            .unwrap_err()
            .what
            .contains("deep")
    );
}
