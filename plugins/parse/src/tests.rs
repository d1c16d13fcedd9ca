use proptest::prelude::*;
use serde_json::{Value, json};
use weir_sdk::testing::{self, Line, counted};

use super::*;
use crate::found::{Wanted, name_of};

fn plugin(config: &str) -> Parse {
    testing::configure(config).unwrap()
}

/// What becomes of lines; `None` where one is dropped.
fn all(plugin: &mut Parse, lines: impl IntoIterator<Item = Line>) -> Vec<Option<Line>> {
    testing::logs(plugin, lines).unwrap()
}

fn one(plugin: &mut Parse, line: &str) -> Line {
    all(plugin, [Line::new(line).label("job", "app")]).pop().unwrap().expect("the line stays")
}

fn line(text: &str) -> Line {
    Line::new(text).label("job", "app")
}

#[test]
fn json_goes_where_the_operator_wants_it() {
    let mut plugin = plugin(
        r#"{"formats":["json"],"labels":{"level":"lvl","service":""},"structured_metadata":["trace_id","http.status"],
            "timestamp":{"source":"ts"},"output":"msg"}"#,
    );
    let text = r#"{"ts":"2023-11-14T22:13:20.5Z","lvl":"warn","service":"api","http":{"status":503,"path":"/"},
        "trace_id":"4bf9","msg":"upstream \"db\" failed\n","more":[1,2]}"#;
    let wanted = Line::new("upstream \"db\" failed\n")
        .label("job", "app")
        .label("level", "warn")
        .label("service", "api")
        .metadata("trace_id", "4bf9")
        .metadata("http_status", "503")
        .at(1_700_000_000_500_000_000);
    assert_eq!(one(&mut plugin, text), wanted);
    // what is missing, null or empty changes nothing
    let bare = one(&mut plugin, r#"{"lvl":null,"service":"","trace_id":{}}"#);
    assert_eq!(bare, line(r#"{"lvl":null,"service":"","trace_id":{}}"#).metadata("trace_id", "{}"));
}

#[test]
fn all_that_is_not_used_otherwise_becomes_metadata() {
    let mut plugin = plugin(
        r#"{"formats":["json"],"labels":["level"],"structured_metadata":"all","timestamp":{"source":"t","format":"UnixMs"},"output":"msg"}"#,
    );
    let text = r#"{"level":"info","t":1700000000123,"msg":"hi","a":{"b":{"c.d":true}},"list":[1,{"x":"]"}],"9":1.5e3,"none":null,"é":"ü"}"#;
    let wanted = line("hi")
        .label("level", "info")
        .metadata("a_b_c_d", "true")
        .metadata("list", r#"[1,{"x":"]"}]"#)
        .metadata("_9", "1.5e3")
        .metadata("_", "ü")
        .at(1_700_000_000_123_000_000);
    assert_eq!(one(&mut plugin, text), wanted);
}

#[test]
fn a_line_has_no_more_metadata_than_loki_takes() {
    let mut plugin = plugin(r#"{"formats":["json"],"structured_metadata":"all"}"#);
    let keys: Vec<String> = (0..200).map(|i| format!("\"k{i}\":1")).collect();
    let out = one(&mut plugin, &format!("{{{}}}", keys.join(",")));
    assert_eq!((out.metadata.get("k127"), out.metadata.get("k128")), (Some("1"), None));
    assert_eq!(counted("parse_values_skipped", &[]), 72.0);
}

#[test]
fn a_value_that_loki_would_refuse_its_line_for_is_left_out() {
    let mut plugin = plugin(r#"{"formats":["json"],"labels":["level"],"structured_metadata":"all","output":"msg"}"#);
    let long = |n: usize| "x".repeat(n);
    let text = format!(
        r#"{{"{}":"a key","level":"{}","a":"{}","b":"{}","c":"{}","msg":"{}"}}"#,
        long(1025),
        long(2049),
        long(40 << 10),
        long(40 << 10),
        long(20 << 10),
        long(100 << 10)
    );
    let out = one(&mut plugin, &text);
    let has = |name: &str| out.metadata.get(name).map(str::len);
    assert_eq!((has("a"), has("b"), has("c")), (Some(40 << 10), None, Some(20 << 10)));
    assert_eq!((out.labels.get("level"), out.text.len(), has(&long(1025))), (None, 100 << 10, None));
    assert_eq!(counted("parse_values_skipped", &[]), 3.0);
}

#[test]
fn what_lies_deep_is_kept_as_its_text_and_what_lies_too_deep_is_no_json() {
    let mut plugin = plugin(r#"{"formats":["json"],"structured_metadata":"all","malformed":"drop"}"#);
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let out = one(&mut plugin, &nested(100));
    let (name, text) = (["a"; 16].join("_"), nested(84));
    assert_eq!(out.metadata.get(&name), Some(text.as_str()));
    assert_eq!(all(&mut plugin, [line(&nested(100_000)), line(&"[".repeat(100_000))]), [None, None]);
}

#[test]
fn logfmt_with_quotes_and_bare_words() {
    let mut plugin = plugin(r#"{"formats":["logfmt"],"labels":["level"],"structured_metadata":"all"}"#);
    let text = r#"level=info  msg="say \"hi\"\nall" dur.ms=12 url=http://x/?a=b done empty= q="""#;
    let wanted = line(text)
        .label("level", "info")
        .metadata("msg", "say \"hi\"\nall")
        .metadata("dur_ms", "12")
        .metadata("url", "http://x/?a=b");
    assert_eq!(one(&mut plugin, text), wanted);
    for bad in ["no pair here", "", "a=\"open", "=x"] {
        assert_eq!(one(&mut plugin, bad), line(bad).metadata("parse_error", "logfmt"), "{bad}");
    }
}

#[test]
fn a_pattern_has_named_groups() {
    let mut plugin = plugin(
        r#"{"formats":["regex"],"expression":"^(?P<ip>\\S+) .*\\[(?P<at>[^\\]]+)\\] \"(?P<method>\\w+)[^\"]*\" (?P<status>\\d+)(?: (?P<size>\\d+))?",
            "labels":{"method":"method"},"structured_metadata":["status","size"],
            "timestamp":{"source":"at","format":"%d/%b/%Y:%H:%M:%S %z"}}"#,
    );
    let text = r#"10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200"#;
    let wanted = line(text).label("method", "GET").metadata("status", "200").at(1_700_000_000_000_000_000);
    assert_eq!(one(&mut plugin, text), wanted);
    assert_eq!(one(&mut plugin, "x"), line("x").metadata("parse_error", "regex"));
}

#[test]
fn lines_that_cannot_be_read_are_marked_kept_or_dropped_and_counted() {
    let bad = [
        "plain",
        r#"{"a":1"#,
        r#"{"a":1} x"#,
        "[1]",
        r#"{"a":01}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":tru}"#,
        r#"{"a" 1}"#,
        "{,}",
    ];
    for (policy, marked) in [("mark", Some("json")), ("keep", None)] {
        let mut plugin =
            plugin(&format!(r#"{{"formats":["json"],"structured_metadata":["a"],"malformed":"{policy}"}}"#));
        for text in bad {
            let out = one(&mut plugin, text);
            assert_eq!(
                (out.text.as_str(), out.metadata.get("parse_error"), out.metadata.get("a")),
                (text, marked, None)
            );
        }
    }
    let mut plugin = plugin(r#"{"formats":["json"],"structured_metadata":["a"],"malformed":"drop"}"#);
    assert!(all(&mut plugin, bad.map(line)).iter().all(Option::is_none));
    assert_eq!(counted("parse_malformed", &[("format", "json")]), 3.0 * bad.len() as f64);
}

#[test]
fn the_first_format_that_fits_reads_a_line() {
    let mut plugin = plugin(r#"{"formats":["json","logfmt"],"labels":["level"]}"#);
    for (text, level) in [(r#"{"level":"info"}"#, Some("info")), ("level=warn x", Some("warn")), ("error!", None)] {
        let out = one(&mut plugin, text);
        assert_eq!(out.labels.get("level"), level);
        assert_eq!(out.metadata.get("parse_error"), level.is_none().then_some("json"));
    }
}

#[test]
fn a_time_that_cannot_be_read_leaves_the_one_of_reading() {
    let mut plugin = plugin(r#"{"formats":["json"],"timestamp":{"source":"ts"}}"#);
    let out = all(&mut plugin, [line(r#"{"ts":"yesterday"}"#).at(7), line(r#"{"ts":1700000000}"#).at(8)]);
    let times: Vec<i64> = out.into_iter().flatten().map(|l| l.timestamp).collect();
    assert_eq!(times, [7, 8]);
    assert_eq!(counted("parse_timestamps_unread", &[]), 2.0);
}

const T: &str = "2023-11-14T22:13:20.000000001Z";

#[test]
fn a_runtimes_line_is_unwrapped_and_its_text_read() {
    let mut plugin = plugin(r#"{"formats":["cri","json"],"labels":["level"],"output":"msg"}"#);
    let out = one(&mut plugin, &format!(r#"{T} stderr F {{"level":"warn","msg":"hi"}}"#));
    let wanted = line("hi").label("level", "warn").label("stream", "stderr").at(1_700_000_000_000_000_001);
    assert_eq!(out, wanted);
    // text that is no JSON is unwrapped all the same, and a line that is none of a runtime's stays as it is
    let out = one(&mut plugin, &format!("{T} stdout F plain"));
    assert_eq!((out.text.as_str(), out.metadata.get("parse_error")), ("plain", Some("json")));
    let out = one(&mut plugin, "hello");
    assert_eq!(out, line("hello").metadata("parse_error", "cri"));
}

#[test]
fn pieces_are_put_together_for_each_stream_and_over_batches() {
    let mut plugin = plugin(r#"{"formats":["cri"],"cri":{"stream":"nothing"}}"#);
    let piece = |app: &str, rest: &str, at: i64| Line::new(format!("{T} {rest}")).label("app", app).at(at);
    let first = [piece("a", "stdout P one ", 1), piece("b", "stdout P uno ", 1), piece("a", "stderr F whole", 2)];
    let out = all(&mut plugin, first);
    assert_eq!(
        out.iter().map(|l| l.as_ref().map(|l| l.text.as_str())).collect::<Vec<_>>(),
        [None, None, Some("whole")]
    );
    let second = [
        piece("a", "stdout P two ", 3),
        piece("b", "stdout F due", 3),
        piece("a", "stdout F three", 4),
        piece("a", "stdout F four", 5),
    ];
    let out: Vec<Line> = all(&mut plugin, second).into_iter().flatten().collect();
    let texts: Vec<(&str, &str)> = out.iter().map(|l| (l.labels.get("app").unwrap(), l.text.as_str())).collect();
    assert_eq!(texts, [("b", "uno due"), ("a", "one two three"), ("a", "four")]);
    assert_eq!(counted("parse_cri_lines_joined", &[]), 2.0);
    assert_eq!(testing::gauged("parse_cri_partials_open", &[]), Some(0.0));
}

#[test]
fn what_is_open_outlives_the_instance() {
    let config = r#"{"formats":["cri"]}"#;
    let piece = |rest: &str| line(&format!("{T} stdout {rest}"));
    let mut before = plugin(config);
    all(&mut before, [piece("P one "), piece("P two ")]);
    drop(before);
    let mut after = plugin(config);
    let out = all(&mut after, [piece("F three")]).pop().unwrap().unwrap();
    assert_eq!(out.text, "one two three");
    drop(after);
    let out = one(&mut plugin(config), &format!("{T} stdout F alone"));
    assert_eq!(out.text, "alone", "what was put together is in the store no more");
}

#[test]
fn what_has_no_room_goes_on_in_parts_and_nothing_is_lost() {
    let mut plugin = plugin(r#"{"formats":["cri"],"cri":{"max_line_size":10,"max_partial_lines":1}}"#);
    let piece = |app: &str, rest: &str, at: i64| Line::new(format!("{T} stdout {rest}")).label("app", app).at(at);
    let mut texts = |lines: &[(&str, &str, i64)]| -> Vec<String> {
        let out = all(&mut plugin, lines.iter().map(|(app, rest, at)| piece(app, rest, *at)));
        out.into_iter().flatten().map(|l| l.text).collect()
    };
    assert_eq!(
        texts(&[("a", "P 12345", 0), ("a", "P 67890", 0), ("a", "P more", 0), ("a", "F end", 0)]),
        ["1234567890more", "end"]
    );
    assert_eq!(texts(&[("a", "P 12345678901", 0)]), ["12345678901"]);
    assert_eq!(texts(&[("a", "P one", 0), ("b", "P two", 0), ("b", "F three", 0)]), ["two", "three"]);
    // a stream that ended amid a line makes room after a while
    let late = 301_000_000_000;
    assert_eq!(texts(&[("b", "P four ", late), ("b", "F five", late), ("a", "F six", late)]), ["four five", "six"]);
    for (name, times) in
        [("parse_cri_lines_cut", 3.0), ("parse_cri_partials_lost", 1.0), ("parse_cri_lines_joined", 1.0)]
    {
        assert_eq!(counted(name, &[]), times, "{name}");
    }
}

#[test]
fn it_asks_for_what_it_reads() {
    let wants = |config| plugin(config).wants();
    let lines = LogsWanted { lines: true, ..LogsWanted::default() };
    assert_eq!(wants(r#"{"formats":["json"],"labels":["a"],"timestamp":{"source":"t"}}"#), lines);
    let yearless = r#"{"formats":["json"],"timestamp":{"source":"t","format":"%b %d %H:%M:%S"}}"#;
    assert_eq!(wants(yearless), LogsWanted { timestamps: true, ..lines.clone() });
    assert_eq!(wants(r#"{"formats":["cri"]}"#), LogsWanted { timestamps: true, labels: Labels::Everything, ..lines });
}

#[test]
fn errors_name_the_key() {
    for (config, wanted) in [
        ("{}", "config: missing field `formats`"),
        (r#"{"formats":[]}"#, "config.formats: name at least one of cri, json, logfmt, regex"),
        (
            r#"{"formats":["yaml"]}"#,
            "config.formats[0]: unknown variant `yaml`, expected one of `cri`, `json`, `logfmt`, `regex`",
        ),
        (
            r#"{"formats":["json","cri"]}"#,
            "config.formats: cri comes first and once; the others read the text that is in its lines",
        ),
        (r#"{"formats":["json","json"]}"#, "config.formats: json is named twice"),
        (
            r#"{"formats":["cri"],"output":"msg"}"#,
            "config.formats: cri alone finds nothing but its stream; add json, logfmt or regex for the keys",
        ),
        (r#"{"formats":["regex"]}"#, "config.expression: the format regex needs a pattern with named groups"),
        (r#"{"formats":["regex"],"expression":"a"}"#, "config.expression: has no named group such as (?P<level>\\w+)"),
        (
            r#"{"formats":["json"],"expression":"a"}"#,
            "config.expression: belongs to the format regex; formats = [\"regex\"]",
        ),
        (r#"{"formats":["json"],"cri":{}}"#, "config.cri: belongs to the format cri; formats = [\"cri\", …]"),
        (r#"{"formats":["json"],"labels":{"a-b":"x"}}"#, "config.labels: \"a-b\" is not a label name"),
        (
            r#"{"formats":["json"],"labels":"all"}"#,
            "config.labels: a list of keys, or a table; all keys as labels would make a stream of nearly every line",
        ),
        (r#"{"formats":["json"],"labels":7}"#, "config.labels: expected a list of keys, or a table of names and keys"),
        (
            r#"{"formats":["json"],"structured_metadata":"some"}"#,
            "config.structured_metadata: \"some\" is neither \"all\" nor a list or table of keys",
        ),
        (
            r#"{"formats":["cri"],"cri":{"max_partial_lines":0}}"#,
            "config.cri: max_partial_lines is between 1 and 10000, max_line_size between 1 and 16777216",
        ),
    ] {
        assert_eq!(testing::configure::<Parse>(config).unwrap_err().to_string(), wanted, "{config}");
    }
    let error =
        testing::configure::<Parse>(r#"{"formats":["json"],"timestamp":{"source":"t","format":"2006"}}"#).unwrap_err();
    assert!(error.to_string().starts_with("config.timestamp: \"2006\" is neither RFC3339, Unix"), "{error}");
}

/// Values as the plugin writes them, in the order of the document.
fn flattened(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let mut below = path.to_owned();
                if path.is_empty() {
                    below.push_str(&name_of(key));
                } else {
                    below.push('_');
                    found::write_name(key, &mut below);
                }
                flattened(&below, value, out);
            }
        }
        Value::Null => {}
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        other => out.push((path.to_owned(), other.to_string())),
    }
}

fn read(text: &str) -> Option<Vec<(String, String)>> {
    let wanted = Wanted { keys: vec![], others: true };
    let mut found = Found::default();
    json::read(text, &wanted, &mut String::new(), &mut found)
        .then(|| found.iter(text).map(|(name, value)| (name.unwrap_err().to_owned(), value.to_owned())).collect())
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\n]{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z.9é\"]{0,4}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    });
    prop::collection::btree_map("[a-z_.9é\"]{0,5}", value, 0..6).prop_map(|m| json!(m))
}

proptest! {
    #[test]
    fn json_is_read_as_serde_reads_it(document in documents(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let mut wanted = vec![];
        // serde's map has sorted keys, and so has its text
        flattened("", &document, &mut wanted);
        // lists are their text, which only the compact form has alike
        if pretty {
            let names = |pairs: Vec<(String, String)>| pairs.into_iter().map(|p| p.0).collect::<Vec<_>>();
            prop_assert_eq!(read(&text).map(names), Some(names(wanted)));
        } else {
            prop_assert_eq!(read(&text), Some(wanted));
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_serde_refuses_it(document in documents(), at in any::<prop::sample::Index>(), what in "[ -~é]{0,2}") {
        let mut text = serde_json::to_string(&document).unwrap();
        let at = (0..=at.index(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let end = (at + 1..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(at);
        text.replace_range(at..end, &what);
        let theirs = serde_json::from_str::<serde_json::Map<String, Value>>(&text);
        // numbers beyond a float, half surrogates and control characters are no errors here
        let lenient = theirs.as_ref().is_err_and(|e| ["out of range", "surrogate", "control character"].iter().any(|w| e.to_string().contains(w)));
        if !lenient {
            prop_assert_eq!(read(&text).is_some(), theirs.is_ok(), "{}: {:?}", text, theirs);
        }
    }

    #[test]
    fn no_line_is_too_odd(text in any::<String>(), form in 0_usize..4) {
        let config = [r#"{"formats":["json"],"structured_metadata":"all"}"#, r#"{"formats":["logfmt"],"structured_metadata":"all"}"#,
            r#"{"formats":["cri","json"],"structured_metadata":"all"}"#, r#"{"formats":["regex"],"expression":"(?P<a>.)","labels":["a"]}"#];
        prop_assert_eq!(all(&mut plugin(config[form]), [line(&text), line(&format!("{{{text}"))]).len(), 2);
    }
}

#[test]
fn a_time_that_is_ahead_of_the_reading_is_not_the_lines() {
    let read = 1_700_000_000_000_000_000;
    let mut plugin = plugin(r#"{"formats":["cri","json"],"timestamp":{"source":"ts","format":"UnixNs"}}"#);
    let mut at = |cri: &str, ts: i64| {
        let text = format!("{cri} stdout F {{\"ts\":{ts}}}");
        let out = all(&mut plugin, [line(&text).at(read)]).pop().unwrap().expect("the line stays");
        out.timestamp
    };
    assert_eq!(at("2023-11-14T22:13:19Z", read + 599_000_000_000), read + 599_000_000_000);
    assert_eq!(counted("parse_timestamps_unread", &[]), 0.0);
    assert_eq!(at("2023-11-14T22:13:19Z", read + 601_000_000_000), read - 1_000_000_000, "what the runtime says");
    assert_eq!(at("2100-11-14T22:13:19Z", i64::MAX), read);
    assert_eq!(counted("parse_timestamps_unread", &[]), 3.0);
}
