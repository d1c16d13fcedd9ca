use super::*;
use weir_sdk::testing::{self, LabelSet, Line, labels};

fn configure(config: &str) -> Result<Drop, String> {
    testing::configure(config).map_err(|e| e.to_string())
}

fn dropped(matcher: &str, set: LabelSet) -> bool {
    let config = format!(r#"{{"matchers":[{}]}}"#, format_args!("{matcher:?}"));
    testing::series(&configure(&config).unwrap(), [set]).unwrap().remove(0).is_none()
}

#[test]
fn selectors_as_in_promql() {
    let set = || labels([("__name__", "http_requests_total"), ("code", "200"), ("path", "/a\"b")]);
    for (matcher, expected) in [
        ("http_requests_total", true),
        ("up", false),
        (r#"http_requests_total{code="200"}"#, true),
        (r#"{ code = "200" , path =~ "/a.*", }"#, true),
        (r#"{code="200",path="/"}"#, false),
        (r#"{code=~"20"}"#, false),
        (r#"{code=~"2..|500"}"#, true),
        (r#"{code!="200",path!=""}"#, false),
        (r#"{code!~"5..",path!=""}"#, true),
        (r#"{missing="",code="200"}"#, true),
        (r#"{missing!="",code="200"}"#, false),
        (r#"{path="/a\"b"}"#, true),
        (r#"{path='/a"b'}"#, true),
        (r#"{path=~`/a"\w`}"#, true),
        (r#"{"http_requests_total", "code"="200"}"#, true),
    ] {
        assert_eq!(dropped(matcher, set()), expected, "{matcher}");
    }
}

#[test]
fn a_stream_is_selected_by_its_labels() {
    assert!(dropped(r#"{app="web"}"#, labels([("app", "web")])));
    assert!(!dropped(r#"up{app="web"}"#, labels([("app", "web")])));
}

#[test]
fn any_selector_drops() {
    let plugin = configure(r#"{"matchers":["a","b","{x=~\".+\"}"]}"#).unwrap();
    let sets = ["a", "b", "c"].map(|name| labels([("__name__", name)]));
    let out = testing::series(&plugin, sets).unwrap();
    assert_eq!(out, [None, None, Some(labels([("__name__", "c")]))]);
    assert_eq!(Series::wants(&plugin), Labels::named(["__name__", "x"]));
}

#[test]
fn lines_by_text_and_stream() {
    let config = r#"{"lines":{"contains":["/healthz","a.b"],"regex":"^DEBUG","matchers":["{app=\"web\"}"]}}"#;
    let mut plugin = configure(config).unwrap();
    let line = |app, text: &str| Line::new(text).label("app", app);
    let lines = [
        line("web", "GET /healthz 200"),
        line("web", "DEBUG x"),
        line("web", "not DEBUG, and axb"),
        line("web", "a.b"),
        line("db", "GET /healthz 200"),
    ];
    let kept: Vec<bool> = testing::logs(&mut plugin, lines).unwrap().iter().map(Option::is_some).collect();
    assert_eq!(kept, [false, false, true, false, true]);
    assert_eq!(Series::wants(&plugin), Labels::Nothing);
}

#[test]
fn without_lines_no_line_crosses() {
    let plugin = configure(r#"{"matchers":["up"]}"#).unwrap();
    assert_eq!(Logs::wants(&plugin), LogsWanted::default());
}

#[test]
fn errors_say_what_and_where() {
    for (config, expected) in [
        ("{}", "config: there are neither matchers nor lines"),
        (r#"{"matchers":["up","{}"]}"#, "config.matchers[1]: \"{}\" selects everything"),
        (r#"{"matchers":["{a=~\".*\"}"]}"#, "config.matchers[0]: "),
        (r#"{"matchers":["{a}"]}"#, "config.matchers[0]: expected =, !=, =~ or !~, at \"}\" of \"{a}\""),
        (r#"{"matchers":["{a=\"x\""]}"#, "config.matchers[0]: expected , or }"),
        (r#"{"matchers":["{a=\"x}"]}"#, "config.matchers[0]: the string has no end"),
        (r#"{"matchers":["{a=~\"(\"}"]}"#, "config.matchers[0]: regex parse error"),
        (r#"{"lines":{}}"#, "config.lines: needs contains or regex"),
        (r#"{"lines":{"contain":["x"]}}"#, "config.lines.contain: unknown field"),
    ] {
        let error = configure(config).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}
